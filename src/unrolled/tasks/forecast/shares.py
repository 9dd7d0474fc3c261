"""A network that shares its forecasts with plain methods. In: a roller, a series. Out: quantiles.

What the network, linear maps, the last value, the season before and smoothing say is averaged, with
shares by the errors that each made on past parts (`stacking`). The quantiles move along
with the median. Once the shares are known, the plain methods learn once more, from everything that
comes before the test. Next: `calibrated`, which calibrates the quantiles.
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
THIRDS = 3  # of the steps ahead: each has shares of its own
MOST = 2_000  # origins of a series that are looked at: a tenth is then known to 0.01
FOLDS = 4  # parts that plain methods are compared on
ENOUGH = 30  # windows that do not overlap: with as many, the validation part is enough


@dataclass(frozen=True)
class Shares:
    """Which part of each step's forecast each method says, (H, 1 + others): rows sum to 1."""

    share: Any
    path: LinearPath

    @classmethod
    def of_network(cls, horizon: int, path: LinearPath | None = None) -> Shares:
        """The network alone."""
        share = np.zeros((horizon, 1 + len(OTHERS)))
        share[:, 0] = 1.0
        return cls(share, path or LinearPath())

    def unseen(self) -> Shares:
        """Without what the validation part said: for those who are judged on it."""
        path = replace(self.path, refitted=self.path.linear)
        return Shares.of_network(len(self.share), path)

    def mean(self) -> dict[str, float]:
        """The share of each method over all steps."""
        return dict(zip((NETWORK, *OTHERS), self.share.mean(0).tolist()))

    def used(self) -> list[str]:
        """The methods beside the network that have a share."""
        return [name for name, part in zip(OTHERS, self.share[:, 1:].T) if part.any()]


@dataclass(frozen=True)
class Past:
    """What each method said from some origins of one series, knowing what came before them."""

    series: Prepared
    origins: Any
    end: int  # the first step that is not judged
    points: dict[str, Any]  # (origins, H) of each method
    said: Any = None  # the network's quantiles, on the validation part alone, (origins, H, Q)


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
        """Quantiles from each origin, (origins, H, Q); origins ascend.

        Those from before `series.known` are forecast by methods that know what comes before
        `early` alone, where that is given, so that their errors are not of what was learned from.
        `alone`: the network's own, from its linear path on.
        """
        path = self.shares.path
        used = [] if alone else self.shares.used()
        points = self._points(series, np.asarray(origins), {path.name, *used}, early)
        said = self.roller.forecast(series, origins, points[path.name], path.size)
        return said + self._moved(said, points)[..., None] if used else said

    def together(self, past: Past) -> Any:
        """What all of them would have said, (origins, H, Q).

        Where the network has learned from what came, its path says the middle in its stead.
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
        """How far the other methods move the network's median, (origins, H)."""
        middle = self._middle(said)
        together = self.shares.share[:, 0] * middle
        for name in self.shares.used():
            together = together + self.shares.share[:, 1 + OTHERS.index(name)] * points[name]
        return together - middle

    def _points(
        self, series: Prepared, origins: Any, used: Collection[str], early: int | None
    ) -> dict[str, Any]:
        """What each method says, (origins, H)."""
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
    """The methods that may share: of the two kinds of maps, the one that the path is of.

    Without a season the seasonal naive forecast is the last value, which shares once.
    """
    of_all = path.linear is not None and path.name != OWN
    of_each = len(series) > 1 and path.name != MAP
    twice = series[0].layout.season == 1 and path.name != SEASONAL
    without = [MAP] * (not of_all) + [OWN] * (not of_each) + [SEASONAL] * twice
    return [name for name in OTHERS if name not in without]


def past_forecasts(
    roller: Roller,
    path: LinearPath,
    series: Sequence[Prepared],
    parts: Sequence[tuple[int, int]],
) -> list[Past]:
    """Forecasts of the steps from `begin` to before `end` of each series, and of those before.

    The network has learned from everything before the validation part, and speaks there alone.
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
            repeated = points[SEASONAL]  # where the series are too short for a map
            points = {name: points.get(name, repeated) for name in (*names, path.name)}
            said = roller.forecast(one, origins, points[path.name], path.size) if last else None
            found.append(Past(one, origins, end, points, said))
    return found


def learn_shares(
    past: Sequence[Past], levels: Sequence[float], path: LinearPath, horizon: int
) -> Shares:
    """By what came.

    The network is compared with its linear path on the validation part; plain methods are compared
    on that and on the parts before it. Of several series, which share their times, the validation
    part says as much of the network as that of one: its weights were chosen at those times.
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
    """The validation part, and where it is short others of its size before it, in order of time."""
    found = [list(parts)]
    while len(found) < FOLDS and _windows(parts, horizon) < ENOUGH:
        before = [(2 * begin - end, begin) for begin, end in found[0]]
        if any(begin < first // 2 for (begin, _), (first, _) in zip(before, parts)):
            break
        found.insert(0, before)
    return found


def _windows(parts: Sequence[tuple[int, int]], horizon: int) -> float:
    """How many windows of one horizon the parts hold that do not overlap."""
    return sum((end - begin) / horizon for begin, end in parts)


def windows_in(past: Sequence[Past]) -> float:
    """The same, of forecasts."""
    parts = [(int(one.origins[0]) + 1, one.end) for one in past]
    return _windows(parts, past[0].series.layout.horizon)


def _mean(values: Any) -> float:
    """Of what is known; 0 where nothing is."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else 0.0


def _errors(past: Past, said: Any) -> Any:
    """What came less what was said, in units of the series, (methods, origins, H)."""
    return np.moveaxis(errors(past.series, np.moveaxis(said, 0, -1), past.origins, past.end), -1, 0)


def errors(one: Prepared, forecast: Any, origins: Any, end: int | None = None) -> Any:
    """What came less what was said (N, H, Q), in units; NaN from `end` on and in gaps."""
    steps = np.asarray(origins)[:, None] + 1 + np.arange(forecast.shape[1])
    inside = np.minimum(steps, len(one) - 1)
    known = one.seen[inside] & (steps < min(len(one) if end is None else end, len(one)))
    actual = np.where(known, one.values[inside], np.nan)
    return (actual[:, :, None] - forecast) / one.scale.unit
