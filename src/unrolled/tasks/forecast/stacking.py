"""How far each method is to be believed. In: errors of each. Out: shares that sum to 1.

Shares are by likelihood: that of Laplace's distribution, in which a mean absolute error of s over n
errors makes what came as likely as s^-n (Bayesian averaging, Hoeting et al. 1999). Errors of
windows that overlap say much the same; each window that overlaps with none before it counts as two
errors, for its beginning and its end. So a few windows leave the methods almost equal, and many
choose the best one.

The network is compared with its path alone, on the part that neither has learned from. That part
has also chosen the network's weights, so that a few windows of it say little of the network.
"""

from __future__ import annotations

from typing import Any

import numpy as np

A_WINDOW = 2  # errors that count as independent
DOUBT = 2  # windows by which what those that chose its weights say of the network is outweighed
LEAST = 0.1  # of the network
NOTHING = 1e-3  # a smaller share is none: what it is for need not be computed


def shares_of(plain: Any, windows: float, network: float, path: int, its_windows: float) -> Any:
    """(1 + methods,), the network first, from the plain methods' errors (methods, N).

    `network` is its mean absolute error as a multiple of that of the method at the place `path`, on
    `its_windows`. A step of which nothing is known is NaN.
    """
    plain = plain[:, ~np.isnan(plain).any(0)]
    if not plain.shape[1]:
        return np.eye(1 + len(plain))[0]
    tiny = np.finfo(float).tiny
    logs = -A_WINDOW * windows * np.log(np.maximum(np.abs(plain).mean(1), tiny))
    counted = its_windows**2 / (its_windows + DOUBT) if its_windows else 0.0
    its = logs[path] - counted * np.log(max(network, tiny))
    shares = np.exp(np.concatenate([[its], logs]) - max(its, logs.max()))
    shares /= shares.sum()
    shares[shares < NOTHING] = 0.0
    shares /= shares.sum()
    if shares[0] < LEAST:
        shares[1:] *= (1 - LEAST) / shares[1:].sum()
        shares[0] = LEAST
    return shares
