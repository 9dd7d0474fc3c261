"""The compiled kernels beside the equation on arrays, as `check_gradients` shows it."""

from typing import Any

import numpy as np
import pytest

from unrolled import Cell, GradientError, check_gradients, exp, relu, tanh
from unrolled.cells import RGLRU
from unrolled.engines.plan import layout
from unrolled.errors import PlanError
from unrolled.textbook import compiled


class DotProduct(Cell):
    sizes = {"e": "1"}

    def step(self, x: Any, h: Any) -> Any:
        return tanh(self.U @ h + self.b * (self.e @ x))


def test_the_table_has_a_line_for_every_output_state_and_gradient() -> None:
    table = check_gradients(DotProduct)
    rows = [(row.kind, row.name) for row in table.kernels]
    weights = [("weight", name) for name in ("U", "b", "e")]
    both = [*weights, ("input", "x"), ("initial state", "h")]
    assert rows == [("output", "h"), ("final state", "h"), *both]
    assert set(table.worst_of_kernels) == {"float64", "float32"}
    assert 0 < table.worst_of_kernels["float64"] < 1e-10
    assert 1e-10 < table.worst_of_kernels["float32"] < 1e-3
    lines = str(table).splitlines()
    assert lines[1].split() == [
        "worst",
        "error",
        "checked",
        "kinks",
        "kernels",
        "float64",
        "kernels",
        "float32",
    ]
    assert any(line.split()[:2] == ["output", "h"] for line in lines)
    assert "for the kernels alone: one sequence of whole vectors (1), 20 steps" in lines[-1]


def test_what_weights_alone_decide_is_compared_too() -> None:
    assert check_gradients(RGLRU).passed


def test_nothing_is_compiled_where_kernels_are_not_wanted() -> None:
    table = check_gradients(DotProduct, kernels=False)
    assert table.kernels == []
    assert "kernels" not in str(table)


def test_a_number_too_large_for_float32_is_no_mistake_of_the_kernels() -> None:
    class Large(Cell):
        def step(self, x: Any, h: Any) -> Any:
            return tanh(self.U @ h + self.W @ x) + 0 * exp(90 + relu(self.W @ x))

    assert check_gradients(Large).worst_of_kernels["float32"] == 0


def test_a_wrong_number_of_the_kernels_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    right = compiled.backward

    def wrong(*given: Any) -> Any:
        found = right(*given)
        found.weights["b"] = found.weights["b"] * (1 + 1e-3)
        return found

    monkeypatch.setattr(compiled, "backward", wrong)
    with pytest.raises(
        GradientError, match="compute a different weight b than its equation"
    ) as caught:
        check_gradients(DotProduct)
    (line,) = [row for row in str(caught.value.table).splitlines() if row.endswith("wrong")]
    assert line.split()[:2] == ["weight", "b"]


def test_what_a_kernel_reads_and_nobody_wrote_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    right = compiled.forward

    def wrong(*given: Any, **more: Any) -> Any:
        trace = right(*given, **more)
        trace.outputs[-1, 0] = np.nan
        return trace

    monkeypatch.setattr(compiled, "forward", wrong)
    with pytest.raises(GradientError, match="output h than its equation: in float64 it is off by"):
        check_gradients(DotProduct)


def test_a_cell_that_cannot_be_compiled_says_so_in_the_table(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Fresh(Cell):
        def step(self, x: Any, h: Any) -> Any:
            return tanh(self.W @ x + self.U @ h) + 0.125 * h

    def refuse(*_: Any) -> Any:
        raise PlanError("stage 0: a mistake")

    monkeypatch.setattr(layout._Layout, "run", refuse)
    with pytest.raises(GradientError, match="Fresh cannot be compiled: stage 0") as caught:
        check_gradients(Fresh)
    assert "there are no compiled kernels: stage 0: a mistake" in str(caught.value.table)


class Growing(Cell):
    """Finite for a few steps, and not for twenty."""

    def step(self, x, h):
        return 1 + h * h + tanh(self.W @ x + self.U @ h)


def test_a_step_that_grows_is_proved_as_far_as_it_is_finite() -> None:
    table = check_gradients(Growing)
    assert table.passed
    assert table.drawn[-1].endswith("no long sequence, over which this step is not finite")
