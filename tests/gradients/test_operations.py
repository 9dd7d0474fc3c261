"""Each operation of the language on its own, by central differences."""

import pytest

from tests.gradients.one_operation import OPERATIONS
from unrolled import check_gradients
from unrolled.equations.ops import OPS

# What only derived equations and modifiers hold, and what only conditions are made of.
INNER = {"outer", "spread", "total", "pad", "block_diagonal", "diagonal_blocks"}


@pytest.mark.parametrize("name", OPERATIONS)
def test_derivative_agrees_with_central_differences(name: str) -> None:
    assert check_gradients(OPERATIONS[name], seed=2, kernels=False).passed


def test_no_operation_is_missing() -> None:
    values = {name for name, row in OPS.items() if not row.is_condition}
    assert set(OPERATIONS) == values - INNER | {"eye"}
