"""Gated recurrent units."""

from unrolled.cells.base import Cell
from unrolled.equations.functions import sigmoid, tanh


class GRU(Cell):
    """Cho et al. 2014, with the reset after the product, as in cuDNN and torch.nn."""

    def step(self, x, h):
        r = sigmoid(self.W_r @ x + self.U_r @ h + self.b_r)
        z = sigmoid(self.W_z @ x + self.U_z @ h + self.b_z)
        m = self.U_n @ h + self.c_n
        n = tanh(self.W_n @ x + self.b_n + r * m)
        return (1 - z) * n + z * h
