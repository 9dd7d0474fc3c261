"""The last values of a series as a linear map to the next ones. In: prepared series. Out: points.

Each window is seen from its last value and in units of its series, so that one map serves series of
any height and size (Zeng et al. 2023, NLinear). The weights are those of ridge regression, the
penalty that with the smallest absolute error on the last fifth of what may be learned from.
Next: `shares`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from unrolled.data.windows import Prepared

SEASONS = (14, 7, 4, 2, 1)  # that a map may look back on: the longest for which there is enough
FEWEST, MOST = 8, 512  # values that it looks back on
ROWS_A_WEIGHT = 4  # windows for each value that it looks back on: with fewer it looks less far
PENALTIES = (1e-4, 1e-2, 1.0)  # times the mean square of the inputs
HELD = 0.2


@dataclass(frozen=True)
class LinearMap:
    """forecast = last value + unit * (window @ weight + bias)."""

    weight: Any  # (back, H)
    bias: Any  # (H,)

    def points(self, series: Prepared, origins: Any) -> Any:
        """(origins, H); before its first value a series is taken to have been that value."""
        windows, now = _windows(series, np.asarray(origins), len(self.weight))
        return now[:, None] + series.scale.unit * (windows @ self.weight + self.bias)


def fit_map(series: Sequence[Prepared], learned: Sequence[int]) -> LinearMap | None:
    """The map of all series; None where they are too short for one."""
    horizon = series[0].layout.horizon
    back = _back(series, learned)
    if back is None:
        return None
    origins = [np.arange(back - 1, end - horizon) for end in learned]
    early = [some[: int(len(some) * (1 - HELD))] for some in origins]
    late = [some[len(first) + horizon :] for some, first in zip(origins, early)]
    known = _products(series, early, back)
    errors = {
        penalty: _error(_solved(known, penalty), series, late)
        for penalty in PENALTIES
        if any(map(len, late))
    }
    best = min(errors, key=lambda one: errors[one], default=PENALTIES[1])
    return _solved(_products(series, origins, back), best)


def _back(series: Sequence[Prepared], learned: Sequence[int]) -> int | None:
    """How many values to look back on."""
    season, horizon = series[0].layout.season, series[0].layout.horizon
    wanted = [season * count for count in SEASONS] + [2 * horizon, horizon, 2 * FEWEST, FEWEST]
    for back in sorted({one for one in wanted if FEWEST <= one <= MOST}, reverse=True):
        rows = sum(max(0, end - horizon - back + 1) for end in learned)
        if rows >= ROWS_A_WEIGHT * back:
            return back
    return None


def _windows(series: Prepared, origins: Any, back: int) -> tuple[Any, Any]:
    """(N, back) values before and at each origin, from the last one and in units; the last ones."""
    steps = np.maximum(origins[:, None] + np.arange(1 - back, 1), 0)
    now = series.values[origins]
    return (series.values[steps] - now[:, None]) / series.scale.unit, now


def _targets(series: Prepared, origins: Any) -> Any:
    steps = origins[:, None] + 1 + np.arange(series.layout.horizon)
    return (series.values[steps] - series.values[origins][:, None]) / series.scale.unit


def _products(series: Sequence[Prepared], origins: Sequence[Any], back: int) -> tuple[Any, Any]:
    """X'X and X'Y over all windows, with a column of ones behind the inputs."""
    horizon = series[0].layout.horizon
    squares, crossed = np.zeros((back + 1, back + 1)), np.zeros((back + 1, horizon))
    for one, some in zip(series, origins):
        for at in range(0, len(some), 4096):
            part = some[at : at + 4096]
            x = np.concatenate([_windows(one, part, back)[0], np.ones((len(part), 1))], 1)
            squares += x.T @ x
            crossed += x.T @ _targets(one, part)
    return squares, crossed


def _solved(known: tuple[Any, Any], penalty: float) -> LinearMap:
    squares, crossed = known
    size = penalty * float(np.diag(squares)[:-1].mean())
    ridge = np.diag([*np.full(len(squares) - 1, size or 1.0), 1e-9])
    found = np.linalg.solve(squares + ridge, crossed)
    return LinearMap(found[:-1], found[-1])


def _error(found: LinearMap, series: Sequence[Prepared], origins: Sequence[Any]) -> float:
    """The mean absolute error in units of each series."""
    errors = [
        np.abs(
            (found.points(one, some) - one.values[some][:, None]) / one.scale.unit
            - _targets(one, some)
        ).ravel()
        for one, some in zip(series, origins)
        if len(some)
    ]
    return float(np.concatenate(errors).mean())
