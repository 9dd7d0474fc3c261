"""The minimal gated unit."""

from unrolled.cells.base import Cell
from unrolled.equations.functions import sigmoid, tanh


class MGU(Cell):
    """The minimal gated unit: one gate resets and updates (Zhou et al. 2016).

    f = sigmoid(W_f @ x + U_f @ h_prev + b_f)
    n = tanh(W_n @ x + U_n @ (f * h_prev) + b_n)
    h = (1 - f) * h_prev + f * n
    """

    def step(self, x, h):
        f = sigmoid(self.W_f @ x + self.U_f @ h + self.b_f)
        n = tanh(self.W_n @ x + self.U_n @ (f * h) + self.b_n)
        return (1 - f) * h + f * n
