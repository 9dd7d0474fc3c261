"""The network whose output is fed back."""

from unrolled.cells.base import Cell
from unrolled.equations.functions import tanh


class Jordan(Cell):
    """Its own output fed back, not its hidden units (Jordan 1986, "Serial order").

    h = tanh(W @ x + U @ y_prev + b)
    y = tanh(V @ h + c)
    """

    sizes = {"W": "hidden_size"}

    def step(self, x, y):
        h = tanh(self.W @ x + self.U @ y + self.b)
        return tanh(self.V @ h + self.c)
