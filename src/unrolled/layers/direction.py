"""One direction of one layer. In: tokens, initial states, parameters. Out: outputs, final states,
records; next: `stack`, which puts directions beside and above one another.

Here it is decided, from device and dtype alone, what runs: the kernels (`engine` "cpu") or the same
equation under autograd ("torch"). And here `bptt` cuts the sequence: "whole"; windows of k, between
which no derivative passes; "recompute", which keeps only what is needed to compute a segment again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor

from unrolled.compile import program
from unrolled.engines.cpu.program import Program
from unrolled.equations.equation import Equation
from unrolled.errors import ShapeError
from unrolled.layers import autograd, graph
from unrolled.layers.autograd import Result, Task
from unrolled.layers.batch import Dense, Ragged
from unrolled.layers.fixed import Packs
from unrolled.layers.library import DTYPES
from unrolled.layers.packing import Packing, Plain
from unrolled.layers.segments import run_segments

SHORTEST = 32  # steps of a segment: shorter ones save nothing worth their second forward pass


@dataclass(frozen=True)
class Wiring:
    """A step as a layer uses it: its equation, and how parameters hold its weights."""

    equation: Equation
    packing: Packing | None = None  # None: a parameter for each weight of the cell

    def program(self, dtype: torch.dtype) -> Program:
        return program(self.equation, DTYPES.get(dtype, 32))

    @cached_property
    def plain(self) -> Plain:
        return Plain(tuple(self.equation.weights))

    def given(
        self, program: Program, parameters: Sequence[Tensor], sizes: dict[str, int]
    ) -> tuple[Packing, Sequence[Tensor]]:
        """What the kernels are given for a direction's parameters, and how it holds the weights."""
        if self.packing is not None:
            return self.packing, parameters
        step = program.lowered
        if not step.prelude:
            return self.plain, parameters
        known = dict(zip(self.plain.names, parameters, strict=True))
        known |= graph.prelude(step.prelude, known, sizes)
        return Plain(tuple(step.weights)), [known[name] for name in step.weights]


@dataclass(eq=False)
class How:
    """What decides how a layer runs."""

    engine: str
    bptt: str | int
    record: tuple[str, ...] = ()
    norms: tuple[str, ...] = ()


class Runner(NamedTuple):
    """What runs a task: the whole of it, or in segments that are computed again."""

    whole: Callable[..., Result]
    segments: Callable[..., Result]


RUNNERS = {
    "cpu": Runner(autograd.run, run_segments),
    "torch": Runner(graph.run, graph.run_segments),
}


def engine_for(asked: str, like: Tensor) -> str:
    """ "cpu" (the kernels) or "torch", from device and dtype alone."""
    fits = like.is_cpu and like.dtype in DTYPES
    if asked == "cpu" and not fits:
        raise ShapeError(
            f'engine="cpu" runs float32 and float64 on the CPU, and this layer is {like.dtype} on '
            f'{like.device}: engine="torch" runs anywhere, and "auto" chooses'
        )
    return "torch" if asked == "torch" or not fits else "cpu"


def run(
    wiring: Wiring,
    how: How,
    batch: Dense | Ragged,
    reverse: bool,
    tokens: Tensor,
    initial: Sequence[Tensor | None],
    parameters: Sequence[Tensor],
    sizes: dict[str, int],
    probes: Sequence[Tensor] = (),
    packs: Packs | None = None,
) -> Result:
    """tokens: (..., I), (T, B, I) where the batch is dense; initial: (1, B, n) each, None for
    zeros, in the user's order. All results likewise. `packs`: weights as they were packed before,
    if they are the same."""
    like = parameters[0]
    program = wiring.program(like.dtype)
    packing, given = wiring.given(program, parameters, sizes)
    tokens = batch.turned(tokens, reverse)
    initial = [batch.ordered(state) for state in initial]
    schedule = batch.schedule(_jobs(tokens, sizes), reverse)
    task = Task(program, packing, schedule, sizes, how.record, how.norms, packs)
    probes = [batch.turned(probe, reverse) for probe in probes]
    engine = engine_for(how.engine, like)
    if engine == "cpu" and how.bptt == "whole":
        outputs, finals, records = autograd.run(task, tokens, initial, given, probes)
    else:
        outputs, finals, records = _flat(how, task, engine, tokens, initial, given, probes)
    return (
        batch.turned(outputs, reverse),
        tuple([batch.restored(final) for final in finals]),
        tuple([batch.turned(r, reverse) for r in records]),
    )


def _jobs(tokens: Tensor, sizes: dict[str, int]) -> int:
    # two threads meet in some microseconds: below this much work one alone is sooner done
    inputs, hidden = sizes["input_size"], sizes["hidden_size"]
    work = tokens.numel() // inputs * hidden * (hidden + inputs)
    return torch.get_num_threads() if work > 100_000 else 1


def _flat(
    how: How,
    task: Task,
    engine: str,
    tokens: Tensor,
    initial: list[Tensor | None],
    parameters: Sequence[Tensor],
    probes: list[Tensor],
) -> Result:
    """With tokens one below the other, which can be cut."""
    form = tokens.shape[:-1]
    tokens = tokens.flatten(0, -2)
    probes = [probe.flatten(0, -2) for probe in probes]
    rows = task.schedule.rows
    if engine == "torch":
        units = [task.sizes[shape[0]] for shape in task.program.equation.states.values()]
        initial = [tokens.new_zeros(rows, n) if state is None else state.squeeze(0)
                   for state, n in zip(initial, units, strict=True)]  # fmt: skip
    outputs, finals, records = _cut(how, task, RUNNERS[engine], tokens, initial, parameters, probes)
    if engine == "torch":
        finals = tuple([final.unsqueeze(0) for final in finals])
    return outputs.unflatten(0, form), finals, tuple([r.unflatten(0, form) for r in records])


def _cut(
    how: How,
    task: Task,
    runner: Runner,
    tokens: Tensor,
    initial: list[Tensor | None],
    parameters: Sequence[Tensor],
    probes: list[Tensor],
) -> Result:
    """The whole sequence, or piece by piece."""
    steps = task.schedule.steps
    training = torch.is_grad_enabled() and any(
        tensor is not None and tensor.requires_grad
        for tensor in (tokens, *initial, *parameters, *probes)
    )
    if how.bptt == "whole" or steps == 0 or not training:
        return runner.whole(task, tokens, initial, parameters, probes)
    if how.bptt == "recompute":
        # what is kept: T / length states between segments, and length steps of one segment
        length = max(SHORTEST, math.ceil(0.8 * math.sqrt(steps)))
        return runner.segments(task, length, tokens, initial, parameters, probes)
    assert isinstance(how.bptt, int)
    states = initial
    task = replace(task, packs={} if task.packs is None else task.packs)
    parts: list[tuple[int, Tensor, tuple[Tensor, ...]]] = []
    for first in range(0, steps, how.bptt):
        window = first, min(first + how.bptt, steps)
        span = task.schedule.span(*window)
        if first:
            states = [state.detach() for state in states]
        outputs, finals, records = runner.whole(
            task.window(*window), tokens[span], states, parameters, [p[span] for p in probes]
        )
        parts.append((span.start, outputs, records))
        states = list(finals)
    parts.sort(key=lambda part: part[0])
    records = tuple(torch.cat(r) for r in zip(*(part[2] for part in parts), strict=True))
    return torch.cat([part[1] for part in parts]), tuple(states), records
