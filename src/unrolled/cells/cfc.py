"""The closed-form continuous-time network."""

from unrolled.cells.base import Cell
from unrolled.equations.functions import sigmoid, tanh


class CfC(Cell):
    """The closed-form continuous-time network (Hasani et al. 2022).

    f = W_f @ x + U_f @ h_prev + b_f
    g = tanh(W_g @ x + U_g @ h_prev + b_g)
    k = tanh(W_k @ x + U_k @ h_prev + b_k)
    t = sigmoid(-f * dt)
    h = t * g + (1 - t) * k

    dt is the time since the input before, given by name: layer(x, dt=...); 1 if it is not. The
    paper puts a shared layer (a backbone) before f, g and k, which all three are without here.
    """

    sizes = {"dt": "1"}

    def step(self, x, h, *, dt=1.0):
        f = self.W_f @ x + self.U_f @ h + self.b_f
        g = tanh(self.W_g @ x + self.U_g @ h + self.b_g)
        k = tanh(self.W_k @ x + self.U_k @ h + self.b_k)
        t = sigmoid(-f * dt)
        return t * g + (1 - t) * k
