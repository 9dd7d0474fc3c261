"""What a forecast must beat. In: a prepared series, origins. Out: quantiles; next: backtests.

    naive            the last value
    seasonal naive   the value one season before
    smoothing        damped exponential smoothing with a season (`smoothing`)

Each gives a point. Its quantiles are the point and the quantiles of the errors that the method made
at the same distance ahead, from origins in the part that was learned from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from unrolled.data.windows import Prepared, anchors
from unrolled.tasks.forecast.smoothing import smooth

Points = Callable[[Any], Any]  # origins (N,) -> forecasts (N, H)
METHODS = ("naive", "seasonal naive", "smoothing")


def methods(series: Prepared, wanted: Sequence[str] = METHODS) -> dict[str, Points]:
    """The point forecasts of each method that is wanted."""
    values, horizon, season = series.values, series.layout.horizon, series.layout.season
    found: dict[str, Points] = {
        "naive": lambda origins: anchors(values, origins, horizon, 1),
        "seasonal naive": lambda origins: anchors(values, origins, horizon, season),
    }
    if "smoothing" in wanted:  # which takes its time
        smoothed = smooth(values, season, series.learned, horizon)
        found["smoothing"] = lambda origins: smoothed.ahead(np.asarray(origins), horizon)
    return {name: points for name, points in found.items() if name in wanted}


def baselines(
    series: Prepared,
    origins: Any,
    quantiles: Sequence[float],
    more: Mapping[str, Points] = MappingProxyType({}),
) -> dict[str, Any]:
    """The quantiles of each method, and of those that are given, from each origin, (N, H, Q)."""
    past = known_origins(series)
    result = {}
    for name, points in {**methods(series), **more}.items():
        spread = _errors(series, past, points, quantiles)
        result[name] = points(origins)[:, :, None] + spread
    return result


def known_origins(series: Prepared) -> Any:
    """Origins whose forecasts end before `learned`, and that look back a season."""
    horizon, season = series.layout.horizon, series.layout.season
    first = min(season, max(0, series.learned - horizon - 1))
    return np.arange(first, max(first + 1, series.learned - horizon))


def _errors(series: Prepared, past: Any, points: Points, quantiles: Sequence[float]) -> Any:
    """(H, Q): quantiles of the errors at each distance, the median's being 0."""
    steps = past[:, None] + 1 + np.arange(series.layout.horizon)
    inside = np.minimum(steps, len(series) - 1)
    error = series.values[inside] - points(past)
    usable = series.seen[inside] & (steps < series.learned)
    spread = np.zeros((error.shape[1], len(quantiles)))
    for h in range(error.shape[1]):
        if usable[:, h].any():
            spread[h] = np.quantile(error[usable[:, h], h], quantiles)
    spread -= spread[:, list(quantiles).index(0.5)][:, None]
    return spread
