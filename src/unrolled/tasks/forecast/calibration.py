"""Calibrated quantiles. In: errors of forecasts that were tried. Out: shifts; next: `calibrated`.

A network is surer of what it learned from than of what comes. So each outer quantile is shifted,
for each step ahead, until the right share of what came lies below it (conformalised quantile
regression, Romano et al. 2019). The errors that tell how far are of forecasts from behind the part
that was learned from, as many of the last ones as the validation part has: at first those of the
validation part, then, as the origin moves on, those of what has come since (Xu and Xie 2021). Where
too much comes to lie outside all the same, the share that is aimed at moves (Gibbs and Candes
2021). No forecast is calibrated by what comes after its origin. The median stays where it is.

What is assumed: that the errors of the next steps are like those of the last ones. The validation
part has also chosen the weights that are kept, so its own errors are a little too small.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from unrolled.tasks.conformal import LEAST, MIDDLE, conformal

ENOUGH = 100  # errors of a series of its own: a tenth is then known to 0.03
RATE = 0.005  # at which the share that is aimed at moves, from Gibbs and Candes 2021


@dataclass(frozen=True)
class Calibration:
    """What the validation part says of all series together, in units of their scales."""

    shift: Any  # (H, Q)
    counts: Any  # (H,): the errors behind it
    size: int = 0  # origins of a series in the validation part
    stride: int = 1  # steps from one to the next

    @classmethod
    def none(cls, horizon: int, levels: Sequence[float]) -> Calibration:
        """Where nothing was set aside to learn it from."""
        return cls(np.zeros((horizon, len(levels))), np.zeros(horizon, int))

    def unseen(self) -> Calibration:
        """Without what the validation part said: for those who are judged on it."""
        return replace(self, shift=np.zeros_like(self.shift), counts=np.zeros_like(self.counts))


def shift_of_all(errors: Any, levels: Sequence[float], windows: float) -> tuple[Any, Any]:
    """(H, Q) and how many errors of each step there are, from (N, H, Q) with NaN where unknown.

    A step with too few errors is shifted like all steps together. Errors of windows that overlap
    say much the same: `windows` of them do not, and a level is as uncertain as with so many errors.
    """
    horizon = errors.shape[1]
    shift, counts = np.zeros(errors.shape[1:]), (~np.isnan(errors[..., 0])).sum(0)
    for q, level in enumerate(levels):
        if level == MIDDLE:
            continue
        for h in range(horizon):
            chosen = errors[:, h, q] if counts[h] >= LEAST else errors[..., q]
            known = np.sort(chosen[~np.isnan(chosen)])
            if len(known) >= LEAST:
                shift[h, q] = conformal(known.tolist(), outward(level, windows))
    return shift, counts


def outward(level: float, windows: float) -> float:
    """The level to aim at, so that the next of `windows` + 1 errors is as likely as said inside."""
    tail = min(level, 1 - level)
    beyond = max(tail + (tail - 1) / windows, 0.0) if windows else 0.0
    return beyond if level < MIDDLE else 1 - beyond


class Lane:
    """One quantile of one step ahead, as the origin moves on."""

    def __init__(self, level: float, size: int, shift_of_all: float, count_of_all: int) -> None:
        self.level = self.aim = level
        self.size, self.of_all = size, shift_of_all
        self.needed = max(LEAST, min(ENOUGH, count_of_all, size))
        self.recent: deque[float] = deque()
        self.ascending: list[float] = []

    def shift(self) -> float:
        """By the last errors of this series; by those of all where it has too few."""
        own = len(self.recent) >= self.needed
        return conformal(self.ascending, self.aim) if own else self.of_all

    def learn(self, error: float, shifted_by: float) -> None:
        """What came of a forecast that was shifted so far."""
        if len(self.recent) >= self.needed:
            self.aim += RATE * (self.level - (error <= shifted_by))
        self.recent.append(error)
        insort(self.ascending, error)
        if len(self.recent) > self.size:
            del self.ascending[bisect_left(self.ascending, self.recent.popleft())]


def moving_shifts(errors: Any, origins: Any, levels: Sequence[float], of_all: Calibration) -> Any:
    """The shift at each origin, (N, H, Q), by what is known there; `errors` (N, H, Q)."""
    shifts = np.zeros(errors.shape)
    for h in range(errors.shape[1]):
        known = np.searchsorted(origins + h + 1, origins, side="right")  # how many have come
        for q, level in enumerate(levels):
            if level != MIDDLE:
                told = float(of_all.shift[h, q]), int(of_all.counts[h])
                lane = Lane(level, of_all.size, *told)
                shifts[:, h, q] = _along(lane, errors[:, h, q], known)
    return shifts


def _along(lane: Lane, errors: Any, known: Any) -> list[float]:
    values: list[float] = errors.tolist()
    shifts: list[float] = []
    learned = 0
    for count in known.tolist():
        for number in range(learned, count):
            if values[number] == values[number]:  # a gap, NaN, says nothing
                lane.learn(values[number], shifts[number])
        learned = count
        shifts.append(lane.shift())
    return shifts


def shifted(forecast: Any, shift: Any, unit: float, levels: Sequence[float]) -> Any:
    """Forecasts (N, H, Q) with their quantiles calibrated; none crosses the median, or another."""
    moved, middle = forecast + shift * unit, list(levels).index(MIDDLE)
    moved[..., middle] = forecast[..., middle]
    lower, upper = moved[..., : middle + 1], moved[..., middle:]
    lower[...] = np.minimum.accumulate(lower[..., ::-1], axis=-1)[..., ::-1]
    upper[...] = np.maximum.accumulate(upper, axis=-1)
    return moved
