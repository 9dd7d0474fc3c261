"""Split conformal prediction. In: errors on rows not learned from. Out: shifts of quantiles.

The error below which the next one lies with a given probability is an order statistic of the
errors so far (Vovk et al. 2005; Lei et al. 2018), whatever their distribution, as long as they are
exchangeable.
Next: forecasts, and regressions.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import floor

LEAST = 20  # errors: fewer say little about a tenth
MIDDLE = 0.5


def conformal(ascending: Sequence[float], level: float) -> float:
    """The error below which the next one lies with the chance `level`; the furthest if too few."""
    count = len(ascending)
    if level > MIDDLE:  # as many above it as below a low level: the same on both sides
        place = count - floor((count + 1) * (1 - level) + 1e-9)
    else:
        place = floor((count + 1) * level + 1e-9) - 1
    return float(ascending[min(max(place, 0), count - 1)])
