"""Metrics of forecasts. In: forecasts of many origins, actual values. Out: metrics; next: reports.

    MAE     mean |y - f|                       RMSE   root of the mean (y - f)^2
    sMAPE   100 mean 2 |y - f| / (|y| + |f|)   MASE   MAE over that of the seasonal naive method
    pinball the mean over the quantiles q of 2 max(q e, (q - 1) e), e = y - f; of the median: MAE

MASE divides by the mean absolute seasonal difference in the training data (Hyndman and Koehler
2006). `coverage` is the share of actual values between the outer quantiles.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def figures(actual: Any, forecast: Any, quantiles: Sequence[float], unit: Any) -> dict[str, float]:
    """actual (N, H), NaN where unknown; forecast (N, H, Q); unit: the divisor of MASE (N,)."""
    there = ~np.isnan(actual)
    middle = forecast[..., list(quantiles).index(0.5)]
    error = (actual - middle)[there]
    size = (np.abs(actual) + np.abs(middle))[there]
    share = np.divide(2 * np.abs(error), size, out=np.zeros_like(size), where=size > 0)
    scaled = np.abs(actual - middle) / np.asarray(unit).reshape(-1, 1)
    low, high = forecast[..., 0][there], forecast[..., -1][there]
    known = actual[there]
    return {
        "mae": float(np.abs(error).mean()),
        "rmse": float(np.sqrt((error**2).mean())),
        "smape": float(100 * share.mean()),
        "mase": float(scaled[there].mean()),
        "pinball": float(pinball(actual, forecast, quantiles)[there].mean()),
        "coverage": float(((known >= low) & (known <= high)).mean()),
    }


def pinball(actual: Any, forecast: Any, quantiles: Sequence[float]) -> Any:
    """The loss of each forecast (N, H)."""
    share = np.asarray(quantiles)
    error = actual[..., None] - forecast
    return 2 * np.maximum(share * error, (share - 1) * error).mean(-1)


def mae_by_step(actual: Any, forecast: Any, quantiles: Sequence[float]) -> Any:
    """The mean absolute error of each step ahead, (H,); NaN without actual values."""
    error = np.abs(actual - forecast[..., list(quantiles).index(0.5)])
    there = ~np.isnan(error)
    counts = there.sum(0)
    sums = np.where(there, error, 0).sum(0)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
