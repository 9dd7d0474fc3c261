"""Random equations through the kernels: two states, products, sums over units, kinks."""

from typing import Any, ClassVar

import pytest
import torch
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.agreement.oracle import TOLERANCES, assert_all_agree, draw_case, found_by, layer_of
from tests.properties.test_equations import SLOWLY, made_of, sized_cells, terms
from unrolled import Cell, equation, sigmoid, sum, tanh, where

SHAPES = [(4, 3, 2, 5), (3, 2, 10, 8), (2, 5, 4, 9)]


class Kept(Cell):
    """Backward needs the condition, and a condition cannot be kept."""

    def step(self, x: Any, h: Any) -> Any:
        a = self.U @ h
        b = self.V @ h
        return tanh(where(a > b, a, b) + self.W @ x)


class DotProduct(Cell):
    """A weight of one row beside the input alone: the kernels read the input unit by unit."""

    sizes: ClassVar = {"e": "1"}

    def step(self, x: Any, h: Any) -> Any:
        return tanh(self.U @ h + self.b * (self.e @ x))


class ScalarGate(Cell):
    sizes: ClassVar = {"e": "1", "g": "1"}

    def step(self, x: Any, h: Any) -> Any:
        z = sigmoid(self.e @ x + self.g @ h)
        return tanh(z * (self.U @ h) + self.W @ x)


class OneUnit(Cell):
    """A state of one unit, weights of one row, of one column and of one number."""

    sizes: ClassVar = {"s": "1", "b": "1", "p": "1"}

    def step(self, x: Any, h: Any, s: Any) -> Any:
        s = tanh(self.e @ x + self.A @ s + self.b + self.g @ h)
        return tanh(self.V @ s + self.g.T @ s + self.U @ h - sum(h) * self.p), s


class OneOutput(Cell):
    sizes: ClassVar = {"h": "1"}

    def step(self, x: Any, h: Any, c: Any) -> Any:
        return tanh(self.U @ h + self.W @ x + self.b), c * sigmoid(self.V @ x) + h


class OneUnitAlone(Cell):
    sizes: ClassVar = {"h": "1"}

    def step(self, x: Any, h: Any) -> Any:
        return tanh(self.U @ h + self.W @ x + self.b)


class Rank(Cell):
    """Sizes of its own: a named one of 1, one smaller than H, one larger."""

    sizes: ClassVar = {"e": "one", "R": "less", "Z": "more"}

    def step(self, x: Any, h: Any) -> Any:
        low = self.L @ (self.R @ h)
        return tanh(self.U @ h + low + self.W @ (self.e @ x) + self.Y @ tanh(self.Z @ h))


class Twice(Cell):
    """A weight of one row meets the state, the input, and, transposed, a number."""

    sizes: ClassVar = {"e": "1"}

    def step(self, x: Any, h: Any) -> Any:
        return tanh(self.U @ h + (self.e @ h) * x + self.e.T @ (self.e @ x))


class InputByUnit(Cell):
    """No product with the input: there is nothing to be done outside the backward kernel."""

    def step(self, x: Any, h: Any) -> Any:
        return tanh(self.U @ h + x)


class Settled(Cell):
    """States that become what weights alone decide, one of them a single unit."""

    sizes: ClassVar = {"s": "1"}

    def step(self, x: Any, h: Any, k: Any, s: Any) -> Any:
        return tanh(self.W @ x + self.U @ h + k * s), tanh(self.b), self.c


SIZED = [
    DotProduct, ScalarGate, OneUnit, OneOutput, OneUnitAlone, Rank, Twice, InputByUnit, Settled
]  # fmt: skip


def assert_kernels_agree(
    cell: Any, shape: tuple[int, int, int, int], seed: int, dtype: torch.dtype = torch.float64
) -> None:
    steps, rows, inputs, hidden = shape
    inputs = hidden if equation(cell).input_is_hidden else inputs
    case = draw_case(cell, (steps, rows, inputs, hidden), dtype=dtype, seed=seed)
    found = found_by(layer_of(case, dtype), case, dtype)
    assert_all_agree(found, case.expected(), TOLERANCES[dtype])


# Every example compiles two kernels, so a failing one is shown as it was found, not made smaller.
@settings(SLOWLY, max_examples=25, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(terms, terms, st.integers(0, 99), st.sampled_from(SHAPES))
def test_kernels_compute_what_the_step_computes(
    first: Any, second: Any, seed: int, shape: tuple[int, int, int, int]
) -> None:
    assert_kernels_agree(made_of(first, second), shape, seed)


def test_a_condition_is_made_again_from_what_it_compares() -> None:
    assert_kernels_agree(Kept, SHAPES[0], 0)


LONGER = [*SHAPES, (5, 40, 6, 17), (40, 1, 12, 16)]
SHORT = [*SHAPES, (5, 40, 6, 17), (8, 1, 12, 16)]  # long ones may be chaotic
DTYPES = [torch.float64, torch.float32]


@settings(SLOWLY, max_examples=12, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(sized_cells, st.integers(0, 99), st.sampled_from(SHORT), st.sampled_from(DTYPES))
def test_kernels_of_declared_sizes_compute_what_the_step_computes(
    cell: type[Cell], seed: int, shape: tuple[int, int, int, int], dtype: torch.dtype
) -> None:
    assert_kernels_agree(cell, shape, seed, dtype)


@pytest.mark.parametrize("cell", SIZED)
def test_declared_sizes(cell: type[Cell]) -> None:
    for shape in LONGER:
        for dtype in DTYPES:
            assert_kernels_agree(cell, shape, 1, dtype)
