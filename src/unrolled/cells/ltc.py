"""The liquid time-constant network."""

from unrolled.cells.base import Cell
from unrolled.equations.functions import exp, sigmoid


class LTC(Cell):
    """A liquid time-constant network (Hasani et al. 2021), with the paper's fused solver.

    part = dt / 3
    f_1 = sigmoid(W @ x + U @ h_prev + b)
    h_1 = (h_prev + part * f_1 * A) / (1 + part * (exp(-log_tau) + f_1))
    f_2 = sigmoid(W @ x + U @ h_1 + b)
    h_2 = (h_1 + part * f_2 * A) / (1 + part * (exp(-log_tau) + f_2))
    f = sigmoid(W @ x + U @ h_2 + b)
    h = (h_2 + part * f * A) / (1 + part * (exp(-log_tau) + f))

    Each of the `unfolds` parts of a step solves dh/dt = -(1 / tau + f) h + f A, implicit in h, over
    an equal share of the time since the input before: dt, given by name, layer(x, dt=...), and 1
    if it is not. tau = exp(log_tau) is positive. The paper's solver takes 6 parts.
    """

    unfolds = 3
    sizes = {"dt": "1"}
    initial = {"log_tau": 0.0, "A": ("uniform", -1.0, 1.0)}

    def step(self, x, h, *, dt=1.0):
        part = dt / self.unfolds
        for _ in range(self.unfolds):
            f = sigmoid(self.W @ x + self.U @ h + self.b)
            h = (h + part * f * self.A) / (1 + part * (exp(-self.log_tau) + f))
        return h
