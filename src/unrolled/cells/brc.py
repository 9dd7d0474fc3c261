"""The bistable recurrent cell, and the one whose units modulate each other."""

from unrolled.cells.base import Cell
from unrolled.equations.functions import sigmoid, tanh


class BRC(Cell):
    """The bistable recurrent cell: each unit remembers by itself (Vecoven et al. 2021).

    tanh_a = tanh(W_a @ x + v_a * h_prev)
    a = 1 + tanh_a
    c = sigmoid(W_c @ x + v_c * h_prev)
    tanh_h = tanh(W @ x + a * h_prev)
    h = c * h_prev + (1 - c) * tanh_h

    A unit with a > 1 has two stable states, and holds one of them without an input.
    """

    def step(self, x, h):
        a = 1 + tanh(self.W_a @ x + self.v_a * h)
        c = sigmoid(self.W_c @ x + self.v_c * h)
        return c * h + (1 - c) * tanh(self.W @ x + a * h)


class NBRC(Cell):
    """The recurrently neuromodulated bistable cell, nBRC (Vecoven et al. 2021).

    tanh_a = tanh(W_a @ x + U_a @ h_prev)
    a = 1 + tanh_a
    c = sigmoid(W_c @ x + U_c @ h_prev)
    tanh_h = tanh(W @ x + a * h_prev)
    h = c * h_prev + (1 - c) * tanh_h

    As BRC, but what a unit remembers is decided by all of them.
    """

    initial = {"U_a": "orthogonal", "U_c": "orthogonal"}

    def step(self, x, h):
        a = 1 + tanh(self.W_a @ x + self.U_a @ h)
        c = sigmoid(self.W_c @ x + self.U_c @ h)
        return c * h + (1 - c) * tanh(self.W @ x + a * h)
