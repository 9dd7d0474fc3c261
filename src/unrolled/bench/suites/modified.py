"""A training step of an LSTM with a modifier, in turns with the plain LSTM: both a `Recurrent`.
Each is first compared with the same layer under autograd, on the same masks.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch

from unrolled.bench.contest import Maker, Settings, hold
from unrolled.bench.contestant import Contestant
from unrolled.bench.problem import Shape
from unrolled.bench.record import Record
from unrolled.cells import LSTM
from unrolled.cells import modifiers as m
from unrolled.layers.recurrent import Recurrent

PLAIN = "LSTM"
MODIFIED: dict[str, list[Any]] = {
    "CoupledGates": [m.CoupledGates("i", "f")],
    "GradientBound": [m.GradientBound(1.0)],
    "VariationalDropout": [m.VariationalDropout(0.3)],
    "WeightDrop": [m.WeightDrop(0.5)],
    "RecurrentDropout": [m.RecurrentDropout(0.25)],
    "Zoneout": [m.Zoneout(0.1)],
    "LayerNorm": [m.LayerNorm()],
    "RMSNorm": [m.RMSNorm()],
}
HEADS = "Heads"
SHAPES = Shape(32, 64, 64, 128), Shape(32, 64, 64, 256)
WIDE, SMALLEST = Shape(32, 32, 64, 512), Shape(2, 3, 4, 64)


def measure(settings: Settings) -> Iterator[Record]:
    for shape in (SMALLEST,) if settings.quick else SHAPES:
        yield _row(settings, shape, MODIFIED)
    yield _row(settings, SMALLEST if settings.quick else WIDE, {HEADS: [m.Heads(4)]})


def _row(settings: Settings, shape: Shape, modified: dict[str, list[Any]]) -> Record:
    every: dict[str, list[Any]] = {PLAIN: [], **modified}
    makers = {name: _training(shape, some, "cpu") for name, some in every.items()}
    references = {name: _training(shape, some, "torch") for name, some in every.items()}
    return hold(settings, "modifiers", PLAIN, shape, makers, references=references)


def _training(shape: Shape, modifiers: list[Any], engine: str) -> Maker:
    return partial(_made, shape, modifiers, engine)


def _made(shape: Shape, modifiers: list[Any], engine: str) -> Contestant:
    torch.manual_seed(0)
    layer = Recurrent(LSTM, shape.I, shape.H, modifiers=modifiers, engine=engine)
    x, d_y = torch.randn(shape.T, shape.B, shape.I), torch.randn(shape.T, shape.B, shape.H)

    def run() -> None:
        layer.zero_grad()
        torch.autograd.backward(layer(x)[0], d_y)

    def results() -> dict[str, Any]:
        torch.manual_seed(1)  # of the masks
        run()
        return {f"d_{n}": p.grad.detach().clone().numpy() for n, p in layer.named_parameters()
                if p.grad is not None}  # fmt: skip

    return Contestant(run, results)
