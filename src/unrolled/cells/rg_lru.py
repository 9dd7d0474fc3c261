"""The real-gated linear recurrent unit."""

from unrolled.cells.base import Cell
from unrolled.equations.functions import exp, sigmoid, softplus, sqrt


class RGLRU(Cell):
    """The real-gated linear recurrent unit of Griffin (De et al. 2024).

    r = sigmoid(W_r @ x + b_r)
    i = sigmoid(W_i @ x + b_i)
    a = exp(-c * r * softplus(-Lambda))
    h = a * h_prev + sqrt(1 - a**2) * i * x

    a is sigmoid(Lambda) ** (c * r), said in logarithms. Lambda starts where sigmoid(Lambda) ** c
    lies between 0.9 and 0.999, as in the paper.
    """

    c = 8.0
    initial = {"Lambda": ("uniform", 4.323, 8.987), "b_r": 0.0, "b_i": 0.0}

    def step(self, x, h):
        r = sigmoid(self.W_r @ x + self.b_r)
        i = sigmoid(self.W_i @ x + self.b_i)
        a = exp(-self.c * r * softplus(-self.Lambda))
        return a * h + sqrt(1 - a**2) * (i * x)
