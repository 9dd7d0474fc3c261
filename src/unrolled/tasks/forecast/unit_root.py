"""Whether a series returns to a mean or wanders. In: values without gaps. Out: yes or no.

The augmented Dickey-Fuller test (Said and Dickey 1984), with a constant:

    y_t - y_{t-1} = c + rho y_{t-1} + sum_k gamma_k (y_{t-k} - y_{t-k-1}) + e_t

A series that wanders has rho = 0; where the t statistic of rho lies below the critical value, it
returns to its mean. Fitted to a short piece of a random walk, any regression finds a return to the
mean that is not there, so that maps may only look at the mean of series that pass. Next:
`linear_map`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

CRITICAL = -3.43  # of a test at 1 %, with a constant, for many values (MacKinnon 2010)
SPARE = 3  # values for each regressor, at least


def returns_to_a_mean(values: Any, season: int = 1) -> bool:
    """Whether the test says so; of a series too short for it, or that never moves, it does not."""
    lags = lags_for(len(values), season)
    return lags is not None and np.ptp(values) > 0 and statistic(values, lags) < CRITICAL


def lags_for(count: int, season: int) -> int | None:
    """Schwert's rule (1989), or a season; None: too few values."""
    usual = int(4 * (count / 100) ** 0.25)
    enough = [lags for lags in (max(usual, season), usual) if count >= SPARE * (lags + 2)]
    return enough[0] if enough else None


def statistic(values: Any, lags: int) -> float:
    """The t statistic of rho."""
    steps = np.diff(values)
    target = steps[lags:]
    before = np.stack([steps[lags - k : len(steps) - k] for k in range(1, lags + 1)], 1)
    height = values[lags:-1] - values.mean()
    x = np.concatenate([height[:, None], np.ones((len(target), 1)), before], 1)
    inverse = np.linalg.pinv(x.T @ x)
    weights = inverse @ (x.T @ target)
    error = float(((target - x @ weights) ** 2).sum()) / max(len(target) - x.shape[1], 1)
    deviation = (error * inverse[0, 0]) ** 0.5
    return float(weights[0] / deviation) if deviation > 0 else 0.0
