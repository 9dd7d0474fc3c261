"""The light gated recurrent unit."""

from unrolled.cells.base import Cell
from unrolled.equations.functions import relu, sigmoid


class LiGRU(Cell):
    """The light GRU of speech recognition: no reset gate, relu (Ravanelli et al. 2018).

    z = sigmoid(W_z @ x + U_z @ h_prev + b_z)
    net_n = W_n @ x + U_n @ h_prev + b_n
    n = relu(net_n)
    h = z * h_prev + (1 - z) * n

    The paper normalises W_z @ x and W_n @ x over the batch; here they have a bias instead.
    """

    def step(self, x, h):
        z = sigmoid(self.W_z @ x + self.U_z @ h + self.b_z)
        n = relu(self.W_n @ x + self.U_n @ h + self.b_n)
        return z * h + (1 - z) * n
