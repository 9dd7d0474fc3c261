"""Truncated and recomputed backpropagation. In: a `Direction`, its tensors, `bptt`. Out: the
results of the whole sequence; next: `stack`.

A number k splits the sequence into windows of k steps, between which no derivative is propagated.
"recompute" stores only the states between segments. The backward pass starts with the last segment:
it runs forward again, now storing everything, and then backward. With segments of about the square
root of T, memory grows with that square root, at the cost of another forward pass.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from unrolled.engines.engine import BackwardResults
from unrolled.layers.mapped import is_mapped, one_by_one
from unrolled.layers.operator import (
    Direction,
    KernelSequence,
    Run,
    Tensors,
    by_argument,
    contiguous,
    differentiable,
    is_followed,
    push_forward,
    traced,
)

Window = tuple[int, int]
Whole = Callable[..., Tensors]

SHORTEST = 32  # steps of a segment: shorter ones save nothing worth their second forward pass


def pieces(direction: Direction, *tensors: Any, bptt: str | int) -> Tensors:
    """The sequence in windows or segments, of which there is at least one step."""
    xs, initial, weights, probes = direction.split(tensors)
    form, steps = xs.shape[:-1], direction.schedule.steps
    flat = [
        xs.flatten(0, -2).contiguous(),
        *initial,
        *weights,
        *(probe.flatten(0, -2) for probe in probes),
    ]
    if bptt == "recompute":
        length = segment(steps)
        if direction.is_traced:
            found = _windows(direction, length, _checkpointed, flat)
        else:
            found = _Segments.apply(direction, length, *flat)  # type: ignore[no-untyped-call]
    else:
        assert isinstance(bptt, int)
        whole = traced if direction.is_traced else KernelSequence.apply
        found = _windows(direction, bptt, _detached(whole), flat)
    finals = found[1 : 1 + direction.states]
    by_token: Tensors = (found[0], *found[1 + direction.states :])
    outputs, *records = (t.reshape(*form, t.shape[1]) for t in by_token)
    return outputs, *finals, *records


def segment(steps: int) -> int:
    """The length of a segment: T / length states between segments are stored, and length steps of
    one segment."""
    return max(SHORTEST, math.ceil(0.8 * math.sqrt(steps)))


def windows(steps: int, length: int) -> list[Window]:
    """Steps first ... last - 1, in windows of this length."""
    return [(first, min(first + length, steps)) for first in range(0, steps, length)]


def _windows(direction: Direction, length: int, run: Whole, tensors: Sequence[Any]) -> Tensors:
    """One window after another, each starting from the final states of the previous one."""
    xs, initial, weights, probes = direction.split(tensors)
    states: list[Any] = initial
    count = direction.states
    if not direction.is_traced and direction.packs is None:
        direction = direction.packed({})
    parts: list[tuple[int, Tensors]] = []
    for window in windows(direction.schedule.steps, length):
        span = direction.schedule.span(*window)
        found = run(
            direction.window(*window), xs[span], *states, *weights, *(p[span] for p in probes)
        )
        parts.append((span.start, (found[0], *found[1 + count :])))
        states = list(found[1 : 1 + count])
    parts.sort(key=lambda part: part[0])
    outputs, *records = (torch.cat(some) for some in zip(*(p for _, p in parts), strict=True))
    return outputs, *states, *records


def _detached(whole: Whole) -> Whole:
    """With states that are detached, except for the first window's."""
    is_first = True

    def run(direction: Direction, *tensors: Any) -> Tensors:
        nonlocal is_first
        if not is_first:
            states = [state.detach() for state in tensors[1 : 1 + direction.states]]
            tensors = (tensors[0], *states, *tensors[1 + direction.states :])
        is_first = False
        return whole(direction, *tensors)

    return run


def _checkpointed(direction: Direction, *tensors: Any) -> Tensors:
    result: Tensors = checkpoint(traced, direction, *tensors, use_reentrant=False)
    return result


@dataclass(eq=False)
class _Cut:
    """A sequence in windows. `between`: the states before each, found by `forward`."""

    direction: Direction
    windows: list[Window]
    weights: list[Tensor]
    is_joined: bool = True  # whether derivatives pass between windows
    moving: int = 0  # of the first states, which are derivatives and pass no more
    between: list[list[Tensor | None]] = field(default_factory=list)
    width: int = 0  # of the outputs

    def forward(self, xs: Tensor, states: list[Any]) -> Tensors:
        """Outputs, final states, records; nothing but `between` is kept."""
        direction, parts = self.direction, []
        outputs: Tensor | None = None
        for window in self.windows:
            span = direction.schedule.span(*window)
            self.between.append(states)
            into = None if outputs is None else outputs[span]
            here = direction.window(*window)
            found = here.recurrence.forward(
                here.schedule, self.weights, xs[span], states,
                here.record, packs=here.packs, into=into, reset=here.reset,
            )  # fmt: skip
            if outputs is None:
                outputs = xs.new_empty(len(xs), found.outputs.shape[1])
                outputs[span] = found.outputs
            finals = found.finals
            states = [*map(torch.zeros_like, finals[: self.moving]), *finals[self.moving :]]
            parts.append((span.start, found.records))
        parts.sort(key=lambda part: part[0])
        records = [torch.cat(some) for some in zip(*(p for _, p in parts), strict=True)]
        assert outputs is not None, "a sequence of no steps is not cut"
        self.width = outputs.shape[1]
        return outputs, *finals, *records


