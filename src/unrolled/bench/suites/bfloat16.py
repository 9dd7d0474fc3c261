"""Layers of bfloat16: a training step and inference beside torch.nn's in bfloat16, ours in float32,
and torch.mm in both, as in `rate`. In the same run the processor's own peak is measured, a loop of
multiply-adds on registers, and every rate is given as a share of it.

A stream in bfloat16 is compared with one in float32: a step reads half as many bytes of weights.

Results are compared with those of float32, within the rounding error of bfloat16 over all steps.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch

import unrolled
from unrolled.bench.contest import Settings, hold
from unrolled.bench.contestant import OURS, Contestant
from unrolled.bench.peers import ours, torch_nn
from unrolled.bench.problem import BUILT_IN, Array, Problem, Shape
from unrolled.bench.record import Record
from unrolled.bench.suites.rate import GATES, LEAST_BATCH, LEAST_HIDDEN, one_product, products
from unrolled.engines.cpu.code import peak

NN, NN_FLOAT32, WIDE = "torch.nn", "torch.nn float32", f"{OURS} float32"
PRODUCTS = {"torch.mm": torch.bfloat16, "torch.mm float32": torch.float32}
# Eight bits of fraction, rounded at every step of the recurrence and in every sum over tokens.
TOLERANCE = 0.1
STREAMED, TINY = (256, 512, 1024), 32  # units of a layer whose stream is measured
STEPS = 64


def measure(settings: Settings) -> Iterator[Record]:
    limits = {kind: peak.peak(kind, settings.threads)
              for kind in (peak.FLOAT32, peak.BFLOAT16) if peak.runs(kind)}  # fmt: skip
    for problem in settings.problems(BUILT_IN, input_gradient=settings.input_gradient):
        large = problem.shape.H >= LEAST_HIDDEN and problem.shape.B >= LEAST_BATCH
        for work in ("training", "inference") if large or settings.quick else ():
            yield _record(settings, problem, work, limits)
    for cell in settings.chosen(BUILT_IN):
        for hidden in (TINY,) if settings.quick else STREAMED:
            yield _streamed(settings, Problem(cell, Shape(1, STEPS, hidden, hidden)))


def _record(settings: Settings, problem: Problem, work: str, limits: dict[str, float]) -> Record:
    makers = {
        WIDE: partial(_layer, problem, work, own=True, dtype=torch.float32),
        NN: partial(_layer, problem, work, own=False, dtype=torch.bfloat16),
        NN_FLOAT32: partial(_layer, problem, work, own=False, dtype=torch.float32),
        OURS: partial(_layer, problem, work, own=True, dtype=torch.bfloat16),
        **{name: partial(_product, problem, dtype) for name, dtype in PRODUCTS.items()},
    }
    record = hold(settings, "bfloat16", problem.cell, problem.shape, makers, tolerance=TOLERANCE)
    record.facts["work"], record.facts["peak"] = work, limits
    step = products(problem) if work == "training" else one_product(problem.shape, _gates(problem))
    record.facts["products"] = {
        name: one_product(problem.shape, _gates(problem)) if name in PRODUCTS else step
        for name in makers
    }
    return record


def _streamed(settings: Settings, problem: Problem) -> Record:
    """One step a call, one sequence."""
    found = {name: _stream(problem, dtype)
             for name, dtype in {WIDE: torch.float32, OURS: torch.bfloat16}.items()}  # fmt: skip
    makers = {name: lambda one=one: one for name, (one, _) in found.items()}
    record = hold(settings, "bfloat16", problem.cell, problem.shape, makers, tolerance=TOLERANCE)
    record.facts["work"] = "stream"
    record.facts["bytes per step"] = {name: number for name, (_, number) in found.items()}
    return record


def _stream(problem: Problem, dtype: torch.dtype) -> tuple[Contestant, int]:
    """A stream in one precision, and how many bytes of weights a step reads."""
    made: Any = ours.layer(problem, drop_in=True)[0]
    stream = made.to(dtype).stream()
    xs = list(torch.from_numpy(problem.x).to(dtype))

    def run() -> None:
        for x in xs:
            stream.step(x)

    def results() -> dict[str, Array]:
        stream.reset()
        return {"y": torch.stack([stream.step(x).float().clone() for x in xs]).numpy()}

    return Contestant(run, results, repeats=len(xs)), stream.bytes_per_step


def _gates(problem: Problem) -> int:
    return GATES[problem.cell]


def _layer(problem: Problem, work: str, *, own: bool, dtype: torch.dtype) -> Contestant:
    """One layer in one precision; what it computes is given in float32."""
    made: Any = ours.layer(problem, drop_in=True)[0] if own else torch_nn.layer(problem)
    made.to(dtype)
    assert not own or isinstance(made, unrolled.LSTM | unrolled.GRU | unrolled.RNN)
    x, d_y = torch.from_numpy(problem.x).to(dtype), torch.from_numpy(problem.d_y).to(dtype)
    x.requires_grad_(problem.input_gradient and work == "training")

    def training() -> Any:
        made.zero_grad()
        x.grad = None
        y = made(x)[0]
        torch.autograd.backward(y, d_y)
        return y

    def inference() -> Any:
        with torch.no_grad():
            return made(x)[0]

    def results() -> dict[str, Array]:
        if work == "inference":
            return {"y": inference().float().numpy()}
        found = {"y": training().detach().float().numpy()}
        return found | {f"d_{n}": p.grad.float().numpy() for n, p in made.named_parameters()}

    return Contestant(training if work == "training" else inference, results)


def _product(problem: Problem, dtype: torch.dtype) -> Contestant:
    """The yardstick of `rate`, in this precision."""
    s, gates = problem.shape, _gates(problem)
    left = torch.randn(s.T * s.B, s.I + s.H).to(dtype)
    right = torch.randn(s.I + s.H, gates * s.H).to(dtype)
    return Contestant(lambda: torch.mm(left, right), None)
