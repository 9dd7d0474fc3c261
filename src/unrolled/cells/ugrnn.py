"""The network with an update gate and nothing else."""

from unrolled.cells.base import Cell
from unrolled.equations.functions import sigmoid, tanh


class UGRNN(Cell):
    """One gate, which keeps or replaces (Collins, Sohl-Dickstein & Sussillo 2017).

    g = sigmoid(W_g @ x + U_g @ h_prev + b_g)
    c = tanh(W_c @ x + U_c @ h_prev + b_c)
    h = g * h_prev + (1 - g) * c
    """

    def step(self, x, h):
        g = sigmoid(self.W_g @ x + self.U_g @ h + self.b_g)
        c = tanh(self.W_c @ x + self.U_c @ h + self.b_c)
        return g * h + (1 - g) * c
