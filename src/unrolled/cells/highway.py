"""The recurrent highway network: several layers within one time step."""

from unrolled.cells.base import Cell
from unrolled.equations.functions import sigmoid, tanh


class RecurrentHighway(Cell):
    """Several gated layers within one time step (Zilly et al. 2017), with the carry 1 - t.

    n_1 = tanh(W_n @ x + U_n_1 @ h_prev + b_n_1)
    t_1 = sigmoid(W_t @ x + U_t_1 @ h_prev + b_t_1)
    h_1 = n_1 * t_1 + h_prev * (1 - t_1)
    n_2 = tanh(U_n_2 @ h_1 + b_n_2)
    t_2 = sigmoid(U_t_2 @ h_1 + b_t_2)
    h_2 = n_2 * t_2 + h_1 * (1 - t_2)
    n = tanh(U_n_3 @ h_2 + b_n_3)
    t = sigmoid(U_t_3 @ h_2 + b_t_3)
    h = n * t + h_2 * (1 - t)
    """

    depth = 3

    def step(self, x, h):
        n = tanh(self.W_n @ x + self.U_n_1 @ h + self.b_n_1)
        t = sigmoid(self.W_t @ x + self.U_t_1 @ h + self.b_t_1)
        h = n * t + h * (1 - t)
        for layer in range(2, self.depth + 1):
            n = tanh(self.of("U_n", layer) @ h + self.of("b_n", layer))
            t = sigmoid(self.of("U_t", layer) @ h + self.of("b_t", layer))
            h = n * t + h * (1 - t)
        return h

    def of(self, name, layer):
        return getattr(self, f"{name}_{layer}")
