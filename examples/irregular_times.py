"""A cell with a second input: the time since the last observation.

    python examples/irregular_times.py

The state decays by exp(-softplus(tau) dt) between observations, much as in GRU-D (Che et al. 2018).
It is compared with the same cell without the times.
"""

import matplotlib.pyplot as plt
import torch

import unrolled as ur
from unrolled import Cell, exp, softplus, tanh


class Decaying(Cell):
    """A simple RNN whose state decays with time."""

    def step(self, x, h, *, dt):
        h = h * exp(-softplus(self.tau) * dt)
        return tanh(self.W @ x + self.U @ h + self.k * dt + self.b)


def observations(count, steps=24):
    """Sines of random frequency and phase, observed at random times; predict the last value."""
    gaps = torch.empty(steps + 1, count).exponential_(1.5)
    times = gaps.cumsum(0)
    values = torch.sin(times * (0.5 + torch.rand(count)) + 6 * torch.rand(count))
    return values[:-1, :, None], gaps[1:], values[1:]


def learn(use_times, steps):
    torch.manual_seed(0)
    layer, readout = ur.Recurrent(Decaying, 1, 32), torch.nn.Linear(32, 1)
    optimizer = torch.optim.Adam([*layer.parameters(), *readout.parameters()], 0.01)
    losses = []
    for _ in range(steps):
        x, dt, target = observations(64)
        y, _ = layer(x, dt=dt if use_times else 1.0)
        loss = ((readout(y)[8:, :, 0] - target[8:]) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def main(picture="irregular_times.svg", steps=300):
    figure, axes = plt.subplots(figsize=(7, 3), layout="constrained")
    for use_times in (False, True):
        losses = learn(use_times, steps)
        label = "knows dt" if use_times else "does not"
        print(f"{label:9} error {sum(losses[-20:]) / 20:.3f}")
        axes.plot(losses, label=label, linewidth=0.9)
    axes.set(
        xlabel="training step",
        ylabel="squared error",
        title="The next value of a sine",
        yscale="log",
    )
    axes.legend()
    figure.savefig(picture)


if __name__ == "__main__":
    main()
