"""The LSTM with layer normalisation."""

from unrolled.cells.base import Cell
from unrolled.equations.functions import mean, sigmoid, sqrt, tanh


class LayerNormLSTM(Cell):
    """The LSTM with layer normalisation, gate by gate (Ba, Kiros & Hinton 2016).

        a_i = W_i @ x + U_i @ h_prev
        a_f = W_f @ x + U_f @ h_prev
        a_g = W_g @ x + U_g @ h_prev
        a_o = W_o @ x + U_o @ h_prev
        i = sigmoid(b_i + gain_i * (a_i - mean(a_i)) / sqrt(epsilon + mean((a_i - mean(a_i))**2)))
        f = sigmoid(b_f + gain_f * (a_f - mean(a_f)) / sqrt(epsilon + mean((a_f - mean(a_f))**2)))
        g = tanh(b_g + gain_g * (a_g - mean(a_g)) / sqrt(epsilon + mean((a_g - mean(a_g))**2)))
        o = sigmoid(b_o + gain_o * (a_o - mean(a_o)) / sqrt(epsilon + mean((a_o - mean(a_o))**2)))
        c = f * c_prev + i * g
        h = o * tanh(b_c + gain_c * (c - mean(c)) / sqrt(epsilon + mean((c - mean(c))**2)))
    """

    epsilon = 1e-5
    initial = {f"gain_{gate}": 1.0 for gate in "ifgoc"} | {f"b_{gate}": 0.0 for gate in "ifgoc"}

    def step(self, x, h, c):
        a_i = self.W_i @ x + self.U_i @ h
        a_f = self.W_f @ x + self.U_f @ h
        a_g = self.W_g @ x + self.U_g @ h
        a_o = self.W_o @ x + self.U_o @ h
        i = sigmoid(self.gain_i * self.normalised(a_i) + self.b_i)
        f = sigmoid(self.gain_f * self.normalised(a_f) + self.b_f)
        g = tanh(self.gain_g * self.normalised(a_g) + self.b_g)
        o = sigmoid(self.gain_o * self.normalised(a_o) + self.b_o)
        c = f * c + i * g
        return o * tanh(self.gain_c * self.normalised(c) + self.b_c), c

    def normalised(self, v):
        v = v - mean(v)
        return v / sqrt(mean(v**2) + self.epsilon)
