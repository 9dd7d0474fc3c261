"""Forecasts whose quantiles are calibrated. In: a roller, a series, origins. Out: quantiles.

Beside the origins that are asked for, the network forecasts from those before them, as far back as
a validation part reaches and never from within what was learned from; what came there sets right
what is asked for (`calibration`). Next: `backtests`, forecast.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from unrolled.data.windows import Prepared
from unrolled.tasks.forecast.calibration import (
    Calibration,
    moving_shifts,
    shift_of_all,
    shifted,
)
from unrolled.tasks.forecast.shares import Shared, windows_in

MOST = 2_000  # origins of a series that are looked back on: a tenth is then known to 0.01


@dataclass(frozen=True)
class Calibrated:
    """A network, with what it shares its forecasts with, and what is known of its errors."""

    roller: Shared
    of_all: Calibration

    def forecast(self, series: Prepared, origins: Any, free: int) -> tuple[Any, Any]:
        """Quantiles from each origin, (origins, H, Q): calibrated, and as the network says.

        `free` is the first step that was not learned from. All of it is in the series' own units.
        """
        reach = self.of_all.size * self.of_all.stride
        first = max(origins[0] - reach, free - 1, 0)
        before = np.arange(origins[0] - self.of_all.stride, first - 1, -self.of_all.stride)[::-1]
        both = np.concatenate([before, origins])
        said = self.roller.forecast(series, both, min(series.learned, int(both[0]) + 1))
        shifts = moving_shifts(errors(series, said, both), both, self.roller.levels, self.of_all)
        right = shifted(said, shifts, series.scale.unit, self.roller.levels)
        return series.restored(right[len(before) :]), series.restored(said[len(before) :])


def of_validation(
    roller: Shared, series: Sequence[Prepared], parts: Sequence[tuple[int, int]]
) -> Calibration:
    """From forecasts of the steps from `begin` to before `end` of each series."""
    horizon = series[0].layout.horizon
    longest = max(end - begin for begin, end in parts)
    coarse = max(1, horizon // 4) if roller.fed_back else 1  # sample paths take their time
    stride = max(coarse, longest // MOST)
    found = []
    for one, (begin, end) in zip(series, parts):
        origins = np.arange(begin - 1, end - 1, stride)
        if len(origins):
            said = roller.forecast(one, origins, begin)
            found.append(errors(one, said, origins, end))
    if not found:
        return Calibration.none(horizon, roller.levels)
    windows = windows_in(parts, horizon)
    shift, counts = shift_of_all(np.concatenate(found), roller.levels, windows)
    return Calibration(shift, counts, max(1, longest // stride), stride)


def errors(one: Prepared, forecast: Any, origins: Any, end: int | None = None) -> Any:
    """What came less what was said, in units of the scale; NaN from `end` on and in gaps."""
    steps = origins[:, None] + 1 + np.arange(forecast.shape[1])
    inside = np.minimum(steps, len(one) - 1)
    known = one.seen[inside] & (steps < min(len(one) if end is None else end, len(one)))
    actual = np.where(known, one.values[inside], np.nan)
    return (actual[:, :, None] - forecast) / one.scale.unit
