"""The closed-form continuous-time network."""

from unrolled.cells.base import Cell
from unrolled.equations.functions import sigmoid, tanh


class CfC(Cell):
    """The closed-form continuous-time network, for a time step of 1 (Hasani et al. 2022).

    f = W_f @ x + U_f @ h_prev + b_f
    g = tanh(W_g @ x + U_g @ h_prev + b_g)
    k = tanh(W_k @ x + U_k @ h_prev + b_k)
    t = sigmoid(-f)
    h = t * g + (1 - t) * k

    The paper puts a shared layer (a backbone) before f, g and k, which all three are without here.
    """

    def step(self, x, h):
        f = self.W_f @ x + self.U_f @ h + self.b_f
        g = tanh(self.W_g @ x + self.U_g @ h + self.b_g)
        k = tanh(self.W_k @ x + self.U_k @ h + self.b_k)
        t = sigmoid(-f)
        return t * g + (1 - t) * k
