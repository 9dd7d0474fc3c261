"""The smallest LSTM."""

from unrolled.cells.base import Cell
from unrolled.equations.functions import sigmoid


class MinLSTM(Cell):
    """The LSTM without its recurrence in the gates, which sum to 1 (Feng et al. 2024).

    f = sigmoid(W_f @ x + b_f)
    i = sigmoid(W_i @ x + b_i)
    n = W_n @ x + b_n
    keep = f / (f + i)
    write = i / (f + i)
    h = keep * h_prev + write * n
    """

    def step(self, x, h):
        f = sigmoid(self.W_f @ x + self.b_f)
        i = sigmoid(self.W_i @ x + self.b_i)
        n = self.W_n @ x + self.b_n
        keep = f / (f + i)
        write = i / (f + i)
        return keep * h + write * n
