"""The LSTM with a forget gate and nothing else."""

from unrolled.cells.base import Cell
from unrolled.equations.functions import sigmoid, tanh


class JANET(Cell):
    """The LSTM with just another network: a forget gate alone (van der Westhuizen & Lasenby 2018).

    s = W_f @ x + U_f @ c_prev + b_f
    f = sigmoid(s)
    i = 1 - sigmoid(s - beta)
    tanh_c = tanh(W_c @ x + U_c @ c_prev + b_c)
    c = f * c_prev + i * tanh_c

    beta lets more in than is forgotten. The paper draws b_f by chrono initialization; here it is 1.
    """

    beta = 1.0
    initial = {"b_f": 1.0, "b_c": 0.0}

    def step(self, x, c):
        s = self.W_f @ x + self.U_f @ c + self.b_f
        f = sigmoid(s)
        i = 1 - sigmoid(s - self.beta)
        return f * c + i * tanh(self.W_c @ x + self.U_c @ c + self.b_c)
