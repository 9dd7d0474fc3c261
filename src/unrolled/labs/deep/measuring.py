"""Depth, measured. In: a seed and sizes. Out: trained shallow and deep networks of equal size.

The task: is the number of ones among the last few bits odd? Every single bit changes the answer, so
all of them must be remembered. Next: `page`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import numpy as np

from unrolled.cells import Elman
from unrolled.cells.base import equation
from unrolled.labs.progress import Progress
from unrolled.textbook import Adam, Batches, History, Network, accuracy, fit
from unrolled.textbook.clipping import global_norm

Array = np.ndarray
Pair = tuple[Array, Array]

STEPS = 30
SEQUENCES, TEST = 300, 200
BATCH = 50
RATE = 0.01
DEPTHS = (1, 2, 3)
KINDS = ("tanh", "sigmoid")
REPEATS = 3
RATES = (0.003, 0.01, 0.03)
ENOUGH = 0.01  # the loss a step at which the search leaves off
LEARNED = 0.05  # a loss a step from which on it counts as learned; a guess costs 0.693


@dataclass(frozen=True)
class Data:
    """Training, validation and test data."""

    train: Pair
    validation: Pair
    test: Pair


@dataclass(frozen=True)
class Trained:
    """One network after its training, without its weights."""

    kind: str
    depth: int
    hidden: int
    weights: int
    rate: float
    history: History
    validation: float
    test: float
    first_norms: tuple[float, ...]

    @property
    def curve(self) -> Array:
        """The loss per step on the validation data after each epoch."""
        return np.array(self.history.test_loss) / STEPS

    @property
    def learned_after(self) -> int | None:
        """The epoch after which the loss was low enough, or None."""
        low = np.flatnonzero(self.curve < LEARNED)
        return int(low[0]) + 1 if low.size else None


@dataclass(frozen=True)
class Measured:
    """`compared[kind, depth]` has a run for each seed, `search` one for each combination."""

    window: int
    example: Pair
    compared: dict[tuple[str, int], list[Trained]]
    search: list[Trained]

    @property
    def chosen(self) -> Trained:
        """The best on the validation data; ties are broken by fewer weights."""
        return max(self.search, key=lambda one: (one.validation, -one.weights))

    def reliability(self, depth: int, kind: str = "tanh") -> int:
        """In how many of the runs the task was learned."""
        return sum(one.learned_after is not None for one in self.compared[kind, depth])


def parities(count: int, window: int, random: np.random.Generator) -> Pair:
    """Bits as -1 and 1, and at each step whether the ones among the last `window` are odd."""
    bits = random.integers(0, 2, (STEPS, count))
    padded = np.concatenate([np.zeros((window - 1, count), dtype=int), bits])
    ones = np.lib.stride_tricks.sliding_window_view(padded, window, axis=0).sum(axis=-1)
    return 2.0 * bits[:, None, :] - 1.0, ones % 2


def weight_count(hidden: int, depth: int) -> int:
    """The number of weights of such a network."""
    elman, inputs, count = equation(Elman), 1, 2 * hidden + 2
    for _ in range(depth):
        count += elman.weight_count(input_size=inputs, hidden_size=hidden)
        inputs = hidden
    return count


def as_wide(hidden: int, depth: int) -> int:
    """The size at which `depth` layers have about as many weights as one layer of `hidden`."""
    goal = weight_count(hidden, 1)
    return min(range(1, hidden + 1), key=lambda size: abs(weight_count(size, depth) - goal))


def train(
    kind: str,
    depth: int,
    hidden: int,
    rate: float,
    data: Data,
    epochs: int,
    seed: int,
    done: Callable[[str], None],
    goal: float = 0.0,
) -> Trained:
    network = Network(Elman, 1, hidden, 2, depth, seed=seed, nonlinearity=kind)
    first = network.evaluate(*data.train).layers
    history = fit(
        network,
        Batches(*data.train, BATCH, seed),
        optimizer=Adam(rate),
        epochs=epochs,
        goal=goal * STEPS,
        clip_norm=1.0,
        test=data.validation,
        progress=None,
    )
    done(f"{kind}, {depth} x {hidden} units")
    validation, test = (
        accuracy(network.forward(xs).outputs, targets)
        for xs, targets in (data.validation, data.test)
    )
    norms = tuple(global_norm(layer.weights) for layer in first)
    weights = sum(weight.size for weight in network.weights.values())
    return Trained(kind, depth, hidden, weights, rate, history, validation, test, norms)


def measure(seed: int, progress: Progress, window: int, hidden: int, epochs: int) -> Measured:
    random = np.random.default_rng(seed)
    data = Data(*(parities(count, window, random) for count in (SEQUENCES, TEST, TEST)))
    sizes = sorted({max(1, hidden // 4), max(1, hidden // 2), hidden})
    choices = list(product(DEPTHS, sizes, RATES))
    runs = len(KINDS) * len(DEPTHS) * REPEATS
    progress.plan({"shallow and deep": runs, "the search": len(choices)})
    compared = {}
    with progress.stage("shallow and deep", runs) as done:
        for kind, depth in product(KINDS, DEPTHS):
            compared[kind, depth] = [
                train(
                    kind, depth, as_wide(hidden, depth), RATE, data, epochs, seed + repeat, done
                )
                for repeat in range(REPEATS)
            ]  # fmt: skip
    with progress.stage("the search", len(choices)) as done:
        search = [
            train("tanh", depth, size, rate, data, epochs, seed, done, goal=ENOUGH)
            for depth, size, rate in choices
        ]
    xs, targets = data.train
    return Measured(window, (xs[:, 0, 0], targets[:, 0]), compared, search)
