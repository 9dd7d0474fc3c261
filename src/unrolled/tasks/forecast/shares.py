"""A network that shares its forecasts with plain methods. In: a roller, a series. Out: quantiles.

What the network, linear maps, the last value, the season before and smoothing say is averaged, with
shares by the errors that each made on the validation part (`stacking`). The quantiles move along
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
from unrolled.tasks.forecast.linear_path import MAP, OTHERS, LinearPath, others
from unrolled.tasks.forecast.rolling import Roller
from unrolled.tasks.forecast.stacking import shares_of

NETWORK = "network"
THIRDS = 3  # of the steps ahead: each has shares of its own
MOST = 500  # origins of a series that are looked at
FOLDS = 3  # parts that plain methods are compared on
DOUBT = 2  # windows by which what the validation part says of the network is outweighed
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
        if not used:
            return said
        middle = said[..., list(self.levels).index(0.5)]
        together = self.shares.share[:, 0] * middle
        for name in used:
            together = together + self.shares.share[:, 1 + OTHERS.index(name)] * points[name]
        return said + (together - middle)[..., None]

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
    """The methods that may share: of the two kinds of maps, the one that the path is of."""
    of_all = path.linear is not None and path.name != OWN
    of_each = len(series) > 1 and path.name != MAP
    without = [MAP] * (not of_all) + [OWN] * (not of_each)
    return [name for name in OTHERS if name not in without]


def learn_shares(
    roller: Roller,
    path: LinearPath,
    series: Sequence[Prepared],
    parts: Sequence[tuple[int, int]],
) -> Shares:
    """From forecasts of the steps from `begin` to before `end` of each series, and of those before.

    The network is compared with its linear path on the validation part, which alone it has not
    learned from; plain methods are compared on that and on the parts before it, in each of which
    they know only what came before.
    """
    horizon, names = series[0].layout.horizon, names_for(series, path)
    longest = max(end - begin for begin, end in parts)
    stride = max(max(1, horizon // 4) if roller.fed_back else 1, longest // MOST)
    plain, network = [], []
    for fold in _folds(parts, horizon):
        last = fold == list(parts)
        linear = path.linear if last else fit_map(series, [begin for begin, _ in fold])
        for one, (begin, end) in zip(series, fold):
            origins = np.arange(max(begin - 1, 0), end - 1, stride)
            if not len(origins):
                continue
            points = others(one, origins, linear, {path.name, *names}, begin)
            repeated = points["seasonal naive"]  # where the series are too short for a map
            stack = np.stack([points.get(name, repeated) for name in names])
            plain.append(_errors(one, stack, origins, end))
            if last:
                middle = list(roller.levels).index(0.5)
                said = roller.forecast(one, origins, points[path.name], path.size)[..., middle]
                network.append(_errors(one, np.stack([said, points[path.name]]), origins, end))
    if not network:
        return Shares.of_network(horizon, path)
    windows = windows_in(parts, horizon)
    errors, beside = np.concatenate(plain, 1), np.abs(np.concatenate(network, 1))
    places = [0, *(1 + OTHERS.index(name) for name in names)]
    share = np.zeros((horizon, 1 + len(OTHERS)))
    for steps in np.array_split(np.arange(horizon), THIRDS):
        if len(steps):
            some = errors[:, :, steps].reshape(len(errors), -1)
            its = _beside_path(beside[:, :, steps], some[names.index(path.name)], windows)
            share[steps[:, None], places] = shares_of(some, its, names.index("naive"))
    return Shares(share, path)


def _folds(parts: Sequence[tuple[int, int]], horizon: int) -> list[list[tuple[int, int]]]:
    """The validation part, and where it is short others of its size before it, in order of time."""
    found = [list(parts)]
    while len(found) < FOLDS and windows_in(parts, horizon) < ENOUGH:
        before = [(2 * begin - end, begin) for begin, end in found[0]]
        if any(begin < first // 2 for (begin, _), (first, _) in zip(before, parts)):
            break
        found.insert(0, before)
    return found


def windows_in(parts: Sequence[tuple[int, int]], horizon: int) -> float:
    """How many windows of one horizon the parts hold that do not overlap."""
    return sum((end - begin) / horizon for begin, end in parts)


def _beside_path(beside: Any, path: Any, windows: float) -> float:
    """The network's mean error over all folds, from how it compares with its path on one.

    That part has also chosen the network's weights; of few windows it says little, and the network
    is taken to be nearly as good as its path.
    """
    network, its_path, size = map(_mean, (beside[0], beside[1], np.abs(path)))
    if not (network and its_path):
        return network
    return float(size * (network / its_path) ** (windows / (windows + DOUBT)))


def _mean(values: Any) -> float:
    """Of what is known; 0 where nothing is."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else 0.0


def _errors(one: Prepared, said: Any, origins: Any, end: int) -> Any:
    """What came less what was said, in units of the series, (methods, origins, H)."""
    steps = origins[:, None] + 1 + np.arange(said.shape[2])
    inside = np.minimum(steps, len(one) - 1)
    known = one.seen[inside] & (steps < min(end, len(one)))
    return (np.where(known, one.values[inside], np.nan) - said) / one.scale.unit
