"""Cells from papers that the library does not hold, each written in a few lines, and proved."""

from typing import Any

import pytest

from unrolled import Cell, check_gradients, equation, mean, sigmoid, sqrt, tanh


class SCRN(Cell):
    """Structurally constrained network: a slow state and a fast one (Mikolov et al. 2014)."""

    alpha = 0.95

    def step(self, x: Any, h: Any, s: Any) -> Any:
        s = (1 - self.alpha) * (self.B @ x) + self.alpha * s
        return sigmoid(self.P @ s + self.A @ x + self.R @ h), s


class RAN(Cell):
    """Recurrent additive network, two states (Lee, Levy & Zettlemoyer 2017)."""

    def step(self, x: Any, h: Any, c: Any) -> Any:
        i = sigmoid(self.W_i @ x + self.U_i @ h + self.b_i)
        f = sigmoid(self.W_f @ x + self.U_f @ h + self.b_f)
        c = i * (self.W_c @ x) + f * c
        return tanh(c), c


class MinimalRNN(Cell):
    """Two stages: the input is embedded before it meets the state (Chen 2017)."""

    def step(self, x: Any, h: Any) -> Any:
        z = tanh(self.W_z @ x + self.b_z)
        u = sigmoid(self.U_h @ h + self.U_z @ z + self.b_u)
        return u * h + (1 - u) * z


class ATR(Cell):
    """Twin gates from a sum and a difference (Zhang et al. 2018)."""

    def step(self, x: Any, h: Any) -> Any:
        p, q = self.W @ x, self.U @ h
        return sigmoid(p + q) * p + sigmoid(p - q) * h


class RMSNormRNN(Cell):
    """A reduction over the units: root mean square normalisation (Zhang & Sennrich 2019)."""

    def step(self, x: Any, h: Any) -> Any:
        a = self.W @ x + self.U @ h
        return tanh(self.g * a / sqrt(mean(a**2) + 1e-6) + self.b)


@pytest.mark.parametrize("cell", [SCRN, RAN, MinimalRNN, ATR, RMSNormRNN])
def test_a_cell_from_a_paper(cell: type[Cell]) -> None:
    assert check_gradients(cell, kernels=False).passed
    assert equation(cell).backward.text
