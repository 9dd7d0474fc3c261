"""The liquid time-constant network."""

from unrolled.cells.base import Cell
from unrolled.equations.functions import exp, sigmoid


class LTC(Cell):
    """A liquid time-constant network (Hasani et al. 2021), with the paper's fused solver.

    dt = elapsed / 3
    f_1 = sigmoid(W @ x + U @ h_prev + b)
    h_1 = (h_prev + dt * f_1 * A) / (1 + dt * (exp(-log_tau) + f_1))
    f_2 = sigmoid(W @ x + U @ h_1 + b)
    h_2 = (h_1 + dt * f_2 * A) / (1 + dt * (exp(-log_tau) + f_2))
    f = sigmoid(W @ x + U @ h_2 + b)
    h = (h_2 + dt * f * A) / (1 + dt * (exp(-log_tau) + f))

    Each of the `unfolds` parts of a step solves dh/dt = -(1 / tau + f) h + f A, implicit in h, over
    an equal share of the time between two inputs; tau = exp(log_tau) is positive. The paper's
    solver takes 6 parts.
    """

    elapsed = 1.0
    unfolds = 3
    initial = {"log_tau": 0.0, "A": ("uniform", -1.0, 1.0)}

    def step(self, x, h):
        dt = self.elapsed / self.unfolds
        for _ in range(self.unfolds):
            f = sigmoid(self.W @ x + self.U @ h + self.b)
            h = (h + dt * f * self.A) / (1 + dt * (exp(-self.log_tau) + f))
        return h
