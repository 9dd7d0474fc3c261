"""Averages a network with simple methods. In: a roller, a series. Out: quantiles.

The forecasts of the network, linear maps, the last value, the previous season and smoothing are
averaged with shares that depend on their errors on past parts (`stacking`). The quantiles are
shifted with the median. Once the shares are fixed, the simple methods are refitted to everything
before the test. Next: `calibrated`, which calibrates the quantiles.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from unrolled.data.windows import Prepared
from unrolled.tasks.forecast.baselines import OWN
from unrolled.tasks.forecast.linear_map import fit_map
from unrolled.tasks.forecast.linear_path import MAP, OTHERS, SEASONAL, LinearPath, others
from unrolled.tasks.forecast.rolling import Roller
from unrolled.tasks.forecast.stacking import shares_of

NETWORK = "network"
THIRDS = 3  # of the steps ahead: each third has its own shares
MOST = 2_000  # origins of a series that are used
FOLDS = 4  # parts for comparing simple methods
ENOUGH = 30  # windows without overlap: with this many, the validation part is enough


@dataclass(frozen=True)
class Shares:
    """The share of each method in the forecast of each step, (H, 1 + others): rows sum to 1."""

    share: Any
    path: LinearPath

    @classmethod
    def of_network(cls, horizon: int, path: LinearPath | None = None) -> Shares:
        """Shares that use only the network."""
        share = np.zeros((horizon, 1 + len(OTHERS)))
        share[:, 0] = 1.0
        return cls(share, path or LinearPath())

    def unseen(self) -> Shares:
        """Without the results of the validation part, for evaluations on that part."""
        path = replace(self.path, refitted=self.path.linear)
        return Shares.of_network(len(self.share), path)

    def mean(self) -> dict[str, float]:
        """The share of each method over all steps."""
        return dict(zip((NETWORK, *OTHERS), self.share.mean(0).tolist()))

    def used(self) -> list[str]:
        """The methods besides the network that have a share."""
        return [name for name, part in zip(OTHERS, self.share[:, 1:].T) if part.any()]


@dataclass(frozen=True)
class Past:
    """Forecasts of each method from some origins of one series, fitted to earlier values."""

    series: Prepared
    origins: Any
    end: int  # the first step that is not evaluated
    points: dict[str, Any]  # (origins, H) of each method
    said: Any = None  # the network's quantiles, only for the validation part, (origins, H, Q)


@dataclass(frozen=True)
class Shared:
    """A roller whose forecasts are averaged with those of other methods."""

    roller: Roller
    shares: Shares

    @property
    def levels(self) -> Sequence[float]:
        return self.roller.levels

    @property
    def fed_back(self) -> bool:
        return self.roller.fed_back

    def forecast(
        self, series: Prepared, origins: Any, early: int | None = None, alone: bool = False
    ) -> Any:
        """Quantiles from each origin, (origins, H, Q), for ascending origins.

        From origins before `series.known`, the methods are fitted to the part before `early`, if it
        is given, so that their errors are out-of-sample.
        `alone`: only the network, with its linear path.
        """
        path = self.shares.path
        used = [] if alone else self.shares.used()
        points = self._points(series, np.asarray(origins), {path.name, *used}, early)
        said = self.roller.forecast(series, origins, points[path.name], path.size)
        return said + self._moved(said, points)[..., None] if used else said

    def together(self, past: Past) -> Any:
        """The averaged forecast, (origins, H, Q).

        Within the network's training data, its path gives the median instead.
        """
        path, points = self.shares.path, past.points
        said = past.said
        if said is None:
            said = self.roller.forecast(past.series, past.origins, points[path.name], path.size)
            said = said + (points[path.name] - self._middle(said))[..., None]
        return said + self._moved(said, points)[..., None]

    def _middle(self, said: Any) -> Any:
        return said[..., list(self.levels).index(0.5)]

    def _moved(self, said: Any, points: dict[str, Any]) -> Any:
        """The shift of the network's median by the other methods, (origins, H)."""
        middle = self._middle(said)
        together = self.shares.share[:, 0] * middle
        for name in self.shares.used():
            together = together + self.shares.share[:, 1 + OTHERS.index(name)] * points[name]
        return together - middle

    def _points(
        self, series: Prepared, origins: Any, used: Collection[str], early: int | None
    ) -> dict[str, Any]:
        """The points of each method, (origins, H)."""
        path, known = self.shares.path, series.known
        old = 0 if early is None else int(np.searchsorted(origins, known - 1))
        names = [name for name in OTHERS if name in used]
        parts = [
            others(series, some, linear, names, until)
            for some, linear, until in (
                (origins[:old], path.linear, early),
                (origins[old:], path.refitted, known),
            )
            if len(some)
        ]
        return {name: np.concatenate([part[name] for part in parts]) for name in names}


