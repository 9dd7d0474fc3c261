"""The simple recurrent network."""

from unrolled.cells.base import Cell
from unrolled.equations.functions import relu, sigmoid, tanh
from unrolled.errors import CellError


class Elman(Cell):
    """The simple recurrent network (Elman 1990, "Finding structure in time").

    h = tanh(W @ x + U @ h_prev + b)

    `nonlinearity` is "tanh", "relu", "sigmoid" or "identity".
    """

    nonlinearity = "tanh"

    def step(self, x, h):
        f = _named(self.nonlinearity)
        return f(self.W @ x + self.U @ h + self.b)


NONLINEARITIES = {"tanh": tanh, "relu": relu, "sigmoid": sigmoid, "identity": lambda v: v}


def _named(nonlinearity):
    if nonlinearity not in NONLINEARITIES:
        raise CellError(
            f"Elman has no nonlinearity {nonlinearity!r}: it is one of {', '.join(NONLINEARITIES)}"
        )
    return NONLINEARITIES[nonlinearity]
