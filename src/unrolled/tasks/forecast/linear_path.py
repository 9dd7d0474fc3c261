"""The baseline path of a network. In: prepared series. Out: points; next: `job`, `shares`.

The network predicts the difference between the future and a linear path: the seasonal naive
forecast or, if it is more accurate, a linear map of the last values, one for all series or one for
each. So the linear part need not be learned by gradient descent, and a network with output 0 equals
the path (the linear part of LSTNet, Lai et al. 2018, fitted beforehand).
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
CLEARLY = 0.05  # relative gain in accuracy that a map needs: less may be chance
LEAST = 1e-3  # of the size, which is 0 for a path without errors


@dataclass(frozen=True)
class LinearPath:
    """A method, its maps if it has any, and its mean error."""

    name: str = SEASONAL
    size: float = 1.0  # the mean absolute error, in units of each series
    linear: LinearMap | None = None  # fitted before the validation part
    refitted: LinearMap | None = None  # fitted to everything before the test

    def points(self, series: Prepared, origins: Any) -> Any:
        """(origins, H), fitted before the validation part."""
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
    """The most accurate path on held-out origins; a map must be clearly better."""
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
    """The error of the seasonal naive forecast on the same held-out origins."""
    firsts, ends = held_out(series, [one.learned for one in series])
    return mean_distance(series, firsts, ends, LinearPath().points)


def _ends(series: Sequence[Prepared]) -> list[int]:
    return [max(0, one.learned - one.layout.horizon) for one in series]
