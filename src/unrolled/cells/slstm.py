"""The LSTM with exponential gates."""

from math import inf

from unrolled.cells.base import Cell
from unrolled.equations.functions import exp, maximum, sigmoid, softplus, tanh


class SLSTM(Cell):
    """The LSTM with exponential gates, of xLSTM (Beck et al. 2024).

    log_i = W_i @ x + U_i @ h_prev + b_i
    net_log_f = W_f @ x + U_f @ h_prev + b_f
    log_f = m_prev - softplus(-net_log_f)
    z = tanh(W_z @ x + U_z @ h_prev + b_z)
    o = sigmoid(W_o @ x + U_o @ h_prev + b_o)
    m = maximum(log_f, log_i)
    i = exp(log_i - m)
    f = exp(log_f - m)
    c = f * c_prev + i * z
    n = f * n_prev + i
    h = o * c / n

    m keeps the exponents small and drops out of c / n; it starts at minus infinity, as nothing has
    been written yet. -softplus(-a) is log(sigmoid(a)): the forget gate is the sigmoid one.
    """

    initial_state = {"m": -inf}

    def step(self, x, h, c, n, m):
        log_i = self.W_i @ x + self.U_i @ h + self.b_i
        log_f = m - softplus(-(self.W_f @ x + self.U_f @ h + self.b_f))
        z = tanh(self.W_z @ x + self.U_z @ h + self.b_z)
        o = sigmoid(self.W_o @ x + self.U_o @ h + self.b_o)
        m = maximum(log_f, log_i)
        i = exp(log_i - m)
        f = exp(log_f - m)
        c = f * c + i * z
        n = f * n + i
        return o * (c / n), c, n, m
