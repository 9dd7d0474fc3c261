"""The tangent of a step: how it prints, what it holds, and that it transposes the backward step."""

from typing import Any

import numpy as np
import pytest

from tests.tolerances import FLOAT64, assert_agrees
from unrolled import Cell, equation, sign, tanh, where
from unrolled.cells import GRU, LSTM, SLSTM, Elman
from unrolled.cells.gradients import derivatives
from unrolled.cells.library import variants
from unrolled.cells.second import by_tangent, draw_direction
from unrolled.cells.trials import FORMS, draw_trial
from unrolled.equations.equation import Equation
from unrolled.equations.ops import OPS, elementwise
from unrolled.equations.verify import verify

CELLS = dict(variants())


def test_elman_is_the_product_rule() -> None:
    assert equation(Elman).tangent.text.splitlines() == [
        "h = tanh(W @ x + U @ h_prev + b)",
        "net_h_dot = W_dot @ x + W @ x_dot + U_dot @ h_prev + U @ h_dot_prev + b_dot",
        "h_dot = net_h_dot * (1 - h**2)",
    ]


def test_its_output_is_the_derivative_of_the_output() -> None:
    found = equation(LSTM).tangent
    assert list(found.states) == ["h_dot", "c_dot", "h", "c"]
    assert list(found.inputs) == ["x", "x_dot"]
    assert [w for w in found.weights if w.endswith("_dot")] == [
        f"{w}_dot" for w in equation(LSTM).weights
    ]


def test_a_direction_starts_from_zero_and_the_state_as_declared() -> None:
    assert equation(SLSTM).tangent.initial_state == equation(SLSTM).initial_state


def test_a_name_that_is_taken_gets_a_number() -> None:
    class Dotted(Cell):
        def step(self, x: Any, h: Any) -> Any:
            h_dot = tanh(self.W @ x + self.U @ h)
            return h_dot + h

    found = equation(Dotted).tangent
    assert list(found.states) == ["h_dot_2", "h"]
    assert found.locals.keys() >= {"h_dot", "h_dot_dot"}


def test_what_does_not_move_has_no_movement_and_a_state_of_it_zeros() -> None:
    class Steps(Cell):
        def step(self, x: Any, h: Any, s: Any) -> Any:
            is_high = self.W @ x > s
            s = sign(self.U @ h)
            return where(is_high, h, tanh(h + self.W @ x + s)), s

    found = equation(Steps).tangent
    assert "is_high_dot" not in found.locals
    trial = draw_trial(Steps, equation(Steps), FORMS[2], np.random.default_rng(0))
    moved = by_tangent(trial, draw_direction(trial, np.random.default_rng(1)))
    assert not np.any(moved["directional derivative", "final s"])


def test_a_tangent_is_an_equation_like_any_other() -> None:
    for cell in (Elman, GRU, SLSTM):
        found = equation(cell).tangent
        assert Equation.from_json(found.json) == found
        verify(found.tangent)


@pytest.mark.parametrize("name", CELLS)
def test_it_is_the_transpose_of_the_backward_step(name: str) -> None:
    """<v, J u> = <J^T v, u>, with a direction and cotangents that are drawn."""
    generator = np.random.default_rng(0)
    trial = draw_trial(CELLS[name], equation(CELLS[name]), FORMS[0], generator)
    direction = draw_direction(trial, generator)
    moved = by_tangent(trial, direction)
    results = ["output", *(f"final {state}" for state in trial.equation.states)]
    keys = [("directional derivative", result) for result in results]
    forward = sum(np.sum(v * moved[key]) for v, key in zip(trial.cotangents, keys, strict=True))
    found = derivatives(trial)
    backward = sum(np.sum(d * u) for (_, _, _, d), u in zip(found, direction, strict=True))
    assert_agrees(forward, backward, tolerance=FLOAT64)


def test_what_does_not_work_unit_by_unit_is_linear_in_each_argument() -> None:
    others = {name for name, row in OPS.items() if row.shape is not elementwise}
    assert others == {
        "matmul", "transpose", "outer", "sum", "mean", "spread", "total", "max", "min", "softmax",
        "concat", "part", "pad", "block_diagonal", "diagonal_blocks", "clip_gradient",
    }  # fmt: skip


def test_a_number_that_all_units_share_moves_twice() -> None:
    class Level(Cell):
        scalars = ("g",)

        def step(self, x: Any, h: Any) -> Any:
            return sign(self.W @ x + h) + self.g

    verify(equation(Level).tangent.tangent)