def names_for(series: Sequence[Prepared], path: LinearPath) -> list[str]:
    """The methods that may have a share; a map of each series if there are several.


    Without a season the seasonal naive forecast is the last value, which is included once.
    """
    of_all, of_each = path.linear is not None, len(series) > 1
    twice = series[0].layout.season == 1 and path.name != SEASONAL
    without = [MAP] * (not of_all) + [OWN] * (not of_each) + [SEASONAL] * twice
    return [name for name in OTHERS if name not in without]


def past_forecasts(
    roller: Roller,
    path: LinearPath,
    series: Sequence[Prepared],
    parts: Sequence[tuple[int, int]],
) -> list[Past]:
    """Forecasts of the steps from `begin` to before `end` of each series, and of earlier parts.

    The network is trained on everything before the validation part, so it is used only there.
    """
    horizon, names = series[0].layout.horizon, names_for(series, path)
    longest = max(end - begin for begin, end in parts)
    stride = max(max(1, horizon // 4) if roller.fed_back else 1, longest // MOST)
    found = []
    for fold in _folds(parts, horizon):
        last = fold == list(parts)
        linear = path.linear if last else fit_map(series, [begin for begin, _ in fold])
        for one, (begin, end) in zip(series, fold):
            origins = np.arange(max(begin - 1, 0), end - 1, stride)
            if not len(origins):
                continue
            points = others(one, origins, linear, {path.name, SEASONAL, *names}, begin)
            repeated = points[SEASONAL]  # if the series are too short for a map
            points = {name: points.get(name, repeated) for name in (*names, path.name)}
            said = roller.forecast(one, origins, points[path.name], path.size) if last else None
            found.append(Past(one, origins, end, points, said))
    return found


def learn_shares(
    past: Sequence[Past], levels: Sequence[float], path: LinearPath, horizon: int
) -> Shares:
    """Learn the shares from past forecasts.

    The network is compared with its linear path on the validation part; simple methods are compared
    on that and on earlier parts. Several series at the same times count like one for the network,
    since its weights were selected at those times.
    """
    judged = [one for one in past if one.said is not None]
    if not judged:
        return Shares.of_network(horizon, path)
    names, middle = list(judged[0].points), list(levels).index(0.5)
    plain = np.concatenate([_errors(one, np.stack([*one.points.values()])) for one in past], 1)
    beside = [
        _errors(one, np.stack([one.said[..., middle], one.points[path.name]])) for one in judged
    ]
    both = np.abs(np.concatenate(beside, 1))
    windows, its_windows = windows_in(past), windows_in(judged) / len(judged)
    share = np.zeros((horizon, 1 + len(OTHERS)))
    for steps in np.array_split(np.arange(horizon), THIRDS):
        if len(steps):
            some = plain[:, :, steps].reshape(len(names), -1)
            mine, its = map(_mean, both[:, :, steps])
            ratio = mine / its if mine and its else 1.0
            found = shares_of(some, windows, ratio, names.index(path.name), its_windows)
            share[steps[:, None], [0, *(1 + OTHERS.index(name) for name in names)]] = found
    return Shares(share, path)


def _folds(parts: Sequence[tuple[int, int]], horizon: int) -> list[list[tuple[int, int]]]:
    """The validation part and, if it is short, earlier parts of its size, in temporal order."""
    found = [list(parts)]
    while len(found) < FOLDS and _windows(parts, horizon) < ENOUGH:
        before = [(2 * begin - end, begin) for begin, end in found[0]]
        if any(begin < first // 2 for (begin, _), (first, _) in zip(before, parts)):
            break
        found.insert(0, before)
    return found


def _windows(parts: Sequence[tuple[int, int]], horizon: int) -> float:
    """The number of windows of one horizon without overlap in the parts."""
    return sum((end - begin) / horizon for begin, end in parts)


def windows_in(past: Sequence[Past]) -> float:
    """The same for forecasts."""
    parts = [(int(one.origins[0]) + 1, one.end) for one in past]
    return _windows(parts, past[0].series.layout.horizon)


def _mean(values: Any) -> float:
    """The mean of known values; 0 without any."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else 0.0


def _errors(past: Past, said: Any) -> Any:
    """Actual minus predicted values, in units of the series, (methods, origins, H)."""
    return np.moveaxis(errors(past.series, np.moveaxis(said, 0, -1), past.origins, past.end), -1, 0)


def errors(one: Prepared, forecast: Any, origins: Any, end: int | None = None) -> Any:
    """Actual minus predicted values (N, H, Q), in units; NaN from `end` on and in gaps."""
    steps = np.asarray(origins)[:, None] + 1 + np.arange(forecast.shape[1])
    inside = np.minimum(steps, len(one) - 1)
    known = one.seen[inside] & (steps < min(len(one) if end is None else end, len(one)))
    actual = np.where(known, one.values[inside], np.nan)
    return (actual[:, :, None] - forecast) / one.scale.unit
