"""Learning rate schedules. In: an epoch and its loss. Out: a factor.

A schedule is called after every epoch: `schedule(epoch, loss)` returns the factor by which the
initial learning rate is multiplied in the next epoch. Only `Plateau` depends on the loss. Next:
`fitting`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from unrolled.errors import ArgumentError

Schedule = Callable[[int, float], float]


def constant(epoch: int, loss: float) -> float:
    """A constant rate."""
    return 1.0


@dataclass
class Step:
    """factor ** (epoch // every): a step down every few epochs."""

    every: int
    factor: float = 0.1

    def __post_init__(self) -> None:
        _check_count("Step(every=...)", self.every)
        _check_factor("Step(factor=...)", self.factor)

    def __call__(self, epoch: int, loss: float) -> float:
        return float(self.factor ** (epoch // self.every))


@dataclass
class Exponential:
    """factor ** epoch: a decrease by the same factor in every epoch."""

    factor: float = 0.95

    def __post_init__(self) -> None:
        _check_factor("Exponential(factor=...)", self.factor)

    def __call__(self, epoch: int, loss: float) -> float:
        return float(self.factor**epoch)


@dataclass
class Cosine:
    """lowest + (1 - lowest) (1 + cos(pi epoch / epochs)) / 2   (Loshchilov & Hutter 2017)

    After the given number of epochs the rate stays at the lowest.
    """

    epochs: int
    lowest: float = 0.0

    def __post_init__(self) -> None:
        _check_count("Cosine(epochs=...)", self.epochs)

    def __call__(self, epoch: int, loss: float) -> float:
        done = min(epoch / self.epochs, 1.0)
        return self.lowest + (1 - self.lowest) * (1 + math.cos(math.pi * done)) / 2


@dataclass
class Plateau:
    """Multiply by `factor` when the loss has not fallen for more than `patience` epochs.

    A loss counts as lower when it is below (1 - threshold) times the best one so far.
    """

    factor: float = 0.1
    patience: int = 10
    threshold: float = 1e-4
    best: float = field(default=math.inf, init=False)
    waited: int = field(default=0, init=False)
    scale: float = field(default=1.0, init=False)

    def __post_init__(self) -> None:
        _check_factor("Plateau(factor=...)", self.factor)
        _check_count("Plateau(patience=...)", self.patience)

    def __call__(self, epoch: int, loss: float) -> float:
        if loss < self.best * (1 - self.threshold):
            self.best, self.waited = loss, 0
        else:
            self.waited += 1
        if self.waited > self.patience:
            self.scale *= self.factor
            self.waited = 0
        return self.scale


def _check_count(name: str, value: int) -> None:
    if value < 1:
        raise ArgumentError(f"{name} counts epochs and must be 1 or more, not {value!r}")


def _check_factor(name: str, value: float) -> None:
    if not 0 < value <= 1:
        raise ArgumentError(
            f"{name} lowers the learning rate, so it lies in (0, 1], not at {value!r}"
        )
