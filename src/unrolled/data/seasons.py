"""How long a season is, by the data alone. In: series. Out: a number of steps; next: layouts.

For steps of which no calendar says it (years, plain numbers). A season is where the series is most
like itself some steps later: the highest peak of the autocorrelation

    r_k = sum_t (y_t - y)(y_{t+k} - y) / sum_t (y_t - y)^2

beyond the lags over which neighbours are merely alike, that is, after it first fell below zero.
Where a drift or a slow swing hides it, it is looked for in the differences from step to step, of
which the season is the same.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from unrolled.data.windows import drifts

SEEN = 3  # times a season must be in the series, or any bend would be one
LEAST = 0.3  # of the correlation: less than a tenth of the variance repeats


class Season(NamedTuple):
    """Its length, and how alike the series are after so many steps."""

    steps: int
    correlation: float


def found_season(series: Sequence[Any]) -> Season | None:
    """The season that the series have in common (mean correlations); None where there is none."""
    levels = [np.asarray(values, np.float64) for values in series]
    mean = _mean_correlation(levels)
    if any(map(drifts, levels)) or not (mean < 0).any():
        mean = _mean_correlation([np.diff(values) for values in levels])
    below = np.flatnonzero(mean < 0)
    first = int(below[0]) + 1 if len(below) else len(mean)
    peaks = [k for k in range(first, len(mean) - 1) if mean[k - 1] <= mean[k] > mean[k + 1]]
    best = max(peaks, key=lambda lag: mean[lag], default=0)
    # the r_k of mere noise have a deviation of 1 / sqrt(T)
    enough = max(LEAST, 3 / math.sqrt(min(map(len, levels))))
    return Season(best, float(mean[best])) if best and mean[best] >= enough else None


def _mean_correlation(series: Sequence[Any]) -> Any:
    longest = min(map(len, series)) // SEEN
    rows = [row for values in series if (row := autocorrelation(values, longest)) is not None]
    return np.mean(rows, 0) if rows else np.zeros(0)


def autocorrelation(values: Any, longest: int) -> Any:
    """r_0 ... r_longest, by way of the spectrum; None for a series that never moves."""
    if not len(values) or np.ptp(values) == 0:
        return None
    centred = values - np.mean(values)
    power = np.abs(np.fft.rfft(centred, 2 * len(centred))) ** 2
    sums = np.fft.irfft(power)[: longest + 1]
    return sums / sums[0]
