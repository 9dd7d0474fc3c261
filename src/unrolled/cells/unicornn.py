"""Independent oscillators."""

from unrolled.cells.base import Cell
from unrolled.equations.functions import sigmoid, tanh


class UnICORNN(Cell):
    """Undamped, independent, controlled oscillators (Rusch & Mishra 2021).

    rate = dt * sigmoid(c)
    tanh_z = tanh(W @ x + b + w * y_prev)
    net_z = tanh_z + alpha * y_prev
    z = z_prev - rate * net_z
    y = y_prev + rate * z

    The system is Hamiltonian: its steps are invertible, and gradients neither explode nor vanish.
    c decides how fast each unit runs; the paper tunes dt and alpha for each task.
    """

    dt = 0.2
    alpha = 0.9
    initial = {"w": ("uniform", 0.0, 1.0), "c": ("uniform", -0.1, 0.1), "b": 0.0}

    def step(self, x, y, z):
        rate = self.dt * sigmoid(self.c)
        z = z - rate * (tanh(self.w * y + self.W @ x + self.b) + self.alpha * y)
        return y + rate * z, z
