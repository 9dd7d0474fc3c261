"""The three best cells that an evolutionary search over architectures found."""

from unrolled.cells.base import Cell
from unrolled.equations.functions import sigmoid, tanh


class MUT1(Cell):
    """A gated unit found by architecture search (Jozefowicz et al. 2015).

    z = sigmoid(W_z @ x + b_z)
    r = sigmoid(W_r @ x + U_r @ h_prev + b_r)
    g = tanh(U_h @ (r * h_prev) + b_h + tanh(x))
    h = z * g + (1 - z) * h_prev

    The input meets the state unit by unit, so it is as wide as the state.
    """

    def step(self, x, h):
        z = sigmoid(self.W_z @ x + self.b_z)
        r = sigmoid(self.W_r @ x + self.U_r @ h + self.b_r)
        g = tanh(self.U_h @ (r * h) + tanh(x) + self.b_h)
        return z * g + (1 - z) * h


class MUT2(Cell):
    """A gated unit found by architecture search (Jozefowicz et al. 2015).

    z = sigmoid(W_z @ x + U_z @ h_prev + b_z)
    r = sigmoid(U_r @ h_prev + b_r + x)
    g = tanh(U_h @ (r * h_prev) + W_h @ x + b_h)
    h = z * g + (1 - z) * h_prev

    The input meets the state unit by unit, so it is as wide as the state.
    """

    def step(self, x, h):
        z = sigmoid(self.W_z @ x + self.U_z @ h + self.b_z)
        r = sigmoid(x + self.U_r @ h + self.b_r)
        g = tanh(self.U_h @ (r * h) + self.W_h @ x + self.b_h)
        return z * g + (1 - z) * h


class MUT3(Cell):
    """A gated unit found by architecture search (Jozefowicz et al. 2015).

    z = sigmoid(W_z @ x + U_z @ tanh(h_prev) + b_z)
    r = sigmoid(W_r @ x + U_r @ h_prev + b_r)
    g = tanh(U_h @ (r * h_prev) + W_h @ x + b_h)
    h = z * g + (1 - z) * h_prev
    """

    def step(self, x, h):
        z = sigmoid(self.W_z @ x + self.U_z @ tanh(h) + self.b_z)
        r = sigmoid(self.W_r @ x + self.U_r @ h + self.b_r)
        g = tanh(self.U_h @ (r * h) + self.W_h @ x + self.b_h)
        return z * g + (1 - z) * h
