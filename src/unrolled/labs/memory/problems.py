"""Two problems that only memory solves. In: a length, a number of sequences. Out: inputs, targets.

Both are from Hochreiter & Schmidhuber 1997. A `Problem` also says what guessing would reach and
when a network has solved it. Next: `measure`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from unrolled.textbook import Network, accuracy, one_hot

Array = np.ndarray
SYMBOLS, COPIED = 4, 2  # to copy: two symbols out of four


def adding(steps: int, count: int, random: np.random.Generator) -> tuple[Array, Array]:
    """Numbers between 0 and 1; the sum of the two that are marked, one in each half, is wanted."""
    xs = np.zeros((steps, 2, count))
    xs[:, 0] = random.uniform(size=(steps, count))
    rows = np.arange(count)
    marked = (
        random.integers(0, steps // 2, count),
        random.integers(steps // 2, steps, count),
    )
    for place in marked:
        xs[place, 1, rows] = 1.0
    total = sum(xs[place, 0, rows] for place in marked)
    return xs, np.reshape(total, (1, 1, count))


def copying(lag: int, count: int, random: np.random.Generator) -> tuple[Array, Array]:
    """Two symbols, then blanks, then a bell: now the symbols are wanted, and blanks until then."""
    blank, bell = SYMBOLS, SYMBOLS + 1
    symbols = random.integers(0, SYMBOLS, (COPIED, count))
    codes = np.full((lag + 2 * COPIED, count), blank)
    targets = codes.copy()
    codes[:COPIED], targets[-COPIED:] = symbols, symbols
    codes[lag + COPIED] = bell
    return one_hot(codes, SYMBOLS + 2), targets


def squared_error(network: Network, xs: Array, targets: Array) -> float:
    return network.loss(xs, targets)


def share_copied(network: Network, xs: Array, targets: Array) -> float:
    """The share of the copied symbols that is right."""
    outputs = network.forward(xs).outputs
    return accuracy(outputs[-COPIED:], targets[-COPIED:])


@dataclass(frozen=True)
class Problem:
    """What is to be learned; `score` is measured on sequences that were never seen."""

    name: str
    draw: Callable[[int, int, np.random.Generator], tuple[Array, Array]]
    inputs: int
    outputs: int
    many_to: Literal["many", "one"]
    loss: str
    score: Callable[[Network, Array, Array], float]
    guessing: float
    solved_at: float
    unit: str

    def solved(self, score: float) -> bool:
        """Whether the score is on the better side of the mark."""
        return score < self.solved_at if self.guessing > self.solved_at else score > self.solved_at


# The sum of two numbers has the variance 2/12, which is the squared error of guessing its mean.
ADDING = Problem(
    "adding", adding, 2, 1, "one", "mean_squared_error", squared_error, 1 / 6, 1 / 60,
    "squared error",
)  # fmt: skip
COPYING = Problem(
    "copying", copying, SYMBOLS + 2, SYMBOLS + 2, "many", "cross_entropy", share_copied,
    1 / SYMBOLS, 0.95, "share of symbols right",
)  # fmt: skip
