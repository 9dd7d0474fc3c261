"""A memory of one bit, looked at from inside. In: a seed and sizes. Out: a `Latch`; next: `page`.

At every step a random value comes by. A write command says: remember this one; a release command:
forget it. The output is the bit that is kept, 1 or -1, or 0 if none is. What the gates do at each
command, and which unit keeps the bit, is measured on sequences never learned from; a unit is
proved to keep it by wiping it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from unrolled.cells import LSTM
from unrolled.textbook import Adam, Network, Trace, update
from unrolled.textbook.sequence import forward

Array = np.ndarray
WRITE, VALUE, RELEASE = 0, 1, 2  # the rows of the input
STEPS, BATCH, TESTED = 24, 32, 256
RATE, CLIP = 0.03, 1.0
FORGET = 3.0  # the first bias of the forget gate: open, so that there is something to learn from
KINDS = ("write", "keep", "release", "empty")
SHOWN = {4: 1.0, 12: 0.0, 16: -1.0, 22: 1.0}  # what happens when, in the sequence that is drawn


def sequences(steps: int, count: int, random: np.random.Generator) -> tuple[Array, Array]:
    """Random commands and values; the target is the bit that should be kept."""
    drawn = random.uniform(size=(steps, count))
    write, release = drawn < 0.1, drawn > 0.95
    values = random.choice([-1.0, 1.0], (steps, count))
    return follow(write, values, release)


def follow(write: Array, values: Array, release: Array) -> tuple[Array, Array]:
    """What a perfect memory would say."""
    kept, targets = np.zeros(values.shape[1]), np.empty((len(values), 1, values.shape[1]))
    for t in range(len(values)):
        kept = np.where(write[t], values[t], np.where(release[t], 0.0, kept))
        targets[t, 0] = kept
    return np.stack([write, values, release], axis=1).astype(float), targets


def shown(random: np.random.Generator, steps: int = 28) -> tuple[Array, Array]:
    """The sequence that is drawn: written at 4, released at 12, written at 16, changed at 22."""
    values = random.choice([-1.0, 1.0], (steps, 1))
    write, release = np.zeros((2, steps, 1), bool)
    for at, bit in SHOWN.items():
        (write if bit else release)[at] = True
        values[at] = bit or values[at]
    return follow(write, values, release)


@dataclass(frozen=True)
class Wiped:
    """One unit whose state was set to zero while a bit was kept, and what was left of the bit."""

    unit: int
    correlation: float
    right: float


@dataclass(frozen=True)
class Latch:
    """A trained memory of one bit, and what was measured in it."""

    network: Network
    losses: list[float]
    right: float
    units: list[Wiped]
    right_unwiped: float
    gates: dict[str, dict[str, float]]
    inputs: Array
    targets: Array
    trace: Trace
    held: Array

    @property
    def keeper(self) -> int:
        """The unit without which most is lost."""
        return min(self.units, key=lambda one: one.right).unit

    def gate(self, name: str) -> Array:
        """A gate (or state) of the sequence that is drawn: (units, steps)."""
        return np.stack([cache.values[name][:, 0] for cache in self.trace.caches], axis=1)


def learn(seed: int, hidden: int, updates: int, done: Callable[[], None]) -> Latch:
    """Train, then look inside."""
    network = Network(LSTM, 3, hidden, 1, loss="mean_squared_error", seed=seed)
    network.layers[0].weights["b_f"][:] = FORGET
    random, optimizer, losses = np.random.default_rng((seed, 1)), Adam(RATE), []
    for _ in range(updates):
        step = update(network, *sequences(STEPS, BATCH, random), optimizer, clip_norm=CLIP)
        losses.append(step.loss / STEPS)
        done()
    test = sequences(STEPS, TESTED, np.random.default_rng((seed, 2)))
    inputs, targets = shown(np.random.default_rng((seed, 3)))
    units = wipe_each(network, seed)  # the first is the network untouched
    keeper = min(units[1:], key=lambda one: one.right).unit
    run = network.forward(test[0])
    return Latch(
        network,
        losses,
        share_right(run.outputs, test[1]),
        units[1:],
        units[0].right,
        by_command(run.layers[0], *test, keeper),
        inputs,
        targets,
        network.forward(inputs).layers[0],
        hold(network, 200),
    )


def share_right(outputs: Array, targets: Array) -> float:
    """The share of steps at which the output is nearest to the right one of -1, 0 and 1."""
    return float((np.clip(np.round(outputs), -1, 1) == targets).mean())


def wipe_each(network: Network, seed: int, before: int = 6, after: int = 4) -> list[Wiped]:
    """Write a bit, wait, wipe one unit, wait: is the bit still there? First: nothing wiped."""
    random = np.random.default_rng((seed, 4))
    values = random.choice([-1.0, 1.0], (before + after, TESTED))
    write, release = np.zeros((2, before + after, TESTED), bool)
    write[1] = True
    xs, targets = follow(write, values, release)
    layer = network.layers[0]
    zeros = network.first_states(TESTED)
    h, c = forward(layer, xs[:before], zeros[0]).states[-1]
    found = []
    for unit in [None, *range(network.hidden_size)]:
        wiped = h.copy(), c.copy()
        if unit is not None:
            for state in wiped:
                state[unit] = 0.0
        outputs = network.forward(xs[before:], [wiped]).outputs
        right = share_right(outputs[-1:], targets[-1:])
        related = 0.0 if unit is None else correlation(c[unit], targets[before - 1, 0])
        found.append(Wiped(-1 if unit is None else unit, related, right))
    return found


def correlation(a: Array, b: Array) -> float:
    """Pearson's, and 0 where one of the two never changes."""
    a, b = a - a.mean(), b - b.mean()
    size = np.sqrt((a**2).sum() * (b**2).sum())
    return float((a * b).sum() / size) if size > 0 else 0.0


def by_command(trace: Trace, xs: Array, targets: Array, unit: int) -> dict[str, dict[str, float]]:
    """The mean of each gate of one unit at each kind of step."""
    before = np.concatenate([np.zeros_like(targets[:1]), targets[:-1]])[:, 0]
    write, release = xs[:, WRITE] > 0, xs[:, RELEASE] > 0
    quiet = ~write & ~release
    kinds = {
        "write": write,
        "keep": quiet & (before != 0),
        "release": release & (before != 0),
        "empty": quiet & (before == 0),
    }
    gates: dict[str, dict[str, float]] = {kind: {} for kind in KINDS}
    for name in ("i", "f", "o", "c"):
        value = np.stack([cache.values[name][unit] for cache in trace.caches])
        value = np.abs(value) if name == "c" else value
        for kind, where in kinds.items():
            gates[kind][name] = float(value[where].mean()) if where.any() else float("nan")
    return gates


def hold(network: Network, steps: int) -> Array:
    """The output for so many steps after a bit was written at the first, values going by."""
    random = np.random.default_rng(0)
    values = random.choice([-1.0, 1.0], (steps + 1, 64))
    write, release = np.zeros((2, steps + 1, 64), bool)
    write[0] = True
    xs, targets = follow(write, values, release)
    means: np.ndarray = (network.forward(xs).outputs * targets).mean(axis=(1, 2))
    return means
