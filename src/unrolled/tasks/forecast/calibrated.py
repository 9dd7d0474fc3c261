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
from unrolled.tasks.forecast.shares import Past, Shared, errors, windows_in
from unrolled.tasks.forecast.stacking import A_WINDOW


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


def of_past(shared: Shared, past: Sequence[Past]) -> Calibration:
    """From what was forecast of past parts, each by methods that knew only what came before.

    Before the validation part, from which the network has learned, its linear path says the middle
    in its stead, and it says only how far the outer quantiles lie from that.
    """
    levels = shared.levels
    if not past:
        return Calibration.none(len(shared.shares.share), levels)
    found = [errors(one.series, shared.together(one), one.origins, one.end) for one in past]
    shift, counts = shift_of_all(np.concatenate(found), levels, A_WINDOW * windows_in(past))
    starts = [one.origins[:2] for one in past if len(one.origins) > 1]
    stride = int(starts[0][1] - starts[0][0]) if starts else 1
    return Calibration(shift, counts, max(len(one.origins) for one in past), stride)
