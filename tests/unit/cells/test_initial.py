"""First values: each rule draws what it says."""

from typing import Any

import numpy as np
import pytest

from tests.tolerances import FLOAT64, assert_agrees
from unrolled import Cell, tanh
from unrolled.cells.initial import draw

generator = np.random.default_rng(0)


@pytest.mark.parametrize("shape", [(4, 4), (3, 6), (6, 3)])
def test_orthogonal(shape: tuple[int, int]) -> None:
    q = draw("orthogonal", shape, 4, generator)
    assert q.shape == shape
    square = q @ q.T if shape[0] <= shape[1] else q.T @ q
    assert_agrees(square, np.eye(min(shape)), tolerance=FLOAT64)


def test_identity_number_and_range() -> None:
    assert draw("identity", (2, 3), 4, generator).tolist() == [[1, 0, 0], [0, 1, 0]]
    assert draw(0.5, (2,), 4, generator).tolist() == [0.5, 0.5]
    assert draw(2, (), 4, generator).tolist() == 2.0
    drawn = draw(("uniform", 3.0, 4.0), (1000,), 4, generator)
    assert 3 <= drawn.min() < 3.05
    assert 3.95 < drawn.max() <= 4


def test_glorot_and_what_is_not_declared() -> None:
    drawn = draw("glorot", (40, 60), 4, generator)
    assert 0.23 < np.abs(drawn).max() <= np.sqrt(6 / 100)
    drawn = draw(None, (40, 60), 16, generator)
    assert 0.24 < np.abs(drawn).max() <= 0.25


def test_a_class_declares_them() -> None:
    class Mine(Cell):
        initial = {"b": 1.0, "U": "orthogonal"}

        def step(self, x: Any, h: Any) -> Any:
            return tanh(self.W @ x + self.U @ h + self.b)

    class Other(Mine):
        initial = {"b": -1.0}

    cell = Mine(3, 4, seed=0)
    assert cell.b.tolist() == [1] * 4
    assert_agrees(cell.U @ cell.U.T, np.eye(4), tolerance=FLOAT64)
    assert Other(3, 4, seed=0).b.tolist() == [-1] * 4
