"""Ridge regression with leave-one-out scores.

In: features (N, F) and targets (N, K). Out: `Ridge`: weights for new rows, and leave-one-out scores
of the training rows, both from one eigendecomposition. Next: `blending` turns them into
probabilities.

The leave-one-out residual of a linear smoother with hat matrix H is r_i / (1 - H_ii) (Allen 1974).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

PENALTIES = torch.logspace(-3, 4, 15, dtype=torch.float64)  # times the mean eigenvalue
FLAT = 1e-6  # features with a smaller deviation are constant


@dataclass(frozen=True)
class Ridge:
    """score = features @ weight + bias."""

    weight: Tensor  # (F, K)
    bias: Tensor  # (K,)
    left_out: Tensor  # (N, K): the leave-one-out scores of the training rows


def fit_ridge(features: Tensor, targets: Tensor) -> Ridge:
    """Fit to the targets, with the penalty chosen by leave-one-out error."""
    mean, deviation = features.mean(0), features.std(0, unbiased=False)
    scale = torch.where(deviation > FLAT, 1.0 / deviation.clamp_min(FLAT), 0.0)
    z = ((features - mean) * scale).double()
    base = targets.mean(0)
    centred = targets - base
    if len(z) <= z.shape[1]:
        left_out, weight = _dual(z, centred)
    else:
        left_out, weight = _primal(z, centred)
    weight = (weight * scale.double()[:, None]).float()
    bias = base.float() - mean @ weight
    return Ridge(weight, bias, (left_out + base).float())


def _dual(z: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Solve with the (N, N) matrix of products between rows."""
    values, vectors = torch.linalg.eigh(z @ z.T)
    values = values.clamp_min(0)
    projected = vectors.T @ y
    penalty, left_out = _choose(values, vectors, projected, y)
    return left_out, z.T @ (vectors @ (projected / (values + penalty)[:, None]))


def _primal(z: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Solve with the (F, F) matrix of products between features."""
    values, vectors = torch.linalg.eigh(z.T @ z)
    values = values.clamp_min(1e-9)
    rows = (z @ vectors) / values.sqrt()  # the left singular vectors
    projected = rows.T @ y
    penalty, left_out = _choose(values, rows, projected, y)
    shrunk = projected * (values.sqrt() / (values + penalty))[:, None]
    return left_out, vectors @ shrunk


def _choose(values: Tensor, left: Tensor, projected: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """The penalty with the lowest leave-one-out error, and its scores."""
    best: tuple[float, Tensor, Tensor] | None = None
    for penalty in PENALTIES * values.mean().clamp_min(1e-12):
        kept = values / (values + penalty)
        fitted = left @ (kept[:, None] * projected)
        leverage = ((left**2) @ kept + 1.0 / len(y)).clamp(max=1 - 1e-9)[:, None]
        found = y - (y - fitted) / (1.0 - leverage)
        error = float(((found - y) ** 2).mean())
        if best is None or error < best[0]:
            best = error, penalty, found
    assert best is not None
    return best[1], best[2]
