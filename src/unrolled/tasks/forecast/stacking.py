"""How far each method is to be believed. In: errors of each. Out: shares that sum to 1.

A validation part is short: of a few windows that do not overlap, the weights with the least error
would be those of chance. So shares fall with the fourth power of a method's mean absolute error
(Bates and Granger 1969 weigh by its square, that is, by the variance). Where such an average is not
clearly nearer to what came than the last value, that stands in for all plain methods: a series that
wanders is best left where it is. The network keeps a part of the forecast in any case.
"""

from __future__ import annotations

from typing import Any

import numpy as np

POWER = 4
LEAST = 0.1  # of the network
CLEARLY = 0.05  # an average that gains less may do so by chance


def shares_of(plain: Any, network: float, naive: int) -> Any:
    """(1 + methods,), the network first, from the plain methods' errors (methods, N).

    `network` is its mean absolute error, `naive` the place of the method that repeats the last
    value. A step of which nothing is known is NaN.
    """
    plain = plain[:, ~np.isnan(plain).any(0)]
    if not plain.shape[1]:
        return np.eye(1 + len(plain))[0]
    sizes = np.abs(plain).mean(1)
    together = _by_size(sizes) @ plain
    if np.abs(together).mean() > (1 - CLEARLY) * sizes[naive]:
        return np.concatenate([[LEAST], (1 - LEAST) * np.eye(len(plain))[naive]])
    shares = _by_size(np.concatenate([[network], sizes]))
    if shares[0] < LEAST:
        shares[1:] *= (1 - LEAST) / shares[1:].sum()
        shares[0] = LEAST
    return shares


def _by_size(sizes: Any) -> Any:
    smallest = max(float(sizes.min()), np.finfo(float).tiny)
    found = (smallest / np.maximum(sizes, smallest)) ** POWER
    return found / found.sum()
