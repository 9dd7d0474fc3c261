"""The Legendre memory unit."""

import numpy as np

from unrolled.cells.base import Cell
from unrolled.equations.functions import tanh


class LMU(Cell):
    """The Legendre memory unit (Voelker et al. 2019).

    u = e_x @ x + e_h @ h_prev + e_m @ m_prev
    m = A @ m_prev + B * u
    h = tanh(W_x @ x + W_h @ h_prev + W_m @ m)

    m holds the last `theta` steps of u, as coefficients of the first `order` Legendre polynomials:
    A and B are the paper's, held constant between two inputs (zero-order hold).
    """

    sizes = {"m": "order", "e_x": "1", "e_h": "1", "e_m": "1"}
    order = 6
    theta = 32.0
    initial = {"e_m": 0.0, "W_m": "glorot"}

    def constants(self):
        row, column = np.mgrid[: self.order, : self.order]
        sign = np.where(row < column, -1.0, (-1.0) ** (row - column + 1))
        rate = (2.0 * np.arange(self.order) + 1) / self.theta
        whole = np.zeros((self.order + 1, self.order + 1))  # [[A, B], [0, 0]]: dm/dt = A m + B u
        whole[:-1, :-1] = rate[:, None] * sign
        whole[:-1, -1] = rate * (-1.0) ** np.arange(self.order)
        held = exponential(whole)
        return {"A": held[:-1, :-1], "B": held[:-1, -1]}

    def step(self, x, h, m):
        u = self.e_x @ x + self.e_h @ h + self.e_m @ m
        m = self.A @ m + self.B * u
        return tanh(self.W_x @ x + self.W_h @ h + self.W_m @ m), m


def exponential(matrix):
    """exp of a matrix, by its series over 1 / 1024 of it, squared ten times."""
    term = total = np.eye(len(matrix))
    for k in range(1, 18):
        term = term @ matrix / 1024 / k
        total = total + term
    return np.linalg.matrix_power(total, 1024)
