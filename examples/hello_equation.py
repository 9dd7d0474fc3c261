"""Hello, equation: a cell in one line, its derivative, and its response to a pulse.

python examples/hello_equation.py
"""

import matplotlib.pyplot as plt
import numpy as np

import unrolled as ur
from unrolled import Cell, tanh


class Leaky(Cell):
    """A leaky integrator (Jaeger et al. 2007)."""

    leak = 0.2

    def step(self, x, h):
        return (1 - self.leak) * h + self.leak * tanh(self.W @ x + self.U @ h + self.b)


def main(picture="hello_equation.svg"):
    step = ur.equation(Leaky)
    print(step.text, step.backward.text, sep="\n\n")
    print(ur.check_gradients(Leaky))  # compares every derivative with finite differences

    pulse = np.zeros((60, 1))
    pulse[5] = 10.0
    figure, axes = plt.subplots(figsize=(7, 3), layout="constrained")
    for leak in (0.05, 0.2, 0.8):
        outputs, _ = Leaky(input_size=1, hidden_size=1, seed=3, leak=leak).unroll(pulse)
        axes.plot(outputs[:, 0], label=f"leak = {leak}")
    axes.set(xlabel="time step", ylabel="h", title="A leaky integrator's answer to a pulse")
    axes.legend()
    figure.savefig(picture)


if __name__ == "__main__":
    main()
