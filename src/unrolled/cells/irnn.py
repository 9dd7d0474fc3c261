"""The rectified network that starts as an accumulator."""

from unrolled.cells.base import Cell
from unrolled.equations.functions import relu


class IRNN(Cell):
    """Rectified units that start as accumulators, U = 1 (Le, Jaitly & Hinton 2015).

    net_h = W @ x + U @ h_prev + b
    h = relu(net_h)
    """

    initial = {"U": "identity", "b": 0.0}

    def step(self, x, h):
        return relu(self.W @ x + self.U @ h + self.b)
