"""The cell that reinforcement learning designed."""

from unrolled.cells.base import Cell
from unrolled.equations.functions import relu, sigmoid, tanh


class NAS(Cell):
    """The cell found by neural architecture search on Penn Treebank (Zoph & Le 2017).

    n_1 = sigmoid(W_1 @ x + U_1 @ h_prev + b_1)
    net_n_2 = W_2 @ x + U_2 @ h_prev + b_2
    n_2 = relu(net_n_2)
    n_3 = sigmoid(W_3 @ x + U_3 @ h_prev + b_3)
    net_n_4 = W_4 @ x
    net_n_4_2 = U_4 @ h_prev
    net_n_4_3 = net_n_4 * net_n_4_2
    n_4 = relu(net_n_4_3)
    n_5 = tanh(W_5 @ x + U_5 @ h_prev + b_5)
    n_6 = sigmoid(W_6 @ x + U_6 @ h_prev + b_6)
    n_7 = tanh(W_7 @ x + U_7 @ h_prev + b_7)
    n_8 = sigmoid(W_8 @ x + U_8 @ h_prev + b_8)
    c = tanh(tanh(n_1 * n_2) + c_prev) * tanh(n_3 + n_4)
    h = tanh(c * tanh(tanh(n_5 * n_6) + sigmoid(n_7 + n_8)))

    A binary tree over eight combinations of x and h; the state c enters at its first node.
    """

    def step(self, x, h, c):
        n_1 = sigmoid(self.W_1 @ x + self.U_1 @ h + self.b_1)
        n_2 = relu(self.W_2 @ x + self.U_2 @ h + self.b_2)
        n_3 = sigmoid(self.W_3 @ x + self.U_3 @ h + self.b_3)
        n_4 = relu((self.W_4 @ x) * (self.U_4 @ h))
        n_5 = tanh(self.W_5 @ x + self.U_5 @ h + self.b_5)
        n_6 = sigmoid(self.W_6 @ x + self.U_6 @ h + self.b_6)
        n_7 = tanh(self.W_7 @ x + self.U_7 @ h + self.b_7)
        n_8 = sigmoid(self.W_8 @ x + self.U_8 @ h + self.b_8)
        c = tanh(tanh(n_1 * n_2) + c) * tanh(n_3 + n_4)
        return tanh(c * tanh(tanh(n_5 * n_6) + sigmoid(n_7 + n_8))), c
