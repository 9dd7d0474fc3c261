"""Where a network's forecasts start from. In: prepared series. Out: points; next: `job`, `shares`.

The network says how far the future lies from a linear path: from the seasonal naive forecast, or,
where it is nearer to what came, from a linear map of the last values, one of all series or one of
each. So what is linear need not be learned by gradients, and a network that says 0 is as good as
the map (the linear part of LSTNet, Lai et al. 2018, fitted beforehand).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from unrolled.data.windows import Prepared
from unrolled.tasks.forecast.baselines import METHODS, OWN, methods, own_map
from unrolled.tasks.forecast.linear_map import LinearMap, fit_map, held_out, mean_distance

MAP, SEASONAL = "linear map", "seasonal naive"
OTHERS = (MAP, *METHODS)
PATHS = (SEASONAL, MAP, OWN)
CLEARLY = 0.05  # a map that is less nearer than that to what came may be so by chance
LEAST = 1e-3  # of the size: a path that makes no mistake leaves nothing to be learned


@dataclass(frozen=True)
class LinearPath:
    """A method, the maps that it may need, and how far what comes usually lies from it."""

    name: str = SEASONAL
    size: float = 1.0  # the mean distance, in units of each series
    linear: LinearMap | None = None  # of what came before the validation part
    refitted: LinearMap | None = None  # of everything before the test

    def points(self, series: Prepared, origins: Any) -> Any:
        """(origins, H), by what came before the validation part."""
        found: Any = others(series, origins, self.linear, [self.name], series.learned)[self.name]
        return found


def others(
    series: Prepared,
    origins: Any,
    linear: LinearMap | None,
    used: Collection[str] = OTHERS,
    known: int | None = None,
) -> dict[str, Any]:
    """The points of each method, (origins, H)."""
    found = methods(series, used, known)
    if linear is not None and MAP in used:
        found[MAP] = lambda origins: linear.points(series, origins)
    return {name: found[name](np.asarray(origins)) for name in found}


def choose_path(series: Sequence[Prepared]) -> LinearPath:
    """The nearest path, on origins that its maps had not learned from; a map must be clearly so."""
    learned = [one.learned for one in series]
    linear = fit_map(series, learned)
    judged = {SEASONAL: _seasonal_distance(series) * (1 - CLEARLY)}
    if linear is not None:
        judged[MAP] = linear.error
    if len(series) > 1:
        maps = [own_map(one, one.learned) for one in series]
        each = [_seasonal_distance([one]) if own is None else own.error
                for one, own in zip(series, maps)]  # fmt: skip
        judged[OWN] = float(np.mean(each))
    path = LinearPath(min(judged, key=lambda name: judged[name]), linear=linear)
    size = mean_distance(series, [0] * len(series), _ends(series), path.points)
    return replace(path, size=max(size, LEAST))


def _seasonal_distance(series: Sequence[Prepared]) -> float:
    """Of the seasonal naive forecast, on the origins by which maps are judged."""
    firsts, ends = held_out(series, [one.learned for one in series])
    return mean_distance(series, firsts, ends, LinearPath().points)


def _ends(series: Sequence[Prepared]) -> list[int]:
    return [max(0, one.learned - one.layout.horizon) for one in series]
