"""Long expressive memory: every unit has its own, learned, time step."""

from unrolled.cells.base import Cell
from unrolled.equations.functions import sigmoid, tanh


class LEM(Cell):
    """Long expressive memory: two time scales, learned (Rusch et al. 2022).

    sigmoid_dt_z = sigmoid(W_1 @ x + U_1 @ y_prev + b_1)
    dt_z = dt * sigmoid_dt_z
    sigmoid_dt_y = sigmoid(W_2 @ x + U_2 @ y_prev + b_2)
    dt_y = dt * sigmoid_dt_y
    tanh_z = tanh(W_z @ x + U_z @ y_prev + b_z)
    z = (1 - dt_z) * z_prev + dt_z * tanh_z
    tanh_y = tanh(W_y @ x + U_y @ z + b_y)
    y = (1 - dt_y) * y_prev + dt_y * tanh_y
    """

    dt = 1.0

    def step(self, x, y, z):
        dt_z = self.dt * sigmoid(self.W_1 @ x + self.U_1 @ y + self.b_1)
        dt_y = self.dt * sigmoid(self.W_2 @ x + self.U_2 @ y + self.b_2)
        z = (1 - dt_z) * z + dt_z * tanh(self.W_z @ x + self.U_z @ y + self.b_z)
        y = (1 - dt_y) * y + dt_y * tanh(self.W_y @ x + self.U_y @ z + self.b_y)
        return y, z
