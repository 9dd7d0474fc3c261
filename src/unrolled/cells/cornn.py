"""Coupled oscillators."""

from unrolled.cells.base import Cell
from unrolled.equations.functions import tanh


class CoRNN(Cell):
    """Coupled, damped, driven oscillators (Rusch & Mishra 2021), explicit in the damping.

    force = tanh(W @ x + U @ y_prev + V @ z_prev + b)
    z = z_prev + dt * (force - gamma * y_prev - epsilon * z_prev)
    y = y_prev + dt * z

    y is where the oscillators are and z how fast; the defaults are the paper's for pixel images.
    """

    dt = 0.042
    gamma = 2.7
    epsilon = 4.7

    def step(self, x, y, z):
        force = tanh(self.W @ x + self.U @ y + self.V @ z + self.b)
        z = z + self.dt * (force - self.gamma * y - self.epsilon * z)
        return y + self.dt * z, z
