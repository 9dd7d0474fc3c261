"""A sequence through the kernels, as torch's autograd sees it. In: tokens, initial states,
parameters. Out: outputs, final states, recorded values; next: `direction`, and below: the kernels.

`Task` says what runs; `run` runs it. While gradients are wanted it goes through an autograd
function that keeps what the forward kernel leaves; `segments` has one that keeps less.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from unrolled.engines.cpu.call.backward import Gradients, backward
from unrolled.engines.cpu.call.forward import forward
from unrolled.engines.cpu.call.run import Fit, Run
from unrolled.engines.cpu.program import Program
from unrolled.engines.plan.schedule import Schedule
from unrolled.errors import UnrolledError
from unrolled.layers.fixed import Packs
from unrolled.layers.library import library
from unrolled.layers.packing import Packing

Result = tuple[Tensor, tuple[Tensor, ...], tuple[Tensor, ...]]


@dataclass
class Task:
    """One direction of one layer on one batch."""

    program: Program
    packing: Packing
    schedule: Schedule
    sizes: dict[str, int]
    record: tuple[str, ...] = ()
    norms: tuple[str, ...] = ()
    packs: Packs | None = None  # packed weights, where several calls share them

    def prepare(self, parameters: Sequence[Tensor]) -> Run:
        if not all(map(Tensor.is_contiguous, parameters)):
            parameters = [parameter.contiguous() for parameter in parameters]
        return Run(self.fit(), library(parameters[0].dtype), self.schedule, parameters, self.packs)

    def fit(self) -> Fit:
        fits, key = self.program.fits, (self.packing, *self.sizes.values())
        if key not in fits:
            fits[key] = Fit(self.program, self.sizes, self.packing.sources(self.sizes))
        return fits[key]

    def window(self, first: int, last: int) -> Task:
        """The same over some of the steps."""
        return replace(self, schedule=self.schedule.window(first, last))

    def output_size(self) -> int:
        first = next(iter(self.program.lowered.step.states.values()))
        return self.sizes[first[0]]


def run(
    task: Task,
    xs: Tensor,
    initial: Sequence[Tensor | None],
    parameters: Sequence[Tensor],
    probes: Sequence[Tensor] = (),
) -> Result:
    """xs: (..., I); initial: (1, rows, n) each, None for zeros. Outputs (..., n), final states,
    records.

    A probe, (..., 1), one for each of the task's `norms`, gets as its gradient the norm of the
    derivative by that state at each token: so it comes back through whatever led it here.
    """
    tensors = (xs, *initial, *parameters, *probes)
    if torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in tensors):
        outputs, *rest = _Sequence.apply(task, len(initial), xs.contiguous(), *tensors[1:])
    else:
        outputs, finals, records, _ = forward(
            task.prepare(parameters), xs.contiguous(), initial, task.record, keep=False
        )
        return outputs, tuple(finals), tuple(records)
    return outputs, tuple(rest[: len(initial)]), tuple(rest[len(initial) :])


class _Sequence(torch.autograd.Function):
    """Forward kernel, backward kernel."""

    @staticmethod
    def forward(ctx: Any, task: Task, count: int, *tensors: Any) -> tuple[Tensor, ...]:
        xs, initial, parameters = split(task, tensors, count)
        ctx.run = task.prepare(parameters)
        outputs, finals, records, ctx.left = forward(ctx.run, xs, initial, task.record, keep=True)
        ctx.task, ctx.count, ctx.initial = task, count, initial
        ctx.set_materialize_grads(False)
        if records:
            ctx.mark_non_differentiable(*records)
        # The outputs are saved, not held: held, they would hold this context in turn. And torch
        # then notices when somebody has changed them, the input or a parameter in place.
        ctx.save_for_backward(outputs, xs, *parameters)
        return outputs, *finals, *records

    @staticmethod
    def backward(ctx: Any, *d_results: Tensor | None) -> tuple[Tensor | None, ...]:
        if not torch.is_grad_enabled():
            return None, None, *_gradients(ctx, d_results)
        with torch.no_grad():
            gradients = _gradients(ctx, d_results)
        return None, None, *once(gradients, [*ctx.saved_tensors[1:], *ctx.initial, *d_results])


def _gradients(ctx: Any, d_results: Sequence[Tensor | None]) -> list[Tensor | None]:
    outputs, xs, *_ = ctx.saved_tensors
    needed, count = ctx.needs_input_grad[2:], ctx.count
    d_output = torch.zeros_like(outputs) if d_results[0] is None else d_results[0]
    found = backward(
        ctx.run, ctx.left, xs, outputs, d_output, d_results[1 : 1 + count], ctx.task.norms,
        need_input=needed[0], need_states=any(needed[1 : 1 + count]),
    )  # fmt: skip
    return gradients_by_argument(ctx.task, found, count, needed)


def split(
    task: Task, tensors: Sequence[Any], count: int
) -> tuple[Tensor, list[Tensor | None], list[Tensor]]:
    """The input, the initial states, the parameters; the probes hold no numbers."""
    xs, *rest = tensors
    return xs, list(rest[:count]), list(rest[count : len(rest) - len(task.norms)])


def gradients_by_argument(
    task: Task,
    found: Gradients,
    count: int,
    needed: Sequence[bool],
) -> list[Tensor | None]:
    """In the order of the arguments: input, `count` initial states, parameters, probes."""
    norms = [found.norms[name] for name in task.norms]
    every = [found.inputs, *(found.states or [None] * count), *found.arrays, *norms]
    return [g if need else None for g, need in zip(every, needed, strict=True)]


def once(
    gradients: Sequence[Tensor | None], sources: Sequence[Tensor | None]
) -> list[Tensor | None]:
    """Mark gradients, which are themselves to be differentiated, and cannot be: not with respect to
    anything they are made of, which includes the derivatives that arrived."""
    given = [gradient for gradient in gradients if gradient is not None]
    marked = iter(_Once.apply(len(given), *given, *(s for s in sources if s is not None)))
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
