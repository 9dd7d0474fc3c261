"""The shares of several methods in a forecast. In: their errors. Out: shares that sum to 1.

Shares are proportional to the Laplace likelihood, which is s^-n for a mean absolute error s over n
errors (Bayesian averaging, Hoeting et al. 1999). Errors of overlapping windows are correlated, so
each window without overlap counts as two errors, for its beginning and its end. With few windows
the methods have almost equal shares; many windows select the best one.

The network is only compared with its path, on the validation part. That part also selected the
network's weights, so a few windows of it are weak evidence for the network.
"""

from __future__ import annotations

from typing import Any

import numpy as np

A_WINDOW = 2  # errors that count as independent
DOUBT = 2  # windows subtracted from the evidence for the network, which selected its weights
LEAST = 0.1  # minimum share of the network
NOTHING = 1e-3  # smaller shares become 0, so that the method need not be computed


def shares_of(plain: Any, windows: float, network: float, path: int, its_windows: float) -> Any:
    """(1 + methods,), the network first, from the simple methods' errors (methods, N).

    `network` is its mean absolute error as a multiple of that of the method with index `path`, on
    `its_windows`. Unknown errors are NaN.
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