class _Segments(torch.autograd.Function):
    """Like `KernelSequence`, with tokens one below the other."""

    @staticmethod
    def forward(ctx: Any, direction: Direction, length: int, *tensors: Any) -> Tensors:
        xs, states, weights, _ = direction.split(tensors)
        cut = _cut(direction, length, weights)
        results = cut.forward(xs, states)
        ctx.cut, ctx.length = cut, length
        ctx.set_materialize_grads(False)
        ctx.mark_non_differentiable(*results[1 + direction.states :])
        ctx.save_for_backward(xs, *states, *weights)  # torch notices when one has changed
        ctx.save_for_forward(xs, *states, *weights)
        return results

    @staticmethod
    def backward(ctx: Any, *d_results: Tensor | None) -> tuple[Tensor | None, ...]:
        if is_mapped(d_results):
            return one_by_one(functools.partial(_Segments.backward, ctx), d_results)
        xs, *rest = ctx.saved_tensors
        first, weights = rest[: ctx.cut.direction.states], rest[ctx.cut.direction.states :]
        with torch.no_grad():
            found = _backward(ctx.cut, xs, d_results, need_input=ctx.needs_input_grad[2])
            result = by_argument(ctx.cut.direction, found, ctx.needs_input_grad[2:], weights)
        sources = [xs, *first, *weights]
        if torch.is_grad_enabled() or is_followed([*sources, *d_results]):
            run = _in_segments(ctx.length)
            result = differentiable(run, ctx.cut.direction, result, sources, d_results)
        return None, None, *result

    @staticmethod
    def jvp(ctx: Any, *dots: Tensor | None) -> tuple[Tensor | None, ...]:
        if is_mapped(dots[2:]):
            return one_by_one(lambda *one: _Segments.jvp(ctx, None, None, *one), dots[2:])
        return push_forward(
            _in_segments(ctx.length), ctx.cut.direction, ctx.saved_tensors, dots[2:]
        )


def _in_segments(length: int) -> Run:
    apply: Run = _Segments.apply
    return lambda direction, *tensors: apply(direction, length, *tensors)


def _cut(direction: Direction, length: int, weights: list[Tensor]) -> _Cut:
    packed = direction.packed({} if direction.packs is None else direction.packs)
    return _Cut(packed, windows(direction.schedule.steps, length) or [(0, 0)], contiguous(weights))


def moved(
    direction: Direction, length: int, xs: Tensor, initial: list[Any], weights: list[Tensor],
    moving: int,
) -> Tensors:  # fmt: skip
    """A tangent in windows between which no derivative is propagated. xs: (tokens, I)."""
    cut = _cut(direction, length, weights)
    cut.moving = moving
    return cut.forward(xs, initial)


def recomputed(
    direction: Direction, bptt: str | int, xs: Tensor, initial: list[Any], weights: list[Tensor],
    d_results: Sequence[Tensor | None], *, moving: int, need_input: bool,
) -> BackwardResults:  # fmt: skip
    """The derivatives of the results of `pieces`, by a separate forward pass. xs: (tokens, I);
    moving: the number of states that are derivatives, in a tangent."""
    length = segment(direction.schedule.steps) if bptt == "recompute" else int(bptt)
    cut = _cut(direction, length, weights)
    cut.is_joined = bptt == "recompute"
    cut.moving = 0 if cut.is_joined else moving
    cut.forward(xs, initial)
    return _backward(cut, xs, d_results, need_input=need_input)


def _backward(
    cut: _Cut, xs: Tensor, d_results: Sequence[Tensor | None], *, need_input: bool
) -> BackwardResults:
    """Segment by segment from the end. Memory that only a segment needs is allocated once, because
    the system would take back freed memory, and clear it for the next segment."""
    direction = cut.direction
    d_xs = torch.zeros_like(xs) if need_input else None
    norms = {name: xs.new_empty(len(xs), 1) for name in direction.norms}
    total = BackwardResults(d_xs, d_results[1 : 1 + direction.states], [], norms)
    last: list[Tensor] = []
    room: dict[int, tuple[Tensor, Tensor]] = {}  # outputs and zeros, by the number of tokens
    for window, before in reversed([*zip(cut.windows, cut.between, strict=True)]):
        part = direction.window(*window)
        span = direction.schedule.span(*window)
        here = xs[span]
        if len(here) not in room:
            outputs = xs.new_empty(len(here), cut.width)
            room[len(here)] = outputs, torch.zeros_like(outputs)
        outputs, nothing = room[len(here)]
        left = direction.recurrence.forward(
            part.schedule, cut.weights, here, before, keep=True, packs=direction.packs,
            into=outputs, reset=part.reset,
        ).left  # fmt: skip
        d_ys = nothing if d_results[0] is None else d_results[0][span]
        ends = total.states if cut.is_joined or not total.arrays else [None] * direction.states
        found = direction.recurrence.backward(
            part.schedule, cut.weights, here, outputs, left, d_ys, ends, direction.norms,
            packs=direction.packs, need_input=d_xs is not None, reuse=last, reset=part.reset,
        )  # fmt: skip
        del left  # its memory serves the next segment
        for name, norm in found.norms.items():
            norms[name][span] = norm
        if d_xs is not None:
            d_xs[span] = found.inputs
        total.states = found.states
        if not total.arrays:
            total.arrays = found.arrays
            continue
        last = found.arrays
        for known, more in zip(total.arrays, last, strict=True):
            known.add_(more)
    return total
