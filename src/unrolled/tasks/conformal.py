"""Split conformal prediction. In: errors on held-out rows. Out: shifts of quantiles.

The bound that the next error stays below with a given probability is an order statistic of the
errors so far (Vovk et al. 2005; Lei et al. 2018), for any distribution, if the errors are
exchangeable.
Next: forecasts, and regressions.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import floor

LEAST = 20  # errors: fewer are not enough for the 10 % quantile
MIDDLE = 0.5


def conformal(ascending: Sequence[float], level: float) -> float:
    """The bound of the next error with probability `level`; the extreme error if too few."""
    count = len(ascending)
    if level > MIDDLE:  # symmetric with the low levels
        place = count - floor((count + 1) * (1 - level) + 1e-9)
    else:
        place = floor((count + 1) * level + 1e-9) - 1
    return float(ascending[min(max(place, 0), count - 1)])
