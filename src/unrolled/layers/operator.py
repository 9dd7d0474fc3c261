"""A sequence through the kernels, as torch's autograd sees it. In: a `Direction`, tokens, initial
states, weights. Out: outputs, final states, recorded values; next: the engine, and back to `stack`.

The autograd function keeps what the engine's forward pass leaves; `bptt` has one that keeps less.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from unrolled.engines.engine import Gradients, Packs
from unrolled.engines.plan.schedule import Schedule
from unrolled.errors import UnrolledError

Tensors = tuple[Tensor, ...]


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

    def window(self, first: int, last: int) -> Direction:
        """The same over some of the steps."""
        return replace(self, schedule=self.schedule.window(first, last))

    def packed(self, packs: Packs) -> Direction:
        """The same with room for packed weights."""
        return replace(self, packs=packs)

    def split(
        self, tensors: Sequence[Any]
    ) -> tuple[Tensor, list[Tensor | None], list[Tensor], list[Tensor]]:
        """The input, the initial states, the weights, the probes."""
        xs, *rest = tensors
        end = len(rest) - len(self.norms)
        return xs, rest[: self.states], rest[self.states : end], rest[end:]


def wants_gradients(tensors: Sequence[Tensor | None]) -> bool:
    """Whether there is a way back to any of these."""
    return torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in tensors)


def contiguous(weights: list[Tensor]) -> list[Tensor]:
    """As engines take them."""
    if all(map(Tensor.is_contiguous, weights)):
        return weights
    return [weight.contiguous() for weight in weights]


def infer(direction: Direction, *tensors: Any) -> Tensors:
    """What `KernelSequence.apply` gives, with no way back."""
    xs, initial, weights, _ = direction.split(tensors)
    results = direction.recurrence.forward(
        direction.schedule, contiguous(weights), xs.contiguous(), initial, direction.record,
        packs=direction.packs,
    )  # fmt: skip
    return results.outputs, *results.finals, *results.records


def traced(direction: Direction, *tensors: Any) -> Tensors:
    """What `KernelSequence.apply` gives, from an engine that autograd follows."""
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
        ctx.initial, ctx.weights = initial, contiguous(weights)
        results = direction.recurrence.forward(
            direction.schedule, ctx.weights, xs, initial, direction.record,
            keep=True, packs=direction.packs,
        )  # fmt: skip
        ctx.direction, ctx.left = direction, results.left
        ctx.set_materialize_grads(False)
        if results.records:
            ctx.mark_non_differentiable(*results.records)
        # The outputs are saved, not held: held, they would hold this context in turn. And torch
        # then notices when somebody has changed them, the input or a weight in place.
        ctx.save_for_backward(results.outputs, xs, *weights)
        return results.outputs, *results.finals, *results.records

    @staticmethod
    def backward(ctx: Any, *d_results: Tensor | None) -> tuple[Tensor | None, ...]:
        direction: Direction = ctx.direction
        outputs, xs, *_ = ctx.saved_tensors
        needed, end = ctx.needs_input_grad[1:], 1 + direction.states
        d_outputs = torch.zeros_like(outputs) if d_results[0] is None else d_results[0]
        with torch.no_grad():
            found = direction.recurrence.backward(
                direction.schedule, ctx.weights, xs, outputs, ctx.left, d_outputs,
                d_results[1:end], direction.norms, packs=direction.packs,
                need_input=needed[0], need_states=any(needed[1:end]),
            )  # fmt: skip
        gradients = by_argument(direction, found, needed)
        if torch.is_grad_enabled():
            gradients = once(gradients, [*ctx.saved_tensors[1:], *ctx.initial, *d_results])
        return None, *gradients


def by_argument(
    direction: Direction, found: Gradients, needed: Sequence[bool]
) -> list[Tensor | None]:
    """In the order of the arguments: input, initial states, weights, probes."""
    norms = [found.norms[name] for name in direction.norms]
    states = found.states or [None] * direction.states
    every = [found.inputs, *states, *found.arrays, *norms]
    return [g if need else None for g, need in zip(every, needed, strict=True)]


def once(
    gradients: Sequence[Tensor | None], sources: Sequence[Tensor | None]
) -> list[Tensor | None]:
    """Mark gradients, which are themselves to be differentiated, and cannot be: not with respect to
    anything they are made of, which includes the derivatives that arrived."""
    given = [gradient for gradient in gradients if gradient is not None]
    every = (s for s in sources if s is not None)
    marked = iter(_Once.apply(len(given), *given, *every))  # type: ignore[no-untyped-call]
    return [None if gradient is None else next(marked) for gradient in gradients]


class _Once(torch.autograd.Function):
    """Gradients that say, should anybody differentiate them again, what can."""

    @staticmethod
    def forward(ctx: Any, count: int, *tensors: Tensor) -> tuple[Tensor, ...]:
        return tuple(gradient.view_as(gradient) for gradient in tensors[:count])

    @staticmethod
    def backward(ctx: Any, *_: Tensor) -> tuple[Tensor, ...]:
        raise UnrolledError(
            "the compiled kernels differentiate once, and here a gradient is differentiated again: "
            'make the layer with engine="torch", which runs the same equation under autograd'
        )
