"""The simple recurrent network."""

from unrolled.cells.base import Cell
from unrolled.equations.functions import tanh


class Elman(Cell):
    """h_t = tanh(W x_t + U h_{t-1} + b)   (Elman 1990)"""

    def step(self, x, h):
        return tanh(self.W @ x + self.U @ h + self.b)
