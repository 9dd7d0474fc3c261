"""A gated network with the weights of an ungated one."""

from unrolled.cells.base import Cell
from unrolled.equations.functions import sigmoid, tanh


class FastGRNN(Cell):
    """Gated, with the weights of an ungated network (Kusupati et al. 2018).

    a = W @ x + U @ h_prev
    z = sigmoid(a + b_z)
    n = tanh(a + b_n)
    h = (sigmoid(zeta) * (1 - z) + sigmoid(nu)) * n + z * h_prev

    zeta and nu are learned numbers, between 0 and 1 behind the sigmoid.
    """

    scalars = ("zeta", "nu")
    initial = {"zeta": 1.0, "nu": -4.0}

    def step(self, x, h):
        a = self.W @ x + self.U @ h
        z = sigmoid(a + self.b_z)
        n = tanh(a + self.b_n)
        return (sigmoid(self.zeta) * (1 - z) + sigmoid(self.nu)) * n + z * h
