"""The stackable recurrent cell."""

from unrolled.cells.base import Cell
from unrolled.equations.functions import sigmoid, tanh


class STAR(Cell):
    """The stackable recurrent cell: one gate, and gradients that pass up (Turkoglu et al. 2021).

    k = sigmoid(W_k @ x + U_k @ h_prev + b_k)
    z = tanh(W_z @ x + b_z)
    h = tanh(k * z + (1 - k) * h_prev)

    The candidate z does not read the state, so only the gate has a recurrent matrix.
    """

    initial = {"U_k": "orthogonal", "b_z": 0.0}

    def step(self, x, h):
        k = sigmoid(self.W_k @ x + self.U_k @ h + self.b_k)
        z = tanh(self.W_z @ x + self.b_z)
        return tanh(k * z + (1 - k) * h)
