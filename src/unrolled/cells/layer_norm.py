"""The LSTM with layer normalisation."""

from unrolled.cells.base import Cell
from unrolled.equations.functions import mean, sigmoid, sqrt, tanh


class LayerNormLSTM(Cell):
    """The LSTM with layer normalisation, gate by gate (Ba, Kiros & Hinton 2016).

    a_i = W_i @ x + U_i @ h_prev
    a_f = W_f @ x + U_f @ h_prev
    a_g = W_g @ x + U_g @ h_prev
    a_o = W_o @ x + U_o @ h_prev
    difference_i = a_i - mean(a_i)
    sqrt_i = sqrt(mean(difference_i**2) + epsilon)
    ratio_i = difference_i / sqrt_i
    i = sigmoid(gain_i * ratio_i + b_i)
    difference_f = a_f - mean(a_f)
    sqrt_f = sqrt(mean(difference_f**2) + epsilon)
    ratio_f = difference_f / sqrt_f
    f = sigmoid(gain_f * ratio_f + b_f)
    difference_g = a_g - mean(a_g)
    sqrt_g = sqrt(mean(difference_g**2) + epsilon)
    ratio_g = difference_g / sqrt_g
    g = tanh(gain_g * ratio_g + b_g)
    difference_o = a_o - mean(a_o)
    sqrt_o = sqrt(mean(difference_o**2) + epsilon)
    ratio_o = difference_o / sqrt_o
    o = sigmoid(gain_o * ratio_o + b_o)
    c = f * c_prev + i * g
    difference_h = c - mean(c)
    sqrt_h = sqrt(mean(difference_h**2) + epsilon)
    ratio_h = difference_h / sqrt_h
    tanh_h = tanh(gain_c * ratio_h + b_c)
    h = o * tanh_h
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
