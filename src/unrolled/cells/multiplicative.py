"""The LSTM whose recurrence depends on the input."""

from unrolled.cells.base import Cell
from unrolled.equations.functions import sigmoid, tanh


class MultiplicativeLSTM(Cell):
    """The LSTM with another recurrence for each input symbol (Krause et al. 2016).

    net_m = W_m @ x
    net_m_2 = U_m @ h_prev
    m = net_m * net_m_2
    i = sigmoid(W_i @ x + U_i @ m + b_i)
    f = sigmoid(W_f @ x + U_f @ m + b_f)
    g = tanh(W_g @ x + U_g @ m + b_g)
    o = sigmoid(W_o @ x + U_o @ m + b_o)
    c = f * c_prev + i * g
    h = o * tanh(c)
    """

    sizes = {"W_m": "hidden_size"}

    def step(self, x, h, c):
        m = (self.W_m @ x) * (self.U_m @ h)
        i = sigmoid(self.W_i @ x + self.U_i @ m + self.b_i)
        f = sigmoid(self.W_f @ x + self.U_f @ m + self.b_f)
        g = tanh(self.W_g @ x + self.U_g @ m + self.b_g)
        o = sigmoid(self.W_o @ x + self.U_o @ m + self.b_o)
        c = f * c + i * g
        return o * tanh(c), c
