"""What the gates of an LSTM do while it remembers: values of the step, recorded and drawn.

    python examples/inside_an_lstm.py

One of the numbers is marked by a flag; the network must output it at the end.
"""

import matplotlib.pyplot as plt
import torch

import unrolled as ur
from unrolled.cells import LSTM

STEPS, BATCH = 12, 128


def task():
    """Numbers, of which one has a flag beside it, and that one."""
    numbers = torch.rand(STEPS, BATCH) * 2 - 1
    flags = torch.zeros(STEPS, BATCH)
    where = torch.randint(0, STEPS // 2, (BATCH,))
    flags[where, torch.arange(BATCH)] = 1
    return torch.stack([numbers, flags], -1), numbers[where, torch.arange(BATCH)]


def main(picture="inside_an_lstm.svg", steps=300):
    torch.manual_seed(0)
    layer, readout = ur.Recurrent(LSTM, 2, 16), torch.nn.Linear(16, 1)
    optimizer = torch.optim.Adam([*layer.parameters(), *readout.parameters()], 0.02)
    for _ in range(steps):
        x, target = task()
        loss = ((readout(layer(x)[0][-1])[:, 0] - target) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"mean squared error: {loss.item():.4f} (guessing zero: {1 / 3:.4f})")

    x, _ = task()
    with torch.no_grad():
        _, _, seen = layer(x[:, :1], record=("i", "f", "c"))
    figure, axes = plt.subplots(4, 1, figsize=(7, 5), sharex=True, layout="constrained")
    axes[0].stem(x[:, 0, 0], basefmt=" ")
    axes[0].set(ylabel="x", title=f"flag at step {int(x[:, 0, 1].argmax())}")
    for row, (name, what) in zip(
        axes[1:], {"i": "input gate", "f": "forget gate", "c": "c"}.items()
    ):
        row.imshow(seen[name][:, 0].T.numpy(), aspect="auto", cmap="RdBu_r", vmin=-1, vmax=1)
        row.set(ylabel=what, yticks=[])
    axes[-1].set_xlabel("time step")
    figure.savefig(picture)


if __name__ == "__main__":
    main()
