"""Calibration of quantiles. In: errors of past forecasts. Out: shifts; next: `calibrated`.

A network is more certain about its training data than about the future. So each outer quantile is
shifted, for each step ahead, until the right share of actual values lies below it (conformalized
quantile regression, Romano et al. 2019). The shift is computed from the latest errors after the
training data, as many as the validation part has: initially those of the validation part and then,
as the origin advances, those of later steps (Xu and Xie 2021). If too many values still lie
outside, the target share is adapted (Gibbs and Candes 2021). Calibration uses no value after the
origin of a forecast and leaves the median unchanged.

It assumes that future errors resemble the latest ones. The validation part also selected the
weights, so its errors are slightly too small.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from unrolled.tasks.conformal import LEAST, MIDDLE, conformal

ENOUGH = 100  # errors of a single series: the 10 % quantile is then known to 0.03
RATE = 0.005  # step size of the adapted target share, from Gibbs and Candes 2021


@dataclass(frozen=True)
class Calibration:
    """The shifts from the validation part over all series, in units of their scales."""

    shift: Any  # (H, Q)
    counts: Any  # (H,): number of errors
    size: int = 0  # origins of a series in the validation part
    stride: int = 1  # steps from one to the next

    @classmethod
    def none(cls, horizon: int, levels: Sequence[float]) -> Calibration:
        """No calibration, if there is no validation part."""
        return cls(np.zeros((horizon, len(levels))), np.zeros(horizon, int))

    def unseen(self) -> Calibration:
        """Without the errors of the validation part, for evaluations on that part."""
        return replace(self, shift=np.zeros_like(self.shift), counts=np.zeros_like(self.counts))


def shift_of_all(errors: Any, levels: Sequence[float], windows: float) -> tuple[Any, Any]:
    """Shifts (H, Q) and the number of errors of each step, from (N, H, Q) with NaN where unknown.

    A step with too few errors gets the shift over all steps. Errors of overlapping windows are
    correlated: the uncertainty of a level is that of `windows` independent errors.
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
    """The level to use so that the next of `windows` + 1 errors has the nominal coverage."""
    tail = min(level, 1 - level)
    beyond = max(tail + (tail - 1) / windows, 0.0) if windows else 0.0
    return beyond if level < MIDDLE else 1 - beyond


class Lane:
    """The calibration of one quantile of one step ahead, as the origin advances."""

    def __init__(self, level: float, size: int, shift_of_all: float, count_of_all: int) -> None:
        self.level = self.aim = level
        self.size, self.of_all = size, shift_of_all
        self.needed = max(LEAST, min(ENOUGH, count_of_all, size))
        self.recent: deque[float] = deque()
        self.ascending: list[float] = []

    def shift(self) -> float:
        """The shift from the last errors of this series, or of all series if it has too few."""
        own = len(self.recent) >= self.needed
        return conformal(self.ascending, self.aim) if own else self.of_all

    def learn(self, error: float, shifted_by: float) -> None:
        """Add the error of a forecast that was shifted by `shifted_by`."""
        if len(self.recent) >= self.needed:
            self.aim += RATE * (self.level - (error <= shifted_by))
        self.recent.append(error)
        insort(self.ascending, error)
        if len(self.recent) > self.size:
            del self.ascending[bisect_left(self.ascending, self.recent.popleft())]


def moving_shifts(errors: Any, origins: Any, levels: Sequence[float], of_all: Calibration) -> Any:
    """The shift at each origin, (N, H, Q), from values known there; `errors` (N, H, Q)."""
    shifts = np.zeros(errors.shape)
    for h in range(errors.shape[1]):
        known = np.searchsorted(origins + h + 1, origins, side="right")  # how many are known
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
            if values[number] == values[number]:  # skip gaps (NaN)
                lane.learn(values[number], shifts[number])
        learned = count
        shifts.append(lane.shift())
    return shifts


def shifted(forecast: Any, shift: Any, unit: float, levels: Sequence[float]) -> Any:
    """Forecasts (N, H, Q) with calibrated quantiles that do not cross each other."""
    moved, middle = forecast + shift * unit, list(levels).index(MIDDLE)
    moved[..., middle] = forecast[..., middle]
    lower, upper = moved[..., : middle + 1], moved[..., middle:]
    lower[...] = np.minimum.accumulate(lower[..., ::-1], axis=-1)[..., ::-1]
    upper[...] = np.maximum.accumulate(upper, axis=-1)
    return moved
