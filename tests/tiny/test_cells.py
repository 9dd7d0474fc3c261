"""A cell of one's own, from five lines to a proof."""

from typing import Any

import numpy as np

import unrolled as ur
from unrolled.cells import LSTM


class Leaky(ur.Cell):
    leak = 0.2

    def step(self, x: Any, h: Any) -> Any:
        return (1 - self.leak) * h + self.leak * ur.tanh(self.W @ x + self.U @ h)


def test_it_runs_prints_and_is_proved() -> None:
    outputs, (h,) = Leaky(3, 4, seed=0).unroll(np.ones((5, 3)))
    assert outputs.shape == (5, 4)
    assert np.array_equal(outputs[-1], h)
    assert "d_U = outer(" in ur.equation(Leaky).backward.text
    assert ur.check_gradients(Leaky).passed


def test_a_cell_of_the_library_is_stored_without_code() -> None:
    stored = ur.equation(LSTM).to_json()
    assert ur.Equation.from_json(stored).backward == ur.equation(LSTM).backward
