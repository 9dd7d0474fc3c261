"""The LSTM with a narrow output."""

from unrolled.cells.base import Cell
from unrolled.equations.functions import sigmoid, tanh


class ProjectedLSTM(Cell):
    """The LSTM with an output narrower than its memory (Sak, Senior & Beaufays 2014).

    i = sigmoid(W_i @ x + U_i @ h_prev + b_i)
    f = sigmoid(W_f @ x + U_f @ h_prev + b_f)
    g = tanh(W_g @ x + U_g @ h_prev + b_g)
    o = sigmoid(W_o @ x + U_o @ h_prev + b_o)
    c = f * c_prev + i * g
    h = P @ (o * tanh(c))
    """

    sizes = {"h": "proj_size"}

    def step(self, x, h, c):
        i = sigmoid(self.W_i @ x + self.U_i @ h + self.b_i)
        f = sigmoid(self.W_f @ x + self.U_f @ h + self.b_f)
        g = tanh(self.W_g @ x + self.U_g @ h + self.b_g)
        o = sigmoid(self.W_o @ x + self.U_o @ h + self.b_o)
        c = f * c + i * g
        return self.P @ (o * tanh(c)), c
