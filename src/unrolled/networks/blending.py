"""Blends two models. In: scores of both on held-out rows. Out: `Blend`.

Each model's scores are calibrated by temperature scaling (Guo et al. 2017), their logarithms are
averaged with weights, and the average is calibrated again. Targets are smoothed by half a row, so
that a model without errors does not become infinitely confident, and with few rows the weights stay
close to equal shares. Numbers have no temperature: they are averaged. Next: `committee` stores the
result with its weights.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from unrolled.networks.aims import ONE_CLASS, Aim

SCALES = torch.logspace(-2, 2, 49)  # factors of scores
SHARPER = torch.logspace(-0.3, 0.5, 17)  # factors of an average of calibrated models
EVEN, PULL = 0.5, 2.0  # the prior share of the first, and its strength in nats
ALONE = torch.ones(1)  # numbers are not scaled
SHARES = torch.linspace(0.1, 0.9, 17)  # of the first: both get at least a tenth


@dataclass(frozen=True)
class Blend:
    """scores = of_first * the first's + of_second * the second's."""

    of_first: float
    of_second: float
    share: float  # of the first, between calibrated opinions


def fit_blend(
    first: Tensor,
    second: Tensor | None,
    targets: Tensor,
    weights: Tensor | None = None,
    aim: Aim = ONE_CLASS,
) -> Blend:
    """The blend with the lowest loss on these rows, weighted by class."""
    of_first = calibration(first, targets, weights, aim)
    if second is None:
        return Blend(of_first, 0.0, 1.0)
    of_second = calibration(second, targets, weights, aim)
    best: tuple[float, Blend] | None = None
    for share in SHARES.tolist():
        pull = PULL * (share - EVEN) ** 2 / len(targets)
        mixed = share * of_first * first + (1 - share) * of_second * second
        for sharper in (ALONE if aim.name == "number" else SHARPER).tolist():
            loss = smoothed_loss(sharper * mixed, targets, weights, aim) + pull
            if best is None or loss < best[0]:
                blend = Blend(sharper * share * of_first, sharper * (1 - share) * of_second, share)
                best = loss, blend
    assert best is not None
    return best[1]


def calibration(
    scores: Tensor, targets: Tensor, weights: Tensor | None = None, aim: Aim = ONE_CLASS
) -> float:
    """The factor of the scores that calibrates their probabilities."""
    scales = ALONE if aim.name == "number" else SCALES
    losses = [smoothed_loss(scale * scores, targets, weights, aim) for scale in scales]
    return float(scales[min(range(len(losses)), key=losses.__getitem__)])


def smoothed_loss(
    scores: Tensor, targets: Tensor, weights: Tensor | None = None, aim: Aim = ONE_CLASS
) -> float:
    """The mean loss, with half an additional wrong row; `weights` are of classes."""
    smoothing = 0.5 / (len(targets) + 1)
    if weights is not None and targets.dim() == 1:
        return float(
            torch.nn.functional.cross_entropy(
                scores, targets, weight=weights, label_smoothing=smoothing
            )
        )
    return float(aim.losses(scores, targets, smoothing).mean())
