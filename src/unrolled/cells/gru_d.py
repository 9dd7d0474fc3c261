"""A gated recurrent unit for series with gaps."""

from unrolled.cells.base import Cell
from unrolled.equations.functions import exp, relu, sigmoid, tanh, where


class GRUD(Cell):
    """GRU-D: a GRU for series with missing values (Che et al. 2018).

    g_x = exp(-relu(w_x * delta + b_x))
    seen = where(mask > 0.5, x, g_x * last_prev + (1 - g_x) * mean)
    last = where(mask > 0.5, x, last_prev)
    net_past = W_g @ delta + b_g
    exp_past = exp(-relu(net_past))
    past = exp_past * h_prev
    r = sigmoid(W_r @ seen + U_r @ past + V_r @ mask + b_r)
    z = sigmoid(W_z @ seen + U_z @ past + V_z @ mask + b_z)
    n = tanh(W_n @ seen + U_n @ (r * past) + V_n @ mask + b_n)
    h = (1 - z) * past + z * n

    By name it is given, for each number of the input, whether it was seen (`mask`, 1 or 0) and how
    long ago the one before was (`delta`): layer(x, mask=..., delta=...); both are 1 if they are
    not. What is missing fades from the last value seen to the mean of all; a NaN there does no
    harm. The paper's mean is that of the training data; here it is a weight that begins at 0.
    """

    sizes = {"last": "input_size", "mask": "input_size", "delta": "input_size"}
    initial = {"mean": 0.0}

    def step(self, x, h, last, *, mask=1.0, delta=1.0):
        g_x = exp(-relu(self.w_x * delta + self.b_x))
        seen = where(mask > 0.5, x, g_x * last + (1 - g_x) * self.mean)
        last = where(mask > 0.5, x, last)
        past = exp(-relu(self.W_g @ delta + self.b_g)) * h
        r = sigmoid(self.W_r @ seen + self.U_r @ past + self.V_r @ mask + self.b_r)
        z = sigmoid(self.W_z @ seen + self.U_z @ past + self.V_z @ mask + self.b_z)
        n = tanh(self.W_n @ seen + self.U_n @ (r * past) + self.V_n @ mask + self.b_n)
        return (1 - z) * past + z * n, last
