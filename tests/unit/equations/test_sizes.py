"""Sizes follow from use; the rest is declared."""

from typing import Any

import pytest

from unrolled import Cell, equation, eye, mean, sigmoid, tanh
from unrolled.cells import LSTM, ProjectedLSTM

I, H = "input_size", "hidden_size"


class Plain(Cell):
    def step(self, x: Any, h: Any) -> Any:
        return tanh(self.W @ x + self.U @ h + self.b)


class Ordered(Cell):
    """What is used first comes first, whatever it is."""

    def step(self, x: Any, h: Any) -> Any:
        return self.b * (self.U @ h) + self.W @ x


class Factored(Cell):
    sizes = {"B": "rank"}

    def step(self, x: Any, h: Any) -> Any:
        return tanh(self.A @ (self.B @ h) + self.C @ (self.D @ x) + h)


class Tied(Factored):
    """One name for two ranks makes them one size."""

    sizes = {"B": "rank", "D": "rank"}


class Beside(Cell):
    def step(self, x: Any, h: Any) -> Any:
        return self.a * x + tanh(self.U @ h)


class Reduced(Cell):
    scalars = ("s",)

    def step(self, x: Any, h: Any) -> Any:
        g = sigmoid(self.v * mean(h) + self.s)
        return g * h + self.W @ x


class Matrices(Cell):
    def step(self, x: Any, h: Any) -> Any:
        return (self.U + self.V.T - 0.5 * eye) @ h + self.W @ x


class Multiplied(Cell):
    sizes = {"B": "rank"}

    def step(self, x: Any, h: Any) -> Any:
        return tanh((self.A @ self.B) @ x + h)


FOUND: list[tuple[type[Cell], dict[str, tuple[str, ...]]]] = [
    (Plain, {"W": (H, I), "U": (H, H), "b": (H,)}),
    (Ordered, {"b": (H,), "U": (H, H), "W": (H, I)}),
    (Tied, {"A": (H, "rank"), "B": ("rank", H), "C": (H, "rank"), "D": ("rank", I)}),
    (Beside, {"a": (H,), "U": (H, H)}),
    (Reduced, {"v": (H,), "s": (), "W": (H, I)}),
    (Matrices, {"U": (H, H), "V": (H, H), "W": (H, I)}),
    (Multiplied, {"A": (H, "rank"), "B": ("rank", I)}),
    (ProjectedLSTM, {"P": ("proj_size", H), "U_i": (H, "proj_size")}),
]


@pytest.mark.parametrize(("cell", "shapes"), FOUND)
def test_shapes_follow_from_use(cell: type[Cell], shapes: dict[str, tuple[str, ...]]) -> None:
    weights = equation(cell).weights
    assert {name: weights[name] for name in shapes} == shapes
    if cell is not ProjectedLSTM:
        assert list(weights) == list(shapes), "in the order of their first use"


def test_a_size_that_stays_open_is_asked_for() -> None:
    from unrolled import CellError

    with pytest.raises(CellError, match=r'columns of self.C cannot be inferred.*sizes = \{"D"'):
        equation(Factored)


def test_the_input_may_have_to_be_as_wide_as_the_state() -> None:
    assert equation(Beside).input_is_hidden
    assert equation(Beside).sizes == (H,)
    assert not equation(LSTM).input_is_hidden
    assert equation(ProjectedLSTM).sizes == (I, H, "proj_size")
