"""The gated recurrent unit."""

from unrolled.cells.base import Cell
from unrolled.equations.functions import sigmoid, tanh


class GRU(Cell):
    """The gated recurrent unit (Cho et al. 2014), reset after the product as in torch and cuDNN.

    r = sigmoid(W_r @ x + U_r @ h_prev + b_r)
    z = sigmoid(W_z @ x + U_z @ h_prev + b_z)
    m = U_n @ h_prev + c_n
    n = tanh(W_n @ x + b_n + r * m)
    h = (1 - z) * n + z * h_prev
    """

    def step(self, x, h):
        r = sigmoid(self.W_r @ x + self.U_r @ h + self.b_r)
        z = sigmoid(self.W_z @ x + self.U_z @ h + self.b_z)
        m = self.U_n @ h + self.c_n
        n = tanh(self.W_n @ x + self.b_n + r * m)
        return (1 - z) * n + z * h
