"""The smallest GRU."""

from unrolled.cells.base import Cell
from unrolled.equations.functions import sigmoid


class MinGRU(Cell):
    """The GRU without its recurrence in the gates (Feng et al. 2024).

    z = sigmoid(W_z @ x + b_z)
    n = W_n @ x + b_n
    h = (1 - z) * h_prev + z * n
    """

    def step(self, x, h):
        z = sigmoid(self.W_z @ x + self.b_z)
        n = self.W_n @ x + self.b_n
        return (1 - z) * h + z * n
