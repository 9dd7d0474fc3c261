"""Long short-term memory."""

from unrolled.cells.base import Cell
from unrolled.equations.functions import sigmoid, tanh


class LSTM(Cell):
    """Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000."""

    def step(self, x, h, c):
        i = sigmoid(self.W_i @ x + self.U_i @ h + self.b_i)
        f = sigmoid(self.W_f @ x + self.U_f @ h + self.b_f)
        g = tanh(self.W_g @ x + self.U_g @ h + self.b_g)
        o = sigmoid(self.W_o @ x + self.U_o @ h + self.b_o)
        c = f * c + i * g
        return o * tanh(c), c
