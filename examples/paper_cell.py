"""A cell from a paper on a real task: coRNN (Rusch & Mishra 2021) reads handwritten digits.

    python examples/paper_cell.py

The network reads the 64 pixels of each of scikit-learn's digits one at a time, so it must remember
the first rows for dozens of steps. The equation is written as in the paper.
"""

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import unrolled as ur
from unrolled import Cell, tanh
from unrolled.cells import Elman


class Oscillators(Cell):
    """Coupled oscillators: a position y and a velocity z for each unit."""

    dt, gamma, epsilon = 0.3, 1.0, 1.0

    def step(self, x, y, z):
        force = tanh(self.W @ y + self.Z @ z + self.V @ x + self.b)
        z = z + self.dt * (force - self.gamma * y - self.epsilon * z)
        return y + self.dt * z, z


def main(picture="paper_cell.svg", epochs=5):
    ur.check_gradients(Oscillators, kernels=False)
    pixels, classes = load_digits(return_X_y=True)
    pixels = torch.tensor(pixels, dtype=torch.float32).T[:, :, None] / 16  # (64, rows, 1)
    classes = torch.tensor(classes)
    train, test = train_test_split(range(len(classes)), test_size=0.25, random_state=0)
    figure, axes = plt.subplots(figsize=(7, 3), layout="constrained")
    for name, cell in {"oscillators": Oscillators, "Elman": Elman}.items():
        torch.manual_seed(0)
        layer, readout = ur.Recurrent(cell, 1, 64), torch.nn.Linear(64, 10)
        optimizer = torch.optim.Adam([*layer.parameters(), *readout.parameters()], 0.01)
        scores = []
        for _ in range(epochs):
            for rows in torch.randperm(len(train)).split(32):
                rows = torch.tensor(train)[rows]
                scored = readout(layer(pixels[:, rows])[0][-1])
                loss = torch.nn.functional.cross_entropy(scored, classes[rows])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            with torch.no_grad():
                right = readout(layer(pixels[:, test])[0][-1]).argmax(1) == classes[test]
            scores.append(100 * right.float().mean().item())
        print(f"{name}: {scores[-1]:.1f} % of the test digits")
        axes.plot(range(1, epochs + 1), scores, "o-", label=name)
    axes.set(xlabel="epoch", ylabel="% correct", ylim=(0, 100), title="Digits, one pixel at a time")
    axes.legend()
    figure.savefig(picture)


if __name__ == "__main__":
    main()
