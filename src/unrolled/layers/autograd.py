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

from unrolled.engines.cpu.backward import Gradients, backward
from unrolled.engines.cpu.forward import Left, forward
from unrolled.engines.cpu.program import Program
from unrolled.engines.cpu.run import Run
from unrolled.engines.cpu.schedule import Schedule
from unrolled.errors import UnrolledError
from unrolled.layers.library import TorchLibrary
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

    def prepare(self, parameters: Sequence[Tensor]) -> Run:
        library = TorchLibrary(parameters[0].dtype)
        weights = self.packing.weights(library, parameters, self.sizes)
        return Run(self.program, library, self.schedule, self.sizes, weights)

    def window(self, first: int, last: int) -> Task:
        """The same over some of the steps."""
        return replace(self, schedule=self.schedule.window(first, last))

    def output_size(self) -> int:
        first = next(iter(self.program.lowered.step.states.values()))
        return self.sizes[first[0]]


def run(
    task: Task,
    xs: Tensor,
    initial: Sequence[Tensor],
    parameters: Sequence[Tensor],
    probes: Sequence[Tensor] = (),
) -> Result:
    """xs: (tokens, I); initial: (rows, n) each. Outputs (tokens, n), final states, records.

    A probe, (tokens, 1), one for each of the task's `norms`, gets as its gradient the norm of the
    derivative by that state at each token: so it comes back through whatever led it here.
    """
    tensors = (xs, *initial, *parameters, *probes)
    if torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors):
        outputs, *rest = _Sequence.apply(task, len(initial), *tensors)
    else:
        left = forward(task.prepare(parameters), xs.contiguous(), initial, task.record, keep=False)
        outputs, *rest = _results(task, left)
    finals = tuple(rest[: len(initial)])
    return outputs, finals, tuple(rest[len(initial) :])


def _results(task: Task, left: Left) -> tuple[Tensor, ...]:
    outputs = left.outputs
    if outputs.shape[1] != task.output_size():
        outputs = outputs[:, : task.output_size()].contiguous()
    return outputs, *left.finals, *left.records.values()


class _Sequence(torch.autograd.Function):
    """Forward kernel, backward kernel."""

    @staticmethod
    def forward(ctx: Any, task: Task, count: int, *tensors: Tensor) -> tuple[Tensor, ...]:
        xs, initial, parameters = split(task, tensors, count)
        xs = xs.contiguous()
        ctx.run = task.prepare(parameters)
        left = forward(ctx.run, xs, initial, task.record, keep=True)
        results = _results(task, left)
        ctx.task, ctx.count, ctx.left = task, count, left
        ctx.set_materialize_grads(False)
        ctx.mark_non_differentiable(*results[1 + count :])
        # The outputs are saved, not held: held, they would hold this context in turn. And torch
        # then notices when somebody has changed them, the input or a parameter in place.
        ctx.first = next(iter(left.states))
        ctx.is_output = left.outputs is results[0]
        ctx.other_outputs = None if ctx.is_output else left.outputs
        del left.states[ctx.first]
        left.xs, left.finals, left.records = None, (), {}
        ctx.save_for_backward(results[0], xs, *parameters)
        return results

    @staticmethod
    def backward(ctx: Any, *d_results: Tensor | None) -> tuple[Tensor | None, ...]:
        outputs, xs, *parameters = ctx.saved_tensors
        with torch.no_grad():
            kept = outputs if ctx.is_output else ctx.other_outputs
            states = {ctx.first: kept, **ctx.left.states}
            left = replace(ctx.left, xs=xs, states=states)
            d_output, d_finals = _cotangents(ctx, outputs, d_results)
            found = backward(ctx.run, left, d_output, d_finals, ctx.task.norms,
                             need_input=ctx.needs_input_grad[2])  # fmt: skip
            gradients = gradients_by_argument(ctx.task, parameters, found, ctx.needs_input_grad[2:])
        return None, None, *once(xs, gradients)


def split(
    task: Task, tensors: Sequence[Tensor], count: int
) -> tuple[Tensor, list[Tensor], list[Tensor]]:
    """The input, the initial states, the parameters; the probes hold no numbers."""
    xs, *rest = tensors
    return xs, list(rest[:count]), list(rest[count : len(rest) - len(task.norms)])


def _cotangents(
    ctx: Any, outputs: Tensor, d_results: Sequence[Tensor | None]
) -> tuple[Tensor, list[Tensor]]:
    d_output = d_results[0]
    d_output = torch.zeros_like(outputs) if d_output is None else d_output
    sizes, states = ctx.task.sizes, ctx.task.program.lowered.step.states.values()
    d_finals = [
        outputs.new_zeros(ctx.task.schedule.rows, sizes[shape[0]]) if d is None else d
        for d, shape in zip(d_results[1 : 1 + ctx.count], states, strict=True)
    ]
    return d_output, d_finals


def gradients_by_argument(
    task: Task, parameters: Sequence[Tensor], found: Gradients, needed: Sequence[bool]
) -> list[Tensor | None]:
    """In the order of the arguments: input, initial states, parameters, probes."""
    by_parameter = task.packing.gradients(parameters, found)
    norms = [found.norms[name] for name in task.norms]
    every = [found.inputs, *found.states, *by_parameter, *norms]
    return [g if need else None for g, need in zip(every, needed, strict=True)]


def once(source: Tensor, gradients: list[Tensor | None]) -> list[Tensor | None]:
    """While gradients are themselves differentiated: mark these, which cannot be."""
    if not torch.is_grad_enabled():
        return gradients
    source = source.detach().requires_grad_()
    marked = iter(_Once.apply(source, *(g for g in gradients if g is not None)))
    return [None if g is None else next(marked) for g in gradients]


class _Once(torch.autograd.Function):
    """Gradients that say, should anybody differentiate them again, what can."""

    @staticmethod
    def forward(ctx: Any, source: Tensor, *gradients: Tensor) -> tuple[Tensor, ...]:
        return tuple(gradient.view_as(gradient) for gradient in gradients)

    @staticmethod
    def backward(ctx: Any, *_: Tensor) -> tuple[Tensor, ...]:
        raise UnrolledError(
            "the compiled kernels differentiate once, and here a gradient is differentiated again: "
            'make the layer with engine="torch", which runs the same equation under autograd'
        )
