"""Optimizers and schedules, measured. In: a seed and sizes. Out: a `Measured`; next: `page`.

Each optimizer is tried at several learning rates and judged by the best: with a single rate for
all, the comparison would be one of rates. The landscape is the banana-shaped valley of Rosenbrock
(1960), the network an Elman network that learns to add binary numbers (as in lab `bptt`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from unrolled.cells import Elman
from unrolled.labs.bptt.adding import binary_sums
from unrolled.labs.progress import Progress
from unrolled.textbook import Batches, Network, accuracy, schedules, update
from unrolled.textbook.cell import Array
from unrolled.textbook.optimizers import OPTIMIZERS, find_optimizer

START = (-1.2, 1.0)
MINIMUM = (1.0, 1.0)
CURVATURE = 20.0
LANDSCAPE_RATES = tuple(10.0**power for power in np.arange(-4, 0.01, 0.5))
RATES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3)
BITS, SEQUENCES, UNSEEN, BATCH, CLIP = 8, 400, 200, 50, 1.0
EPOCH = SEQUENCES // BATCH  # updates
LEARNED = 0.1  # nats per bit; guessing costs 0.693
SCHEDULED, SCHEDULED_RATE = "adam", 0.1  # the optimizer whose rate the schedules change
LONGER = 4  # times as many updates: a schedule is about the end of a run
FLIPPED = 0.1  # of the bits to learn from are wrong in the runs with a schedule
FLOOR = float(-np.log(1 - FLIPPED))  # the loss a correct bit then costs at best, in nats


def height(point: Array) -> float:
    """(1 - a)^2 + 20 (b - a^2)^2: a curved valley with steep sides and a nearly flat floor."""
    a, b = point
    return float((1 - a) ** 2 + CURVATURE * (b - a**2) ** 2)


def slope(point: Array) -> Array:
    """The gradient of the height, by hand."""
    a, b = point
    return np.array([-2 * (1 - a) - 4 * CURVATURE * a * (b - a**2), 2 * CURVATURE * (b - a**2)])


@dataclass(frozen=True)
class Path:
    """One optimizer on the landscape, at the rate with the lowest final loss."""

    name: str
    rate: float
    points: Array

    @property
    def end(self) -> float:
        return height(self.points[-1])

    @property
    def turns(self) -> int:
        """How often the path crossed the floor of the valley: b - a^2 changed its sign."""
        side = np.sign(self.points[:, 1] - self.points[:, 0] ** 2)
        return int((side[1:] * side[:-1] < 0).sum())


@dataclass(frozen=True)
class Trained:
    """One training of the network: the loss per bit at each update, and the end."""

    name: str
    rate: float
    losses: list[float]
    rates: list[float]
    final: float
    correct: float

    @property
    def learned_after(self) -> int | None:
        """The first update from which the mean loss of an epoch was low enough, or None."""
        means = np.convolve(self.losses, np.full(EPOCH, 1 / EPOCH), "valid")
        low = np.flatnonzero(means < LEARNED)
        return int(low[0]) + EPOCH if low.size else None


@dataclass(frozen=True)
class Measured:
    """`trained[name]` has a run for each rate, `scheduled` one for each schedule."""

    steps: int
    updates: int
    paths: dict[str, Path]
    trained: dict[str, list[Trained]]
    scheduled: dict[str, Trained]

    @property
    def rates(self) -> list[float]:
        """The learning rates at which every optimizer was tried."""
        return [one.rate for one in next(iter(self.trained.values()))]

    def best(self, name: str) -> Trained:
        """The run of an optimizer with the lowest final loss."""
        return min(self.trained[name], key=lambda one: one.final)


def descend(name: str, rate: float, steps: int) -> Array:
    """The points that an optimizer visits; it ends where it leaves the map."""
    optimizer = find_optimizer(name, learning_rate=rate)
    weights = {"point": np.array(START)}
    points = [weights["point"].copy()]
    for _ in range(steps):
        optimizer.step(weights, {"point": slope(weights["point"])})
        points.append(weights["point"].copy())
        if not np.abs(weights["point"]).max() < 10:
            break
    return np.array(points)


def best_path(name: str, steps: int) -> Path:
    paths = [Path(name, rate, descend(name, rate, steps)) for rate in LANDSCAPE_RATES]
    return min(paths, key=lambda path: (len(path.points) <= steps, path.end))


def train(
    name: str,
    rate: float,
    updates: int,
    hidden: int,
    seed: int,
    schedule: Callable[[int, float], float] = schedules.constant,
    flipped: float = 0.0,
) -> Trained:
    """Train one network; the final loss and accuracy are measured on new sums."""
    random = np.random.default_rng(seed)
    seen, new = (binary_sums(count, BITS, random) for count in (SEQUENCES, UNSEEN))
    wrong = random.uniform(size=seen.targets.shape) < flipped
    seen.targets = np.where(wrong, 1 - seen.targets, seen.targets)
    network = Network(Elman, 2, hidden, 2, seed=seed)
    optimizer = find_optimizer(name, learning_rate=rate)
    batches = Batches(seen.xs, seen.targets, BATCH, seed)
    losses: list[float] = []
    rates: list[float] = []
    while len(losses) < updates:
        for xs, targets in batches:
            step = update(network, xs, targets, optimizer, clip_norm=CLIP)
            losses.append(step.loss / BITS)
            rates.append(optimizer.learning_rate)
            if len(losses) == updates or not step.finite:
                break
        optimizer.learning_rate = max(rate * schedule(batches.epoch, losses[-1]), 1e-12)
        if not np.isfinite(losses[-1]):
            break
    outputs = network.forward(new.xs).outputs
    final = network.loss(new.xs, new.targets) / BITS if np.isfinite(losses[-1]) else np.inf
    return Trained(name, rate, losses, rates, final, accuracy(outputs, new.targets))


def all_schedules(updates: int) -> dict[str, Callable[[int, float], float]]:
    """Four ways to change the learning rate over a run of this many updates."""
    epochs = max(1, updates // EPOCH)
    return {
        "constant": schedules.constant,
        "step": schedules.Step(max(1, epochs // 3), 0.3),
        "exponential": schedules.Exponential(0.05 ** (1 / epochs)),
        "cosine": schedules.Cosine(epochs, 0.02),
    }


def measure(seed: int, progress: Progress, steps: int, updates: int, hidden: int) -> Measured:
    pairs = [(name, rate) for name in OPTIMIZERS for rate in RATES]
    planned = all_schedules(LONGER * updates)
    progress.plan({"the landscape": 1, "optimizers": len(pairs), "schedules": len(planned)})
    paths = {}
    for name in progress.loop("the landscape", list(OPTIMIZERS)):
        paths[name] = best_path(name, steps)
    trained: dict[str, list[Trained]] = {name: [] for name in OPTIMIZERS}
    for name, rate in progress.loop("optimizers", pairs):
        trained[name].append(train(name, rate, updates, hidden, seed))
    scheduled = {}
    for name, schedule in progress.loop("schedules", list(planned.items())):
        scheduled[name] = train(
            SCHEDULED, SCHEDULED_RATE, LONGER * updates, hidden, seed, schedule, FLIPPED
        )
    return Measured(steps, updates, paths, trained, scheduled)
