"""The light recurrent unit."""

from unrolled.cells.base import Cell
from unrolled.equations.functions import sigmoid, tanh


class LightRU(Cell):
    """The light recurrent unit: one gate, and a candidate of the input alone (Ye et al. 2024).

    f = sigmoid(W_f @ x + U_f @ h_prev + b_f)
    tanh_h = tanh(W_h @ x + b_h)
    h = f * tanh_h + (1 - f) * h_prev
    """

    def step(self, x, h):
        f = sigmoid(self.W_f @ x + self.U_f @ h + self.b_f)
        return f * tanh(self.W_h @ x + self.b_h) + (1 - f) * h
