"""The LSTM with one gate to write and to forget."""

from unrolled.cells.base import Cell
from unrolled.equations.functions import sigmoid, tanh


class CoupledLSTM(Cell):
    """The LSTM that forgets as much as it writes, CIFG (Greff et al. 2015).

    i = sigmoid(W_i @ x + U_i @ h_prev + b_i)
    g = tanh(W_g @ x + U_g @ h_prev + b_g)
    o = sigmoid(W_o @ x + U_o @ h_prev + b_o)
    c = (1 - i) * c_prev + i * g
    h = o * tanh(c)
    """

    def step(self, x, h, c):
        i = sigmoid(self.W_i @ x + self.U_i @ h + self.b_i)
        g = tanh(self.W_g @ x + self.U_g @ h + self.b_g)
        o = sigmoid(self.W_o @ x + self.U_o @ h + self.b_o)
        c = (1 - i) * c + i * g
        return o * tanh(c), c
