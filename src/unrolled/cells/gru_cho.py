"""The gated recurrent unit as first published."""

from unrolled.cells.base import Cell
from unrolled.equations.functions import sigmoid, tanh


class GRUCho2014(Cell):
    """The gated recurrent unit as published: reset before the product (Cho et al. 2014).

    r = sigmoid(W_r @ x + U_r @ h_prev + b_r)
    z = sigmoid(W_z @ x + U_z @ h_prev + b_z)
    n = tanh(W_n @ x + U_n @ (r * h_prev) + b_n)
    h = z * h_prev + (1 - z) * n
    """

    def step(self, x, h):
        r = sigmoid(self.W_r @ x + self.U_r @ h + self.b_r)
        z = sigmoid(self.W_z @ x + self.U_z @ h + self.b_z)
        n = tanh(self.W_n @ x + self.U_n @ (r * h) + self.b_n)
        return z * h + (1 - z) * n
