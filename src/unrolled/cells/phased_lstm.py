"""The phased LSTM."""

from unrolled.cells.base import Cell
from unrolled.equations.functions import exp, floor, sigmoid, tanh, where


class PhasedLSTM(Cell):
    """An LSTM whose units open in turns, each at a rhythm of its own (Neil et al. 2016).

    time = time_prev + dt
    turns = time * exp(-log_period) - shift
    phase = turns - floor(turns)
    rising = 2 * phase / ratio
    falling = 2 - rising
    closed = leak * phase
    k = where(phase < ratio / 2, rising, where(phase < ratio, falling, closed))
    i = sigmoid(W_i @ x + U_i @ h_prev + b_i + p_i * c_prev)
    f = sigmoid(W_f @ x + U_f @ h_prev + b_f + p_f * c_prev)
    g = tanh(W_g @ x + U_g @ h_prev + b_g)
    c_new = f * c_prev + i * g
    o = sigmoid(W_o @ x + U_o @ h_prev + b_o + p_o * c_new)
    h = k * o * tanh(c_new) + (1 - k) * h_prev
    c = k * c_new + (1 - k) * c_prev

    dt is the time since the input before, given by name: layer(x, dt=...); 1 if it is not. A unit
    is open for the share `ratio` of its period, exp(log_period), and else leaks a little.
    """

    leak = 0.001
    sizes = {"time": "1", "dt": "1"}
    initial = {"log_period": ("uniform", 0.0, 3.0), "shift": ("uniform", 0.0, 1.0), "ratio": 0.05}

    def step(self, x, h, c, time, *, dt=1.0):
        time = time + dt
        turns = time * exp(-self.log_period) - self.shift
        phase = turns - floor(turns)
        rising, falling = 2 * phase / self.ratio, 2 - 2 * phase / self.ratio
        closed = self.leak * phase
        k = where(phase < self.ratio / 2, rising, where(phase < self.ratio, falling, closed))
        i = sigmoid(self.W_i @ x + self.U_i @ h + self.p_i * c + self.b_i)
        f = sigmoid(self.W_f @ x + self.U_f @ h + self.p_f * c + self.b_f)
        g = tanh(self.W_g @ x + self.U_g @ h + self.b_g)
        c_new = f * c + i * g
        o = sigmoid(self.W_o @ x + self.U_o @ h + self.p_o * c_new + self.b_o)
        return k * (o * tanh(c_new)) + (1 - k) * h, k * c_new + (1 - k) * c, time
