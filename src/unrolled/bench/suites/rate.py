"""Products a second of a training step, beside torch.mm of (T B) x (I + H) by (I + H) x (G H) in
the same rounds. The products that a step needs are 2 T B G H (2 (I + H) + H): W x and U h forward,
and backward the gradients of W and U and that of h; and + I where the input wants a gradient too.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch

from unrolled.bench.contest import Settings, hold
from unrolled.bench.contestant import OURS, Contestant
from unrolled.bench.peers import ours, torch_nn
from unrolled.bench.problem import BUILT_IN, Problem, Shape
from unrolled.bench.record import Record

GATES = {"Elman": 1, "GRU": 3, "LSTM": 4}
LEAST_HIDDEN, LEAST_BATCH = 256, 32
YARDSTICK = "torch.mm"


def measure(settings: Settings) -> Iterator[Record]:
    for problem in settings.problems(BUILT_IN, input_gradient=settings.input_gradient):
        shape = problem.shape
        if shape.H < LEAST_HIDDEN or shape.B < LEAST_BATCH:
            continue
        makers = {
            "torch.nn": lambda problem=problem: torch_nn.training(problem, settings.threads),
            OURS: lambda problem=problem: ours.training(problem, drop_in=True),
            YARDSTICK: lambda problem=problem: product(problem),
        }
        record = hold(settings, "rate", problem.cell, problem.shape, makers)
        step = products(problem)
        record.facts["products"] = {
            "torch.nn": step, OURS: step, YARDSTICK: one_product(shape, GATES[problem.cell])
        }  # fmt: skip
        yield record


def products(problem: Problem) -> int:
    """Multiplications and additions of one training step's matrix products."""
    s, gates = problem.shape, GATES[problem.cell]
    inner = 2 * (s.I + s.H) + s.H + (s.I if problem.input_gradient else 0)
    return 2 * s.T * s.B * gates * s.H * inner


def one_product(shape: Shape, gates: int) -> int:
    return 2 * shape.T * shape.B * (shape.I + shape.H) * gates * shape.H


def product(problem: Problem) -> Contestant:
    """The yardstick."""
    s, gates = problem.shape, GATES[problem.cell]
    left = torch.randn(s.T * s.B, s.I + s.H)
    right = torch.randn(s.I + s.H, gates * s.H)
    out = torch.empty(s.T * s.B, gates * s.H)
    return Contestant(lambda: torch.mm(left, right, out=out), None)
