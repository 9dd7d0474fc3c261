"""Detects the length of a season. In: series. Out: a number of steps; next: layouts.

Used for steps without a calendar season (years, plain numbers). The season is the lag of the
highest peak of the autocorrelation

    r_k = sum_t (y_t - y)(y_{t+k} - y) / sum_t (y_t - y)^2

after it has first fallen below zero, which excludes lags where neighbors are merely similar. If a
drift or a slow oscillation hides the season, it is searched for in the differences between steps,
which have the same season.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from unrolled.data.windows import drifts

SEEN = 3  # periods that the series must contain, so that not every bend is a season
LEAST = 0.3  # of the correlation: below it, less than a tenth of the variance repeats


class Season(NamedTuple):
    """The length of a season, and the autocorrelation at that lag."""

    steps: int
    correlation: float


def found_season(series: Sequence[Any]) -> Season | None:
    """The common season of the series, from their mean autocorrelation; None if there is none."""
    levels = [np.asarray(values, np.float64) for values in series]
    mean = _mean_correlation(levels)
    if any(map(drifts, levels)) or not (mean < 0).any():
        mean = _mean_correlation([np.diff(values) for values in levels])
    below = np.flatnonzero(mean < 0)
    first = int(below[0]) + 1 if len(below) else len(mean)
    peaks = [k for k in range(first, len(mean) - 1) if mean[k - 1] <= mean[k] > mean[k + 1]]
    best = max(peaks, key=lambda lag: mean[lag], default=0)
    # for noise, r_k has a standard deviation of 1 / sqrt(T)
    enough = max(LEAST, 3 / math.sqrt(min(map(len, levels))))
    return Season(best, float(mean[best])) if best and mean[best] >= enough else None


def _mean_correlation(series: Sequence[Any]) -> Any:
    longest = min(map(len, series)) // SEEN
    rows = [row for values in series if (row := autocorrelation(values, longest)) is not None]
    return np.mean(rows, 0) if rows else np.zeros(0)


def autocorrelation(values: Any, longest: int) -> Any:
    """r_0 ... r_longest, computed with the FFT; None for a constant series."""
    if not len(values) or np.ptp(values) == 0:
        return None
    centred = values - np.mean(values)
    power = np.abs(np.fft.rfft(centred, 2 * len(centred))) ** 2
    sums = np.fft.irfft(power)[: longest + 1]
    return sums / sums[0]
