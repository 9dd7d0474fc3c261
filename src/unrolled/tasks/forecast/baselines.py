"""Baselines of forecasts. In: a prepared series, origins. Out: quantiles; next: backtests.

    naive            the last value
    seasonal naive   the value one season before
    smoothing        damped exponential smoothing with a season (`smoothing`)
    own map          a linear map of the last values of this series (`linear_map`)

Each gives a point forecast. Its quantiles are the point plus the quantiles of the method's errors
at the same distance ahead, from origins in the training data.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from unrolled.data.windows import Prepared, anchors
from unrolled.tasks.forecast.linear_map import LinearMap, fit_map
from unrolled.tasks.forecast.smoothing import Constants, chosen, run

Points = Callable[[Any], Any]  # origins (N,) -> forecasts (N, H)
OWN = "own map"  # one for each of several series
METHODS = (OWN, "naive", "seasonal naive", "smoothing")
MOST = 20_000  # past origins whose errors are measured

_fitted: WeakKeyDictionary[Prepared, dict[tuple[str, int], Any]] = WeakKeyDictionary()


def methods(
    series: Prepared, wanted: Collection[str] = METHODS, known: int | None = None
) -> dict[str, Points]:
    """The point forecasts of the requested methods, fitted to the steps before `known`.

    A series that is too short for its own map repeats its season.
    """
    known = series.known if known is None else known
    values, horizon, season = series.values, series.layout.horizon, series.layout.season
    found: dict[str, Points] = {
        "naive": lambda origins: anchors(values, origins, horizon, 1),
        "seasonal naive": lambda origins: anchors(values, origins, horizon, season),
    }
    found[OWN] = found["seasonal naive"]
    if OWN in wanted:
        own = own_map(series, known)
        found[OWN] = found[OWN] if own is None else partial(own.points, series)
    if "smoothing" in wanted:
        smoothed = run(values, *constants_of(series, known))
        found["smoothing"] = lambda origins: smoothed.ahead(np.asarray(origins), horizon)
    return {name: found[name] for name in METHODS if name in wanted}


def own_map(series: Prepared, known: int) -> LinearMap | None:
    """The linear map of this series only."""
    found: LinearMap | None = _once(series, (OWN, known), lambda: fit_map([series], [known]))
    return found


def constants_of(series: Prepared, known: int) -> tuple[int, Constants]:
    """The season and the constants of its smoothing."""
    values, layout = series.values, series.layout
    found: tuple[int, Constants] = _once(
        series,
        ("smoothing", known),
        lambda: chosen(values, layout.season, known, layout.horizon),
    )
    return found


def _once(series: Prepared, key: tuple[str, int], make: Callable[[], Any]) -> Any:
    """Cache an expensive result with its series."""
    kept = _fitted.setdefault(series, {})
    if key not in kept:
        kept[key] = make()
    return kept[key]


def baselines(
    series: Prepared,
    origins: Any,
    quantiles: Sequence[float],
    more: Mapping[str, Points] = MappingProxyType({}),
    wanted: Sequence[str] = METHODS,
) -> dict[str, Any]:
    """The quantiles of each method, and of given ones, from each origin, (N, H, Q)."""
    past = known_origins(series)
    result = {}
    for name, points in {**methods(series, wanted), **more}.items():
        spread = _errors(series, past, points, quantiles)
        result[name] = points(origins)[:, :, None] + spread
    return result


def known_origins(series: Prepared) -> Any:
    """Origins whose forecasts end before `known`, with a season of history; at most `MOST`, evenly
    spread."""
    horizon, season = series.layout.horizon, series.layout.season
    first = min(season, max(0, series.known - horizon - 1))
    stop = max(first + 1, series.known - horizon)
    return np.arange(first, stop, -(-(stop - first) // MOST))


def _errors(series: Prepared, past: Any, points: Points, quantiles: Sequence[float]) -> Any:
    """(H, Q): quantiles of the errors at each distance, the median's being 0."""
    steps = past[:, None] + 1 + np.arange(series.layout.horizon)
    inside = np.minimum(steps, len(series) - 1)
    error = series.values[inside] - points(past)
    usable = series.seen[inside] & (steps < series.known)
    spread = np.zeros((error.shape[1], len(quantiles)))
    for h in range(error.shape[1]):
        if usable[:, h].any():
            spread[h] = np.quantile(error[usable[:, h], h], quantiles)
    spread -= spread[:, list(quantiles).index(0.5)][:, None]
    return spread
