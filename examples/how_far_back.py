"""How far back a loss reaches: the norm of its derivative with respect to the state, step by step.

python examples/how_far_back.py
"""

import matplotlib.pyplot as plt
import torch

import unrolled as ur
from unrolled import cells

STEPS = 100


def reach(cell):
    """The norm of d loss / d h at every step, for a loss on the last output."""
    torch.manual_seed(0)
    layer = ur.Recurrent(cell, 16, 32)
    state = "d_" + next(iter(layer.equation.states))  # the first state is the output
    y, _, seen = layer(torch.randn(STEPS, 8, 16), record=(state,))
    y[-1].square().mean().backward()
    return seen[state].grad.mean(1)[:, 0]


def main(picture="how_far_back.svg"):
    figure, axes = plt.subplots(figsize=(7, 3.5), layout="constrained")
    for name in ("Elman", "IRNN", "GRU", "LSTM", "CoRNN", "MinGRU"):
        norms = reach(getattr(cells, name)).clamp(min=1e-30)
        axes.semilogy(range(STEPS - 1, -1, -1), norms / norms[-1], label=name)
        print(f"{name:6} 50 steps back: {float(norms[-51] / norms[-1]):.1e}")
    axes.set(
        xlabel="steps before the loss", ylabel="norm of d loss / d h", ylim=(1e-8, 1e2),
        title="How far back a loss reaches, with first weights",
    )  # fmt: skip
    axes.legend(ncols=2)
    figure.savefig(picture)


if __name__ == "__main__":
    main()
