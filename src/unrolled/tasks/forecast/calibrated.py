"""Calibrated forecasts. In: a roller, a series, origins. Out: quantiles.

Besides the requested origins, the network forecasts from earlier ones, over the length of the
validation set but never within the training data; the errors there calibrate the requested
forecasts (`calibration`). Next: `backtests`, forecast.
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
from unrolled.tasks.forecast.shares import Past, Shared, errors, windows_in
from unrolled.tasks.forecast.stacking import A_WINDOW


@dataclass(frozen=True)
class Calibrated:
    """A network with the methods that it is averaged with, and its calibration."""

    roller: Shared
    of_all: Calibration

    def forecast(self, series: Prepared, origins: Any, free: int) -> tuple[Any, Any]:
        """Quantiles from each origin, (origins, H, Q): calibrated, and uncalibrated.

        `free` is the first step after the training data. Both are in the units of the series.
        """
        reach = self.of_all.size * self.of_all.stride
        first = max(origins[0] - reach, free - 1, 0)
        before = np.arange(origins[0] - self.of_all.stride, first - 1, -self.of_all.stride)[::-1]
        both = np.concatenate([before, origins])
        said = self.roller.forecast(series, both, min(series.learned, int(both[0]) + 1))
        shifts = moving_shifts(errors(series, said, both), both, self.roller.levels, self.of_all)
        right = shifted(said, shifts, series.scale.unit, self.roller.levels)
        return series.restored(right[len(before) :]), series.restored(said[len(before) :])


def of_past(shared: Shared, past: Sequence[Past]) -> Calibration:
    """Calibrate on forecasts of past parts by methods that knew only earlier values.

    Before the validation part is the network's training data: there the median is that of its
    linear path, and the network gives only the distances of the outer quantiles from it.
    """
    levels = shared.levels
    if not past:
        return Calibration.none(len(shared.shares.share), levels)
    found = [errors(one.series, shared.together(one), one.origins, one.end) for one in past]
    shift, counts = shift_of_all(np.concatenate(found), levels, A_WINDOW * windows_in(past))
    starts = [one.origins[:2] for one in past if len(one.origins) > 1]
    stride = int(starts[0][1] - starts[0][0]) if starts else 1
    return Calibration(shift, counts, max(len(one.origins) for one in past), stride)
