"""The autograd function that runs a sequence on the kernels. In: a `Direction`, tokens, initial
states, weights. Out: outputs, final states, recorded values; next: the engine, and back to `stack`.

The function stores what the engine's backward pass needs; that of `bptt` stores less.
Forward mode, and derivatives of any order, run the tangent of the step.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

from unrolled.engines.engine import BackwardResults, Packs
from unrolled.engines.plan.schedule import Schedule
from unrolled.equations.reset import with_reset
from unrolled.layers.mapped import is_mapped, one_by_one
from unrolled.layers.parameterized import AUTOGRAD

Tensors = tuple[Tensor, ...]
Run = Callable[..., Tensors]  # of a direction and its tensors
unpack_dual: Callable[[Tensor], Any] = forward_ad.unpack_dual


@dataclass(eq=False)
class Direction:
    """One direction of one layer on one batch, but for its tensors. `record` names values that are
    wanted, `norms` states of which the length of the derivative is."""

    recurrence: Any  # a `Recurrence`, or with `is_traced` a `Traced` one
    is_traced: bool
    schedule: Schedule
    states: int  # how many there are
    record: tuple[str, ...] = ()
    norms: tuple[str, ...] = ()
    packs: Packs | None = None  # packed weights, where several calls share them
    reset: Tensor | None = None  # (tokens,): where states are reset, for kernels

    def window(self, first: int, last: int) -> Direction:
        """The same over some of the steps."""
        reset = None if self.reset is None else self.reset[self.schedule.span(first, last)]
        return replace(self, schedule=self.schedule.window(first, last), reset=reset)

    def packed(self, packs: Packs) -> Direction:
        """The same with room for packed weights."""
        return replace(self, packs=packs)

    @property
    def tangent(self) -> Direction:
        """The same sequence and how it moves, together."""
        return replace(self, recurrence=self.recurrence.tangent, states=2 * self.states, record=(),
                       norms=(), packs=None)  # fmt: skip

    def split(
        self, tensors: Sequence[Any]
    ) -> tuple[Tensor, list[Tensor | None], list[Tensor], list[Tensor]]:
        """Split into the input, the initial states, the weights, the probes."""
        xs, *rest = tensors
        end = len(rest) - len(self.norms)
        return xs, rest[: self.states], rest[self.states : end], rest[end:]


def wants_gradients(tensors: Sequence[Tensor | None]) -> bool:
    """Whether any of these requires a gradient."""
    return torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in tensors)


def contiguous(weights: list[Tensor]) -> list[Tensor]:
    """As engines take them."""
    if all(map(Tensor.is_contiguous, weights)):
        return weights
    return [weight.contiguous() for weight in weights]


def infer(direction: Direction, *tensors: Any) -> Tensors:
    """The results of `KernelSequence.apply`, without gradients."""
    xs, initial, weights, _ = direction.split(tensors)
    results = direction.recurrence.forward(
        direction.schedule, contiguous(weights), xs.contiguous(), initial, direction.record,
        packs=direction.packs, reset=direction.reset,
    )  # fmt: skip
    return results.outputs, *results.finals, *results.records


def traced(direction: Direction, *tensors: Any) -> Tensors:
    """The results of `KernelSequence.apply`, from an engine that runs under autograd."""
    xs, initial, weights, probes = direction.split(tensors)
    measured = dict(zip(direction.norms, probes, strict=True))
    results = direction.recurrence.forward(
        direction.schedule, weights, xs, initial, direction.record, measured
    )
    return results.outputs, *results.finals, *results.records


class KernelSequence(torch.autograd.Function):
    """Forward kernel, backward kernel. In: a direction; the input (..., I), contiguous, initial
    states (1, rows, n), None for zeros, weights, probes. Out: outputs (..., n), final states,
    records.

    A probe, (..., 1), one for each of the direction's `norms`, gets as its gradient the norm of the
    derivative with respect to that state at each token: so it comes back through whatever led here.
    """

    @staticmethod
    def forward(ctx: Any, direction: Direction, *tensors: Any) -> Tensors:
        xs, initial, weights, _ = direction.split(tensors)
        ctx.weights = contiguous(weights)
        results = direction.recurrence.forward(
            direction.schedule, ctx.weights, xs, initial, direction.record,
            keep=True, packs=direction.packs, reset=direction.reset,
        )  # fmt: skip
        ctx.direction, ctx.left = direction, results.left
        ctx.set_materialize_grads(False)
        if results.records:
            ctx.mark_non_differentiable(*results.records)
        # Held as another tensor on the same memory: the outputs would hold this context in turn.
        ctx.outputs, ctx.version = results.outputs.detach(), results.outputs._version
        # torch notices when one of these is changed in place
        ctx.save_for_backward(xs, *initial, *weights)
        if forward_ad._current_level >= 0:
            ctx.save_for_forward(xs, *initial, *weights)
        return results.outputs, *results.finals, *results.records

    @staticmethod
    def backward(ctx: Any, *d_results: Tensor | None) -> tuple[Tensor | None, ...]:
        if is_mapped(d_results):
            return one_by_one(functools.partial(KernelSequence.backward, ctx), d_results)
        direction: Direction = ctx.direction
        xs, *rest = ctx.saved_tensors
        initial, weights = rest[: direction.states], rest[direction.states :]
        needed, end = ctx.needs_input_grad[1:], 1 + direction.states
        # entering a context takes microseconds, and is seldom needed
        with torch.no_grad() if torch.is_grad_enabled() else contextlib.nullcontext():
            outputs = _unchanged(ctx, xs, initial)
            d_outputs = torch.zeros_like(outputs) if d_results[0] is None else d_results[0]
            found = direction.recurrence.backward(
                direction.schedule, ctx.weights, xs, outputs, ctx.left, d_outputs,
                d_results[1:end], direction.norms, packs=direction.packs,
                need_input=needed[0], need_states=any(needed[1:end]), reset=direction.reset,
            )  # fmt: skip
        gradients = by_argument(direction, found, needed, weights)
        sources = [xs, *initial, *weights]
        if torch.is_grad_enabled() or is_followed([*sources, *d_results]):
            run = KernelSequence.apply
            gradients = differentiable(run, direction, gradients, sources, d_results)
        return None, *gradients

    @staticmethod
    def jvp(ctx: Any, *dots: Tensor | None) -> tuple[Tensor | None, ...]:
        if is_mapped(dots[1:]):
            return one_by_one(lambda *one: KernelSequence.jvp(ctx, None, *one), dots[1:])
        return push_forward(KernelSequence.apply, ctx.direction, ctx.saved_tensors, dots[1:])


def _unchanged(ctx: Any, xs: Tensor, initial: list[Tensor | None]) -> Tensor:
    """The original outputs: computed again if they were changed in place."""
    outputs: Tensor = ctx.outputs
    if outputs._version == ctx.version:
        return outputs
    direction: Direction = ctx.direction
    again: Tensor = direction.recurrence.forward(
        direction.schedule, ctx.weights, xs, initial, packs=direction.packs, reset=direction.reset
    ).outputs
    return again


def by_argument(
    direction: Direction, found: BackwardResults, needed: Sequence[bool], weights: Sequence[Tensor]
) -> list[Tensor | None]:
    """In the order of the arguments: input, initial states, weights, probes. Sums over all tokens
    may be wider than the weights, and are rounded here."""
    norms = [found.norms[name] for name in direction.norms]
    states = found.states or [None] * direction.states
    sums: Sequence[Tensor] = found.arrays
    if sums and sums[0].dtype is not weights[0].dtype:  # all weights of a layer are of one dtype
        sums = [total.to(weight.dtype) for total, weight in zip(sums, weights, strict=True)]
    every = [found.inputs, *states, *sums, *norms]
    return [g if need else None for g, need in zip(every, needed, strict=True)]


def jobs_for(tokens: Tensor, sizes: Mapping[str, int]) -> int:
    """The number of threads that share a batch."""
    # two threads meet in some microseconds: below this much work one alone is sooner done
    inputs, hidden = sizes["input_size"], sizes["hidden_size"]
    work = tokens.numel() // inputs * hidden * (hidden + inputs)
    return torch.get_num_threads() if work > 100_000 else 1


# ------------------------------------------------ in a direction, and differentiated once more
#
# Both run the tangent of the step. Forward mode is its forward pass. And because the derivative of
# J^T v in the direction u is the gradient of <v, J u>, a gradient that is differentiated again
# needs its forward and its backward pass, and nothing else. These are calls of the same kind, so a
# third derivative is the tangent of the tangent.


def is_followed(tensors: Sequence[Tensor | None]) -> bool:
    """Whether any of these has a tangent in forward mode."""
    if forward_ad._current_level < 0:
        return False
    return any(t is not None and unpack_dual(t).tangent is not None for t in tensors)


def along(
    run: Run, direction: Direction, tensors: Sequence[Any], dots: Sequence[Tensor | None]
) -> list[Tensor]:
    """How outputs and final states move if input, initial states and weights move like `dots`; None
    stands for what does not."""
    xs, initial, weights, _ = direction.split(tensors)
    xs_dot, initial_dot, weights_dot, _ = direction.split(dots)
    both = torch.cat([xs, torch.zeros_like(xs) if xs_dot is None else xs_dot], dim=-1)
    moving = [torch.zeros_like(weight) if dot is None else dot
              for weight, dot in zip(weights, weights_dot, strict=True)]  # fmt: skip
    found = run(direction.tangent, both, *initial_dot, *initial, *weights, *moving)
    return list(found[: 1 + direction.states])


def push_forward(
    run: Run, direction: Direction, tensors: Sequence[Any], dots: Sequence[Tensor | None]
) -> tuple[Tensor | None, ...]:
    """What the `jvp` of an autograd function returns: recorded values have no derivative."""
    primal = [None if t is None else unpack_dual(t).primal for t in tensors]
    return *along(run, direction, primal, dots), *[None] * len(direction.record)


def differentiable(
    run: Run,
    direction: Direction,
    gradients: Sequence[Tensor | None],
    tensors: Sequence[Tensor | None],
    d_results: Sequence[Tensor | None],
) -> list[Tensor | None]:
    """The same gradients, with a way back to all that they are made of, which includes the
    derivatives that arrived. The norms at the end are measured, and have none."""
    count = len(tensors)
    arrived = d_results[: 1 + direction.states]
    if direction.recurrence.origin[0].bounds_gradients:
        needed = [gradient is not None for gradient in gradients[:count]]
        return [*_clipped(direction, tensors, arrived, needed), *gradients[count:]]
    apply: Callable[..., Tensors] = _VectorJacobian.apply
    attached = iter(apply(run, direction, gradients[:count], *tensors, *arrived))
    first = [None if gradient is None else next(attached) for gradient in gradients[:count]]
    return [*first, *gradients[count:]]


def _clipped(
    direction: Direction, tensors: Sequence[Any], arrived: Sequence[Tensor | None],
    needed: Sequence[bool],
) -> list[Tensor | None]:  # fmt: skip
    """The gradients of a step that clips derivatives, by autograd, which clips them once more as it
    differentiates what it has clipped. They are no J^T v: the tangent would have to know, as it
    runs forward, which derivatives will be clipped on the way back."""
    lowered, sizes, sources = direction.recurrence.origin
    xs, *rest = tensors
    if direction.reset is not None:
        lowered = replace(lowered, step=with_reset(lowered.step))
        marks = direction.reset.reshape(*xs.shape[:-1], 1).to(xs.dtype)
    with torch.enable_grad():
        followed = replace(
            direction, recurrence=AUTOGRAD.recurrence(lowered, sizes, sources, ""), is_traced=True,
            record=(), norms=(), packs=None, reset=None,
        )  # fmt: skip
        given = xs if direction.reset is None else torch.cat([xs, marks], dim=-1)
        results = traced(followed, given, *rest)
        return _pull_back(results, arrived, tensors, needed, goes_on=True)


class _VectorJacobian(torch.autograd.Function):
    """J^T v, which a backward kernel has found, of its input, initial states and weights, and v."""

    @staticmethod
    def forward(
        ctx: Any, run: Run, direction: Direction, found: Sequence[Tensor | None], *tensors: Any
    ) -> Tensors:
        ctx.run, ctx.direction, ctx.count = run, direction, len(found)
        ctx.places = [place for place, gradient in enumerate(found) if gradient is not None]
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*tensors)
        ctx.save_for_forward(*tensors)
        given = [gradient for gradient in found if gradient is not None]
        if forward_ad._current_level >= 0:  # what is a view cannot be given a tangent
            given = [gradient.clone() if gradient._is_view() else gradient for gradient in given]
        return tuple(given)

    @staticmethod
    def backward(ctx: Any, *directions: Tensor | None) -> tuple[Tensor | None, ...]:
        """The gradient of <v, J u>; and by v, J u itself."""
        if is_mapped(directions):
            return one_by_one(functools.partial(_VectorJacobian.backward, ctx), directions)
        sources, arrived = ctx.saved_tensors[: ctx.count], ctx.saved_tensors[ctx.count :]
        needed = ctx.needs_input_grad[3:]
        dots: list[Tensor | None] = [None] * ctx.count
        for place, u in zip(ctx.places, directions, strict=True):
            dots[place] = u
        goes_on = torch.is_grad_enabled()
        with torch.enable_grad():
            sources = _alike(sources, needed, goes_on)
            moved = along(ctx.run, ctx.direction, sources, dots)
            found = _pull_back(moved, arrived, sources, needed, goes_on)
        moved = moved if goes_on else [m.detach() for m in moved]
        by_arrived = [m if need else None
                      for m, need in zip(moved, needed[ctx.count :], strict=True)]  # fmt: skip
        return None, None, None, *found, *by_arrived

    @staticmethod
    def jvp(ctx: Any, *dots: Tensor | None) -> tuple[Tensor | None, ...]:
        """The gradient of <v, J u> + <v_dot, f>."""
        if is_mapped(dots[3:]):
            still = dots[:3]
            return one_by_one(lambda *one: _VectorJacobian.jvp(ctx, *still, *one), dots[3:])
        every = [None if t is None else unpack_dual(t).primal
                 for t in ctx.saved_tensors]  # fmt: skip
        sources, arrived = every[: ctx.count], every[ctx.count :]
        moving, arriving = dots[3 : 3 + ctx.count], dots[3 + ctx.count :]
        needed = [place in ctx.places for place in range(ctx.count)]
        goes_on = torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in every)
        with torch.enable_grad():
            sources = _alike(sources, needed, goes_on)
            results = along(ctx.run, ctx.direction, sources, moving)
            if any(dot is not None for dot in arriving):
                results += ctx.run(ctx.direction, *sources)[: len(arriving)]
            found = _pull_back(results, [*arrived, *arriving], sources, needed, goes_on)
        return tuple(found[place] for place in ctx.places)


def _alike(sources: Sequence[Any], needed: Sequence[bool], goes_on: bool) -> list[Any]:
    """The same tensors, to be differentiated by; `goes_on`: what is found is so in turn."""
    return [
        source if not need else source.view_as(source).requires_grad_() if goes_on
        else source.detach().requires_grad_()
        for source, need in zip(sources, needed, strict=False)
    ]  # fmt: skip


def _pull_back(
    results: Sequence[Tensor], arrived: Sequence[Tensor | None], sources: Sequence[Any],
    needed: Sequence[bool], goes_on: bool,
) -> list[Tensor | None]:  # fmt: skip
    """Gradients with respect to the sources that are needed; None for the others."""
    pairs = [(r, d) for r, d in zip(results, arrived, strict=False) if d is not None]
    wanted = [source for source, need in zip(sources, needed, strict=False) if need]
    if not wanted or not pairs:
        return [None] * len(sources)
    outputs, given = zip(*pairs, strict=True)
    found = iter(torch.autograd.grad(outputs, wanted, given, create_graph=goes_on,
                                     allow_unused=True))  # fmt: skip
    return [next(found) if need else None
            for _, need in zip(sources, needed, strict=False)]  # fmt: skip
