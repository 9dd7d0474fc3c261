"""A linear map from the last values to the next ones. In: prepared series. Out: point forecasts.

The last value is subtracted from each window, which is divided by the unit of its series, so that
one map serves series of any level and scale (Zeng et al. 2023, NLinear). One more input is the mean
of all values so far, if the series return to it (`unit_root`). The weights are those of ridge
regressions that are shrunk not to zero but to a simple forecast (`priors`), which dominates if
there are few data. The regressions are evaluated on later origins, at several cuts, and averaged by
their likelihood; an average of linear maps is a linear map. They are then refitted to all data.
Next: `shares`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from unrolled.data.windows import Prepared
from unrolled.tasks.forecast.ridge import PENALTIES, SO_FAR, Ridge, priors
from unrolled.tasks.forecast.stacking import A_WINDOW
from unrolled.tasks.forecast.unit_root import returns_to_a_mean

SEASONS = (14, 7, 4, 2, 1)  # whose length a map may use as history
LENGTHS = (64, 32, 16, 8, 4)  # of history for any season
FEWEST, MOST = 4, 512  # values of history
ROWS_A_WEIGHT = 0.5  # minimum number of windows per value of history; the penalty does the rest
HELD = 0.4  # share of the origins, the last ones, for comparing choices
CUTS = 4  # how many times a map is fitted to the part before some of them
MANY = 8  # series: with this many, one cut is enough
JUDGED = 1_000  # origins after each cut that are evaluated
KEPT = 0.02  # of the likelihood of the best: less likely choices are left out of the average
ROWS = 4096  # windows that are multiplied at once


class Choice(NamedTuple):
    """The history of a map, what it is shrunk to, and the penalty."""

    back: int
    prior: str
    penalty: float


@dataclass(frozen=True)
class LinearMap:
    """forecast = last value + unit * (window @ weight + so_far @ past + bias)."""

    weight: Any  # (back, H)
    past: Any  # (SO_FAR, H)
    bias: Any  # (H,)
    error: float = math.nan  # of the best choice, on held-out origins; in units

    def points(self, series: Prepared, origins: Any) -> Any:
        """(origins, H); before its start a series is assumed to equal its first value."""
        origins = np.asarray(origins)
        found = np.empty((len(origins), len(self.bias)))
        for at in range(0, len(origins), ROWS):
            inputs, now = _inputs(series, origins[at : at + ROWS], len(self.weight))
            found[at : at + ROWS] = now[:, None] + series.scale.unit * self.said(inputs)
        return found

    def said(self, inputs: Any) -> Any:
        """Distances from the last value, in units, from (..., back + SO_FAR)."""
        back = len(self.weight)
        return inputs[..., :back] @ self.weight + inputs[..., back:] @ self.past + self.bias

    def arrays(self) -> dict[str, Any]:
        """What it is made of, by name."""
        return {"weight": self.weight, "past": self.past, "bias": self.bias}

    @classmethod
    def mean(cls, maps: Sequence[LinearMap], shares: Any = None) -> LinearMap:
        """The average of maps; beyond its own history a map has zero weights."""
        back = max(len(one.weight) for one in maps)
        padded = [np.pad(one.weight, ((back - len(one.weight), 0), (0, 0))) for one in maps]
        past, bias = (
            np.average([getattr(one, name) for one in maps], 0, shares) for name in ("past", "bias")
        )
        return cls(np.average(padded, 0, shares), past, bias, maps[0].error)


def fit_map(
    series: Sequence[Prepared], learned: Sequence[int], cuts: int | None = None
) -> LinearMap | None:
    """Fit one map to all series; None if they are too short."""
    horizon = series[0].layout.horizon
    late, ends = held_out(series, learned)
    backs = _backs(series, [max(0, first - horizon) for first in late])
    if not backs:
        return None
    cuts = cuts or (CUTS if len(series) < MANY else 1)
    level = _have_a_level(series, learned)
    known, distances, before, count = None, dict[Choice, float](), [0] * len(series), 0
    for number in range(cuts):
        first, stop = (
            [a + (b - a) * place // cuts for a, b in zip(late, ends)]
            for place in (number, number + 1)
        )
        until = [max(0, one - horizon) for one in first]
        known = _more(known, _products(series, list(zip(before, until)), backs, level))
        before = until
        for back in backs:
            x, y = _judged(series, first, stop, back, level)
            count += y.size if back == backs[0] else 0
            for choice, error in _tried(back, known[back], series[0], x, y, level):
                distances[choice] = distances.get(choice, 0.0) + error
    known = _more(known, _products(series, list(zip(before, ends)), backs, level))
    windows = sum(end - first for first, end in zip(late, ends)) / horizon
    return _averaged(known, distances, max(windows, 1.0), series[0], max(count, 1))


def _have_a_level(series: Sequence[Prepared], learned: Sequence[int]) -> bool:
    """Whether most of the series return to their mean; for others it is no input."""
    season = series[0].layout.season
    found = [returns_to_a_mean(one.values[:end], season) for one, end in zip(series, learned)]
    return sum(found) > len(found) / 2


def held_out(series: Sequence[Prepared], learned: Sequence[int]) -> tuple[list[int], list[int]]:
    """The first held-out origin of each series, and the one after the last."""
    ends = [max(0, end - series[0].layout.horizon) for end in learned]
    return [int(end * (1 - HELD)) for end in ends], ends


def _tried(
    back: int, known: Sequence[Any], series: Prepared, x: Any, y: Any, level: bool
) -> list[tuple[Choice, float]]:
    """The summed absolute errors of each choice."""
    ridge = Ridge(*known)
    found = []
    for name, prior in priors(back, series.layout.horizon, series.layout.season).items():
        if name == "level" and not level:
            continue
        for penalty, said in zip(PENALTIES, ridge.said(x, prior)):
            found.append((Choice(back, name, penalty), float(np.abs(y - said).sum())))
    return found


def _averaged(
    known: dict[int, Any],
    distances: dict[Choice, float],
    windows: float,
    like: Prepared,
    count: int,
) -> LinearMap:
    """The average of the choices by their Laplace likelihood, with two errors for each window.

    Errors of one window and of overlapping windows are correlated (`stacking`).
    """
    windows *= A_WINDOW
    logs = {one: -windows * math.log(max(size, 1e-300)) for one, size in distances.items()}
    best = max(logs, key=lambda one: logs[one])
    shares = {one: math.exp(size - logs[best]) for one, size in logs.items()}
    kept = sorted((one for one in shares if shares[one] >= KEPT), key=lambda one: -shares[one])
    error = distances[best] / count
    ridges = {back: Ridge(*known[back]) for back in sorted({one.back for one in kept})}
    maps = []
    for one in kept:
        prior = priors(one.back, like.layout.horizon, like.layout.season)[one.prior]
        weight = ridges[one.back].weights(one.penalty, prior)
        maps.append(LinearMap(weight[: one.back], weight[one.back : -1], weight[-1], error))
    return LinearMap.mean(maps, [shares[one] for one in kept])


def _backs(series: Sequence[Prepared], stops: Sequence[int]) -> list[int]:
    """The possible lengths of history, given the number of origins before each stop."""
    season, horizon = series[0].layout.season, series[0].layout.horizon
    wanted = [season * count for count in SEASONS] + [2 * horizon, horizon, *LENGTHS]
    return [
        back
        for back in sorted({one for one in wanted if FEWEST <= one <= MOST})
        if sum(max(0, stop - back + 1) for stop in stops) >= ROWS_A_WEIGHT * back
    ]


def _inputs(series: Prepared, origins: Any, back: int, level: bool = True) -> tuple[Any, Any]:
    """(N, back + SO_FAR), from the last value of each origin and in units; the last values.

    The values before and at each origin, and the mean of all of them (0 without a `level`).
    """
    steps = np.maximum(origins[:, None] + np.arange(1 - back, 1), 0)
    values, now = series.values, series.values[origins]
    mean = (series.mean_so_far[origins] - now) * level
    return np.concatenate([values[steps] - now[:, None], mean[:, None]], 1) / series.scale.unit, now


def _targets(series: Prepared, origins: Any) -> Any:
    steps = origins[:, None] + 1 + np.arange(series.layout.horizon)
    return (series.values[steps] - series.values[origins][:, None]) / series.scale.unit


def _judged(
    series: Sequence[Prepared],
    firsts: Sequence[int],
    stops: Sequence[int],
    back: int,
    level: bool,
) -> tuple[Any, Any]:
    """Windows and targets for some origins between `firsts` and `stops`."""
    total = sum(stop - first for first, stop in zip(firsts, stops))
    stride = max(1, -(-total // JUDGED))
    some = [np.arange(first, stop, stride) for first, stop in zip(firsts, stops)]
    x = np.concatenate(
        [_inputs(one, origins, back, level)[0] for one, origins in zip(series, some)]
    )
    return x, np.concatenate([_targets(one, origins) for one, origins in zip(series, some)])


def _more(known: dict[int, Any] | None, more: dict[int, Any]) -> dict[int, Any]:
    if known is None:
        return more
    return {back: [a + b for a, b in zip(known[back], more[back])] for back in more}


def _products(
    series: Sequence[Prepared],
    spans: Sequence[tuple[int, int]],
    backs: Sequence[int],
    level: bool,
) -> dict[int, Any]:
    """For each length of history: X'X and X'Y over the origins of each span with that history.

    The last input column is ones. A shorter window is the end of a longer one, so each origin is
    used once, with its longest window.
    """
    horizon, found, longer = series[0].layout.horizon, {}, None
    for back in sorted(backs, reverse=True):
        size = back + SO_FAR + 1
        squares, crossed = np.zeros((size, size)), np.zeros((size, horizon))
        for one, (first, stop) in zip(series, spans):
            begin, end = max(first, back - 1), stop if longer is None else min(stop, longer - 1)
            for at in range(begin, end, ROWS):
                part = np.arange(at, min(at + ROWS, end))
                x = np.concatenate([_inputs(one, part, back, level)[0], np.ones((len(part), 1))], 1)
                squares += x.T @ x
                crossed += x.T @ _targets(one, part)
        if longer is not None:
            squares += found[longer][0][-size:, -size:]
            crossed += found[longer][1][-size:]
        found[back], longer = (squares, crossed), back
    return found


def mean_distance(
    series: Sequence[Prepared],
    firsts: Sequence[int],
    stops: Sequence[int],
    points: Callable[[Prepared, Any], Any],
) -> float:
    """The mean absolute error of point forecasts from some origins, in units of each series."""
    total, count, horizon = 0.0, 0, series[0].layout.horizon
    for one, first, stop in zip(series, firsts, stops):
        for at in range(first, stop, ROWS):
            origins = np.arange(at, min(at + ROWS, stop))
            steps = origins[:, None] + 1 + np.arange(horizon)
            away = np.abs(points(one, origins) - one.values[steps])
            total, count = total + float(away.sum()) / one.scale.unit, count + away.size
    return total / max(count, 1)
