"""The LSTM whose gates see its memory."""

from unrolled.cells.base import Cell
from unrolled.equations.functions import sigmoid, tanh


class PeepholeLSTM(Cell):
    """The LSTM whose gates see its memory (Gers & Schmidhuber 2000).

    i = sigmoid(W_i @ x + U_i @ h_prev + b_i + p_i * c_prev)
    f = sigmoid(W_f @ x + U_f @ h_prev + b_f + p_f * c_prev)
    g = tanh(W_g @ x + U_g @ h_prev + b_g)
    c = f * c_prev + i * g
    o = sigmoid(W_o @ x + U_o @ h_prev + b_o + p_o * c)
    h = o * tanh(c)
    """

    def step(self, x, h, c):
        i = sigmoid(self.W_i @ x + self.U_i @ h + self.p_i * c + self.b_i)
        f = sigmoid(self.W_f @ x + self.U_f @ h + self.p_f * c + self.b_f)
        g = tanh(self.W_g @ x + self.U_g @ h + self.b_g)
        c = f * c + i * g
        o = sigmoid(self.W_o @ x + self.U_o @ h + self.p_o * c + self.b_o)
        return o * tanh(c), c
