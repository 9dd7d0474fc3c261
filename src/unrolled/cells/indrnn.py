"""The network whose units do not see each other."""

from unrolled.cells.base import Cell
from unrolled.equations.functions import relu


class IndRNN(Cell):
    """Units that remember only themselves, so u is a vector (Li et al. 2018).

    net_h = W @ x + b + u * h_prev
    h = relu(net_h)
    """

    initial = {"u": ("uniform", 0.0, 1.0), "b": 0.0}

    def step(self, x, h):
        return relu(self.W @ x + self.u * h + self.b)
