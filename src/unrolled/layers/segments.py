"""Backpropagation that computes each segment of a sequence again. In: a `Task` and a segment's
length. Out: what `autograd.run` gives; next: `direction`.

Forward keeps only the states between the segments. Backward takes the segments from the last one
on: forward once more, now keeping everything, then back. With segments of about the square root of
T, what is kept grows with that square root, at the cost of one more forward pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from unrolled.engines.cpu.call.backward import Gradients, backward
from unrolled.engines.cpu.call.forward import forward
from unrolled.engines.cpu.call.run import Run
from unrolled.layers.autograd import Result, Task, gradients_by_argument, once, split
from unrolled.layers.fixed import Packs

Window = tuple[int, int]


def run_segments(
    task: Task,
    length: int,
    xs: Tensor,
    initial: Sequence[Tensor | None],
    parameters: Sequence[Tensor],
    probes: Sequence[Tensor] = (),
) -> Result:
    """Like `autograd.run`, in segments of so many steps; there is at least one step."""
    tensors = (xs.contiguous(), *initial, *parameters, *probes)
    outputs, *rest = _Segments.apply(task, length, len(initial), *tensors)
    return outputs, tuple(rest[: len(initial)]), tuple(rest[len(initial) :])


def windows(steps: int, length: int) -> list[Window]:
    return [(first, min(first + length, steps)) for first in range(0, steps, length)]


class _Segments(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, task: Task, length: int, count: int, *tensors: Any) -> Any:
        xs, states, parameters = split(task, tensors, count)
        whole = task.prepare(parameters)
        outputs = xs.new_empty(len(xs), task.output_size())
        ctx.windows = windows(task.schedule.steps, length)
        units, shape = whole.fit.states.values(), (len(ctx.windows), task.schedule.rows)
        between = [xs.new_empty(*shape, n) for n in units]  # the states before each segment
        ctx.first, ctx.between = states, between
        records: list[Tensor] | None = None
        packs: Packs = {} if task.packs is None else task.packs
        for number, window in enumerate(ctx.windows):
            if number:
                for kept, state in zip(between, states, strict=True):
                    kept[number] = state[0]
            span = task.schedule.span(*window)
            _, states, parts, _ = forward(
                whole.window(*window, packs),
                xs[span],
                states,
                task.record,
                keep=False,
                into=outputs[span],
            )
            if records is None:
                records = [r.new_empty(len(xs), r.shape[1]) for r in parts]
            for whole_record, part in zip(records, parts, strict=True):
                whole_record[span] = part
        ctx.whole, ctx.task, ctx.count = whole, task, count
        ctx.set_materialize_grads(False)
        ctx.mark_non_differentiable(*(records or []))
        ctx.save_for_backward(xs, *parameters)
        return outputs, *states, *(records or [])

    @staticmethod
    def backward(ctx: Any, *d_results: Tensor | None) -> Any:
        xs, *parameters = ctx.saved_tensors
        with torch.no_grad():
            found = _backward(ctx, xs, d_results)
            result = gradients_by_argument(ctx.task, found, ctx.count, ctx.needs_input_grad[3:])
        if torch.is_grad_enabled():
            result = once(result, [xs, *parameters, *ctx.first, *d_results])
        return None, None, None, *result


def _backward(ctx: Any, xs: Tensor, d_results: Sequence[Tensor | None]) -> Gradients:
    """Segment by segment from the end. What a segment needs for itself alone is allocated once: the
    system takes freed memory back, and clears it for the next."""
    whole: Run = ctx.whole
    task: Task = ctx.task
    d_states = d_results[1 : 1 + ctx.count]
    d_xs = torch.zeros_like(xs) if ctx.needs_input_grad[3] else None
    norms = {name: xs.new_empty(len(xs), 1) for name in task.norms}
    total = Gradients(d_xs, tuple(d_states), [], norms)
    last: list[Tensor] = []
    packs: Packs = {} if task.packs is None else task.packs
    room: dict[int, tuple[Tensor, Tensor]] = {}  # outputs and zeros, by the number of tokens
    for number, window in reversed([*enumerate(ctx.windows)]):
        before = [kept[number : number + 1] for kept in ctx.between] if number else ctx.first
        span, part = whole.schedule.span(*window), whole.window(*window, packs)
        here = xs[span]
        if len(here) not in room:
            outputs = xs.new_empty(len(here), task.output_size())
            room[len(here)] = outputs, torch.zeros_like(outputs)
        outputs, nothing = room[len(here)]
        _, _, _, left = forward(part, here, before, keep=True, into=outputs)
        d_ys = nothing if d_results[0] is None else d_results[0][span]
        found = backward(
            part, left, here, outputs, d_ys, total.states, task.norms,
            need_input=d_xs is not None, reuse=last,
        )  # fmt: skip
        del left  # its memory serves the next segment
        for name, norm in found.norms.items():
            norms[name][span] = norm
        if d_xs is not None:
            d_xs[span] = found.inputs
        total.states = found.states
        if number + 1 == len(ctx.windows):
            total.arrays = found.arrays
            continue
        last = found.arrays
        for known, more in zip(total.arrays, last, strict=True):
            known.add_(more)
    return total
