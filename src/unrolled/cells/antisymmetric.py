"""A stable differential equation, one Euler step at a time."""

from unrolled.cells.base import Cell
from unrolled.equations.functions import eye, tanh


class AntisymmetricRNN(Cell):
    """An Euler step of a stable differential equation (Chang et al. 2019).

    A = U - U.T - gamma * eye
    tanh_h = tanh(W @ x + A @ h_prev + b)
    h = h_prev + epsilon * tanh_h

    The eigenvalues of U - U.T are imaginary: states neither grow nor fade, but for `gamma`.
    """

    epsilon = 0.1
    gamma = 0.01
    initial = {"b": 0.0}

    def step(self, x, h):
        A = self.U - self.U.T - self.gamma * eye
        return h + self.epsilon * tanh(self.W @ x + A @ h + self.b)
