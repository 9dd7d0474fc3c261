"""A recurrent network in plain NumPy: which of two symbols came first?

    python examples/by_hand.py

Everything is in `unrolled.textbook.elman`, one file to be read from top to bottom: forward, loss,
backpropagation through time, clipping, update.
"""

import matplotlib.pyplot as plt
import numpy as np

from unrolled.textbook import elman

STEPS, BATCH, SYMBOLS = 8, 64, 2


def main(picture="by_hand.svg", epochs=150):
    random = np.random.default_rng(0)
    symbols = random.integers(0, SYMBOLS, (STEPS, BATCH))
    xs = np.eye(SYMBOLS)[symbols].transpose(0, 2, 1)  # (T, I, B): a one-hot column each
    targets = np.broadcast_to(symbols[0], symbols.shape)  # at every step: the first symbol

    figure, axes = plt.subplots(figsize=(7, 3), layout="constrained")
    for hidden in (2, 4, 16):
        weights = elman.initialize(SYMBOLS, hidden, SYMBOLS, seed=1)
        losses = elman.train(xs, targets, weights, rate=0.3, epochs=epochs)
        print(f"{hidden:2} units: loss {losses[0]:.2f} -> {losses[-1]:.2f}")
        axes.plot(losses, label=f"{hidden} units")
    axes.set(xlabel="epoch", ylabel="cross-entropy", title="Which symbol came first?")
    axes.legend()
    figure.savefig(picture)


if __name__ == "__main__":
    main()
