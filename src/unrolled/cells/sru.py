"""The simple recurrent unit."""

from math import sqrt

from unrolled.cells.base import Cell
from unrolled.equations.functions import sigmoid


class SRU(Cell):
    """The simple recurrent unit: its units meet only in W @ x (Lei et al. 2018).

    f = sigmoid(W_f @ x + b_f + v_f * c_prev)
    r = sigmoid(W_r @ x + b_r + v_r * c_prev)
    net_c = W @ x
    c = f * c_prev + (1 - f) * net_c
    h = r * c + (1 - r) * alpha * x

    alpha keeps the variance of x through the highway; it is sqrt(1 + 2 exp(b_r)) for b_r = 0.
    """

    alpha = sqrt(3.0)
    initial = {"b_f": 0.0, "b_r": 0.0}

    def step(self, x, h, c):
        f = sigmoid(self.W_f @ x + self.v_f * c + self.b_f)
        r = sigmoid(self.W_r @ x + self.v_r * c + self.b_r)
        c = f * c + (1 - f) * (self.W @ x)
        return r * c + (1 - r) * (self.alpha * x), c
