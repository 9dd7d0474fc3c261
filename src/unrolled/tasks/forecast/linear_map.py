"""The last values of a series as a linear map to the next ones. In: prepared series. Out: points.

Each window is seen from its last value and in units of its series, so that one map serves series of
any height and size (Zeng et al. 2023, NLinear). The weights are those of ridge regression. How far
back it looks and how large the penalty is, is judged by the absolute error on the last fifth of
what may be learned from; the best choices are averaged, which is a linear map again, and are fitted
once more to everything. Next: `shares`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from unrolled.data.windows import Prepared

SEASONS = (14, 7, 4, 2, 1)  # that a map may look back on
FEWEST, MOST = 8, 512  # values that it looks back on
ROWS_A_WEIGHT = 1.0  # windows for each value that it looks back on, at least: the penalty does more
PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)  # times the mean square of the inputs
HELD = 0.2
BEST = 3  # choices that are averaged
ROWS = 4096  # windows that are multiplied at once


@dataclass(frozen=True)
class LinearMap:
    """forecast = last value + unit * (window @ weight + bias)."""

    weight: Any  # (back, H)
    bias: Any  # (H,)
    error: float = math.nan  # of the best choice, on origins that were held out; in units

    def points(self, series: Prepared, origins: Any) -> Any:
        """(origins, H); before its first value a series is taken to have been that value."""
        windows, now = _windows(series, np.asarray(origins), len(self.weight))
        return now[:, None] + series.scale.unit * (windows @ self.weight + self.bias)

    @classmethod
    def mean(cls, maps: Sequence[LinearMap]) -> LinearMap:
        """Their average; what lies before the window of one has no weight in it."""
        back = max(len(one.weight) for one in maps)
        padded = [np.pad(one.weight, ((back - len(one.weight), 0), (0, 0))) for one in maps]
        return cls(np.mean(padded, 0), np.mean([one.bias for one in maps], 0), maps[0].error)


def fit_map(series: Sequence[Prepared], learned: Sequence[int]) -> LinearMap | None:
    """The map of all series; None where they are too short for one."""
    late, ends = held_out(series, learned)
    early = [max(0, first - series[0].layout.horizon) for first in late]
    backs = _backs(series, early)
    if not backs:
        return None
    known = _products(series, [(0, stop) for stop in early], backs)
    judged = sorted(
        (_error(_solved(known[back], penalty), series, late, ends), back, penalty)
        for back in backs
        for penalty in PENALTIES
    )
    rest = _products(series, list(zip(early, ends)), backs)
    whole = {back: [a + b for a, b in zip(known[back], rest[back])] for back in backs}
    best = [
        replace(_solved(whole[back], penalty), error=error)
        for error, back, penalty in judged[:BEST]
    ]
    return LinearMap.mean(best)


def held_out(series: Sequence[Prepared], learned: Sequence[int]) -> tuple[list[int], list[int]]:
    """The first origin by which choices are judged, and the one behind the last, of each series."""
    ends = [max(0, end - series[0].layout.horizon) for end in learned]
    return [int(end * (1 - HELD)) for end in ends], ends


def _backs(series: Sequence[Prepared], stops: Sequence[int]) -> list[int]:
    """How many values it may look back on, by how many origins come before each stop."""
    season, horizon = series[0].layout.season, series[0].layout.horizon
    wanted = [season * count for count in SEASONS] + [2 * horizon, horizon, 2 * FEWEST, FEWEST]
    return [
        back
        for back in sorted({one for one in wanted if FEWEST <= one <= MOST})
        if sum(max(0, stop - back + 1) for stop in stops) >= ROWS_A_WEIGHT * back
    ]


def _windows(series: Prepared, origins: Any, back: int) -> tuple[Any, Any]:
    """(N, back) values before and at each origin, from the last one and in units; the last ones."""
    steps = np.maximum(origins[:, None] + np.arange(1 - back, 1), 0)
    now = series.values[origins]
    return (series.values[steps] - now[:, None]) / series.scale.unit, now


def _targets(series: Prepared, origins: Any) -> Any:
    steps = origins[:, None] + 1 + np.arange(series.layout.horizon)
    return (series.values[steps] - series.values[origins][:, None]) / series.scale.unit


def _products(
    series: Sequence[Prepared], spans: Sequence[tuple[int, int]], backs: Sequence[int]
) -> dict[int, Any]:
    """For each way to look back: X'X and X'Y over the origins of each span that see so far back.

    The inputs have a column of ones behind them. A shorter window is the end of a longer one, so
    each origin is multiplied once, with the longest window that it has.
    """
    horizon, found, longer = series[0].layout.horizon, {}, None
    for back in sorted(backs, reverse=True):
        squares, crossed = np.zeros((back + 1, back + 1)), np.zeros((back + 1, horizon))
        for one, (first, stop) in zip(series, spans):
            begin, end = max(first, back - 1), stop if longer is None else min(stop, longer - 1)
            for at in range(begin, end, ROWS):
                part = np.arange(at, min(at + ROWS, end))
                x = np.concatenate([_windows(one, part, back)[0], np.ones((len(part), 1))], 1)
                squares += x.T @ x
                crossed += x.T @ _targets(one, part)
        if longer is not None:
            squares += found[longer][0][-back - 1 :, -back - 1 :]
            crossed += found[longer][1][-back - 1 :]
        found[back], longer = (squares, crossed), back
    return found


def _solved(known: Sequence[Any], penalty: float) -> LinearMap:
    squares, crossed = known
    size = penalty * float(np.diag(squares)[:-1].mean())
    ridge = np.diag([*np.full(len(squares) - 1, size or 1.0), 1e-9])
    found = np.linalg.solve(squares + ridge, crossed)
    return LinearMap(found[:-1], found[-1])


def _error(
    found: LinearMap, series: Sequence[Prepared], firsts: Sequence[int], stops: Sequence[int]
) -> float:
    return mean_distance(series, firsts, stops, found.points)


def mean_distance(
    series: Sequence[Prepared],
    firsts: Sequence[int],
    stops: Sequence[int],
    points: Callable[[Prepared, Any], Any],
) -> float:
    """How far what comes lies from points of some origins: the mean, in units of each series."""
    total, count, horizon = 0.0, 0, series[0].layout.horizon
    for one, first, stop in zip(series, firsts, stops):
        for at in range(first, stop, ROWS):
            origins = np.arange(at, min(at + ROWS, stop))
            steps = origins[:, None] + 1 + np.arange(horizon)
            away = np.abs(points(one, origins) - one.values[steps])
            total, count = total + float(away.sum()) / one.scale.unit, count + away.size
    return total / max(count, 1)
