"""How far derivatives go back. In: a `Direction`, its tensors, `bptt`. Out: what the whole sequence
would give; next: `stack`.

A number k cuts the sequence into windows of k steps, between which no derivative passes.
"recompute" keeps only the states between segments. Backward takes the segments from the last one
on: forward once more, now keeping everything, then back. With segments of about the square root of
T, what is kept grows with that square root, at the cost of one more forward pass.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from unrolled.engines.engine import Gradients
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


def pieces(direction: Direction, bptt: str | int, *tensors: Any) -> Tensors:
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
        # what is kept: T / length states between segments, and length steps of one segment
        length = max(SHORTEST, math.ceil(0.8 * math.sqrt(steps)))
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


def windows(steps: int, length: int) -> list[Window]:
    """Steps first ... last - 1, of so many each."""
    return [(first, min(first + length, steps)) for first in range(0, steps, length)]


def _windows(direction: Direction, length: int, run: Whole, tensors: Sequence[Any]) -> Tensors:
    """One window after another, each from the states in which the last one has ended."""
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
    """With states through which no derivative passes, but for the first window's."""
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


class _Segments(torch.autograd.Function):
    """As `KernelSequence`, with tokens one below the other."""

    @staticmethod
    def forward(ctx: Any, direction: Direction, length: int, *tensors: Any) -> Tensors:
        xs, initial, weights, _ = direction.split(tensors)
        ctx.weights, ctx.first = contiguous(weights), initial
        states: list[Any] = initial
        ctx.windows = windows(direction.schedule.steps, length)
        ctx.direction = direction = direction.packed({} if direction.packs is None
                                                     else direction.packs)  # fmt: skip
        ctx.between, parts = [], []  # the states before each segment
        outputs: Tensor | None = None  # as wide as the first segment tells
        for window in ctx.windows:
            span = direction.schedule.span(*window)
            ctx.between.append(states)
            into = None if outputs is None else outputs[span]
            found = direction.recurrence.forward(
                direction.schedule.window(*window), ctx.weights, xs[span], states,
                direction.record, packs=direction.packs, into=into,
            )  # fmt: skip
            if outputs is None:
                outputs = xs.new_empty(len(xs), found.outputs.shape[1])
                outputs[span] = found.outputs
            states = list(found.finals)
            parts.append((span.start, found.records))
        parts.sort(key=lambda part: part[0])
        records = [torch.cat(some) for some in zip(*(p for _, p in parts), strict=True)]
        ctx.set_materialize_grads(False)
        ctx.mark_non_differentiable(*records)
        assert outputs is not None  # there is at least one step
        ctx.width = outputs.shape[1]
        ctx.length = length
        ctx.save_for_backward(xs, *weights)
        ctx.save_for_forward(xs, *ctx.first, *weights)
        return outputs, *states, *records

    @staticmethod
    def backward(ctx: Any, *d_results: Tensor | None) -> tuple[Tensor | None, ...]:
        xs, *weights = ctx.saved_tensors
        with torch.no_grad():
            found = _backward(ctx, xs, d_results)
            result = by_argument(ctx.direction, found, ctx.needs_input_grad[2:])
        sources = [xs, *ctx.first, *weights]
        if torch.is_grad_enabled() or is_followed([*sources, *d_results]):
            run = _in_segments(ctx.length)
            result = differentiable(run, ctx.direction, result, sources, d_results)
        return None, None, *result

    @staticmethod
    def jvp(ctx: Any, *dots: Tensor | None) -> tuple[Tensor | None, ...]:
        return push_forward(_in_segments(ctx.length), ctx.direction, ctx.saved_tensors, dots[2:])


def _in_segments(length: int) -> Run:
    apply: Run = _Segments.apply
    return lambda direction, *tensors: apply(direction, length, *tensors)


def _backward(ctx: Any, xs: Tensor, d_results: Sequence[Tensor | None]) -> Gradients:
    """Segment by segment from the end. What a segment needs for itself alone is allocated once: the
    system takes freed memory back, and clears it for the next."""
    direction: Direction = ctx.direction
    d_xs = torch.zeros_like(xs) if ctx.needs_input_grad[2] else None
    norms = {name: xs.new_empty(len(xs), 1) for name in direction.norms}
    total = Gradients(d_xs, d_results[1 : 1 + direction.states], [], norms)
    last: list[Tensor] = []
    room: dict[int, tuple[Tensor, Tensor]] = {}  # outputs and zeros, by the number of tokens
    for window, before in reversed([*zip(ctx.windows, ctx.between, strict=True)]):
        schedule = direction.schedule.window(*window)
        span = direction.schedule.span(*window)
        here = xs[span]
        if len(here) not in room:
            outputs = xs.new_empty(len(here), ctx.width)
            room[len(here)] = outputs, torch.zeros_like(outputs)
        outputs, nothing = room[len(here)]
        left = direction.recurrence.forward(
            schedule, ctx.weights, here, before, keep=True, packs=direction.packs, into=outputs
        ).left
        d_ys = nothing if d_results[0] is None else d_results[0][span]
        found = direction.recurrence.backward(
            schedule, ctx.weights, here, outputs, left, d_ys, total.states, direction.norms,
            packs=direction.packs, need_input=d_xs is not None, reuse=last,
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
