"""A network that shares its forecasts with plain methods. In: a roller, a series. Out: quantiles.

What the network, a linear map, the last value, the season before and smoothing say is averaged with
shares that were the best on the validation part: votes are given one after another to whichever
method lowers the absolute error most (Caruana et al. 2004). The network has a fifth of them from
the start. Shares differ between the first, the middle and the last third of the steps ahead. The
quantiles move along with the median. Next: `calibrated`, which sets the quantiles right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from unrolled.data.windows import Prepared
from unrolled.tasks.forecast.baselines import METHODS, methods
from unrolled.tasks.forecast.linear_map import LinearMap
from unrolled.tasks.forecast.rolling import Roller

NETWORK, MAP = "network", "linear map"
OTHERS = (MAP, *METHODS)
FIRST_VOTES, VOTES = 4, 20  # of the network before the count begins; of all
THIRDS = 3
MOST = 500  # origins of a series that are looked at


@dataclass(frozen=True)
class Shares:
    """Which part of each step's forecast each method says, (H, 1 + others): rows sum to 1."""

    share: Any
    linear: LinearMap | None

    @classmethod
    def of_network(cls, horizon: int, linear: LinearMap | None = None) -> Shares:
        """The network alone."""
        share = np.zeros((horizon, 1 + len(OTHERS)))
        share[:, 0] = 1.0
        return cls(share, linear)

    def mean(self) -> dict[str, float]:
        """The share of each method over all steps."""
        return dict(zip((NETWORK, *OTHERS), self.share.mean(0).tolist()))


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

    def forecast(self, series: Prepared, origins: Any) -> Any:
        """Quantiles from each origin, (origins, H, Q); origins ascend."""
        said = self.roller.forecast(series, origins)
        share = self.shares.share
        used = [name for name, part in zip(OTHERS, share[:, 1:].T) if part.any()]
        if not used:
            return said
        middle = said[..., list(self.levels).index(0.5)]
        points = others(series, origins, self.shares.linear, used)
        together = share[:, 0] * middle
        for name, point in points.items():
            together = together + share[:, 1 + OTHERS.index(name)] * point
        return said + (together - middle)[..., None]


def others(
    series: Prepared, origins: Any, linear: LinearMap | None, used: Sequence[str] = OTHERS
) -> dict[str, Any]:
    """The points of each method, (origins, H)."""
    known = methods(series, used)
    if linear is not None and MAP in used:
        known[MAP] = lambda origins: linear.points(series, origins)
    return {name: known[name](np.asarray(origins)) for name in known}


def learn_shares(
    roller: Roller,
    linear: LinearMap | None,
    series: Sequence[Prepared],
    parts: Sequence[tuple[int, int]],
) -> Shares:
    """From forecasts of the steps from `begin` to before `end` of each series."""
    horizon = series[0].layout.horizon
    middle = list(roller.levels).index(0.5)
    longest = max(end - begin for begin, end in parts)
    stride = max(max(1, horizon // 4) if roller.fed_back else 1, longest // MOST)
    names = [name for name in OTHERS if name != MAP or linear is not None]
    said: list[Any] = []
    for one, (begin, end) in zip(series, parts):
        origins = np.arange(max(begin - 1, 0), end - 1, stride)
        if len(origins):
            points = others(one, origins, linear)
            network = roller.forecast(one, origins)[..., middle]
            stack = np.stack([network, *(points[name] for name in names)])
            said.append(_errors(one, stack, origins, end))
    if not said:
        return Shares.of_network(horizon, linear)
    errors = np.concatenate(said, 1)  # (methods, N, H), NaN where nothing is known
    shares = Shares.of_network(horizon, linear)
    for steps in np.array_split(np.arange(horizon), THIRDS):
        votes = _votes(errors[:, :, steps].reshape(len(errors), -1))
        for place, name in enumerate((NETWORK, *names)):
            column = 0 if name == NETWORK else 1 + OTHERS.index(name)
            shares.share[steps, column] = votes[place] / votes.sum()
    return shares


def _errors(one: Prepared, said: Any, origins: Any, end: int) -> Any:
    """What came less what was said, in units of the series."""
    steps = origins[:, None] + 1 + np.arange(said.shape[2])
    inside = np.minimum(steps, len(one) - 1)
    known = one.seen[inside] & (steps < min(end, len(one)))
    return (np.where(known, one.values[inside], np.nan) - said) / one.scale.unit


def _votes(errors: Any) -> Any:
    """How many votes each method has, from (methods, N) errors; an average's error is linear."""
    errors = errors[:, ~np.isnan(errors).any(0)]
    votes = np.zeros(len(errors))
    votes[0] = FIRST_VOTES
    if not errors.shape[1]:
        return votes
    total = votes[0] * errors[0]
    for given in range(FIRST_VOTES, VOTES):
        trials = np.abs(total + errors).mean(1) / (given + 1)
        best = int(trials.argmin())
        votes[best] += 1
        total = total + errors[best]
    return votes
