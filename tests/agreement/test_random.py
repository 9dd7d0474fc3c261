"""Random equations through the kernels: two states, products, sums over units, kinks."""

from typing import Any

import torch
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.agreement.oracle import TOLERANCES, assert_all_agree, draw_case, found_by, layer_of
from tests.properties.test_equations import SLOWLY, made_of, terms
from unrolled import Cell, equation, tanh, where

SHAPES = [(4, 3, 2, 5), (3, 2, 10, 8), (2, 5, 4, 9)]


class Kept(Cell):
    """Backward needs the condition, and a condition cannot be kept."""

    def step(self, x: Any, h: Any) -> Any:
        a = self.U @ h
        b = self.V @ h
        return tanh(where(a > b, a, b) + self.W @ x)


def assert_kernels_agree(cell: Any, shape: tuple[int, int, int, int], seed: int) -> None:
    steps, rows, inputs, hidden = shape
    inputs = hidden if equation(cell).input_is_hidden else inputs
    case = draw_case(cell, (steps, rows, inputs, hidden), seed=seed)
    found = found_by(layer_of(case, torch.float64), case, torch.float64)
    assert_all_agree(found, case.expected(), TOLERANCES[torch.float64])


# Every example compiles two kernels, so a failing one is shown as it was found, not made smaller.
@settings(SLOWLY, max_examples=25, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(terms, terms, st.integers(0, 99), st.sampled_from(SHAPES))
def test_kernels_compute_what_the_step_computes(
    first: Any, second: Any, seed: int, shape: tuple[int, int, int, int]
) -> None:
    assert_kernels_agree(made_of(first, second), shape, seed)


def test_a_condition_is_made_again_from_what_it_compares() -> None:
    assert_kernels_agree(Kept, SHAPES[0], 0)
