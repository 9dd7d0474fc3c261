"""Second derivatives by the tangent of a step, beside central differences of the step and its
derived gradients: every cell of the library, every operation of the language."""

import numpy as np
import pytest

from tests.gradients.one_operation import OPERATIONS
from unrolled import check_gradients, equation
from unrolled.cells import GRU, Elman
from unrolled.cells.gradients import GradientTable
from unrolled.cells.library import variants
from unrolled.cells.second import compare_second
from unrolled.cells.trials import FORMS, draw_trial
from unrolled.equations import tangent
from unrolled.errors import ArgumentError, GradientError

CELLS = dict(variants()) | {f"one {name}": cell for name, cell in OPERATIONS.items()}


@pytest.mark.parametrize("name", CELLS)
def test_second_derivatives_agree_with_differences(name: str) -> None:
    cell = CELLS[name]
    table = GradientTable(name)
    with np.errstate(all="ignore"):  # a step may overflow on its way to a finite result
        trial = draw_trial(cell, equation(cell), FORMS[2], np.random.default_rng(0))
    compare_second(table, [trial])
    kinds = {row.kind for row in table.second}
    assert kinds == {"directional derivative", "second derivative"}
    assert table.checked > 0


def test_a_wrong_tangent_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    right = tangent._movement
    monkeypatch.setattr(tangent, "_movement", lambda node, found: (
        -right(node, found) if node.op == "sigmoid" else right(node, found)))  # fmt: skip
    monkeypatch.setitem(equation(GRU).__dict__, "tangent", tangent.tangent(equation(GRU)))
    with pytest.raises(GradientError, match="the directional derivative of output is wrong"):
        check_gradients(GRU, order=2, kernels=False)


def test_the_table_shows_both_orders() -> None:
    table = check_gradients(Elman, order=2, kernels=False)
    assert table.passed
    assert "second derivative initial state h" in str(table)
    assert "in one random direction" in str(table)
    assert "in one random direction" not in str(check_gradients(Elman, kernels=False))


def test_an_order_that_is_none_is_refused() -> None:
    with pytest.raises(ArgumentError, match="order must be 1 or 2"):
        check_gradients(Elman, order=3)
