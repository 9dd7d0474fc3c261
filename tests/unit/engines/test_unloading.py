"""Kernels are unloaded when nobody holds the cell, the layer or the equation that they are of."""

import gc
from typing import Any

import pytest
import torch

from unrolled import Cell, Recurrent, equation, tanh
from unrolled.engines.cpu import program
from unrolled.engines.cpu.machine import jit


def cell_with(number: float) -> type[Cell]:
    class Dropped(Cell):
        scale = number

        def step(self, x: Any, h: Any) -> Any:
            return self.scale * tanh(self.W @ x + self.U @ h)

    return Dropped


def run(cell: Any) -> torch.Tensor:
    torch.manual_seed(0)
    layer = Recurrent(cell, 3, 4)
    y, _ = layer(torch.ones(5, 2, 3))
    y.sum().backward()
    return layer.W_l0.grad


def loaded() -> tuple[int, int]:
    for _ in range(3):  # what is freed frees what it held
        gc.collect()
    return len(jit._loaded), len(program._programs)


@pytest.mark.exhaustive
@pytest.mark.parametrize("kind", ["class", "instance", "equation"])
def test_a_dropped_cell_leaves_nothing_loaded(kind: str) -> None:
    make = {"class": lambda c: c, "instance": lambda c: c(), "equation": equation}[kind]
    run(make(cell_with(0.5)))
    before = loaded()
    for number in range(3):
        run(make(cell_with(0.25 + number / 7)))
    assert loaded() == before


def test_what_is_held_is_not_compiled_again(monkeypatch: pytest.MonkeyPatch) -> None:
    cell = cell_with(0.75)
    first = run(cell)
    gc.collect()

    def compiled(*_: Any, **__: Any) -> None:
        raise AssertionError("compiled again, though its cell is held")

    monkeypatch.setattr(jit, "load", compiled)
    assert torch.equal(run(cell), first)
