"""Quantiles set right. In: forecasts of the validation part. Out: shifts; next: `rolling`.

A network is surer of what it learnt from than of what comes. So each outer quantile is shifted, for
each step ahead, until the right share of the validation part lies below it (conformalised quantile
regression, Romano et al. 2019). The median, which is the forecast, stays where it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from unrolled.data.windows import Prepared

LEAST = 20  # origins: fewer say little about a tenth


def shifts(
    series: Sequence[Prepared],
    forecasts: Sequence[Any],
    origins: Sequence[Any],
    levels: Sequence[float],
) -> Any:
    """(H, Q), in units of each series' scale; `forecasts` (N, H, Q) are those from the origins."""
    errors = np.concatenate(
        [_errors(one, forecast, at) for one, forecast, at in zip(series, forecasts, origins)]
    )
    found = np.zeros(errors.shape[1:])
    for h, q in np.ndindex(*found.shape):
        known = errors[:, h, q]
        known = known[~np.isnan(known)]
        if levels[q] != 0.5 and len(known) >= LEAST:
            found[h, q] = np.quantile(known, levels[q])
    return found


def _errors(one: Prepared, forecast: Any, origins: Any) -> Any:
    steps = origins[:, None] + 1 + np.arange(forecast.shape[1])
    actual = np.where(one.seen[steps], one.values[steps], np.nan)
    return (actual[:, :, None] - forecast) / one.scale.unit


def shifted(forecast: Any, shift: Any, unit: float) -> Any:
    """Forecasts (N, H, Q) with their quantiles set right; they still never cross."""
    return np.sort(forecast + shift * unit, axis=-1)
