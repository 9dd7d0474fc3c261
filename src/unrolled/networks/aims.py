"""The kinds of targets. In: scores, targets. Out: opinions, losses, probabilities, tallies.

    OneClass        a class for each row, by a softmax over the scores
    SeveralLabels   any number of labels for each row, by a sigmoid of each score
    Number          a number for each row: its score, in standard deviations from the mean

An opinion is averaged over networks: log probabilities of classes, log odds of labels.
Next: `committee`, `blending`, and the training job of sequences.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, one_hot


class Aim(Protocol):
    """What the parts of a model need to know about its targets."""

    @property
    def name(self) -> str: ...

    def opinion(self, scores: Tensor) -> Tensor:
        """The opinion of a network, from its scores (B, K)."""

    def chances(self, opinion: Tensor) -> Tensor:
        """Probabilities or numbers, from opinions."""

    def losses(self, scores: Tensor, targets: Tensor, smoothing: float = 0.0) -> Tensor:
        """The loss of each row, (B,), from scores (B, K)."""

    def indicators(self, targets: Tensor, count: int) -> Tensor:
        """The targets of a linear model, (B, K) float64, with a column for each score."""

    def tally(self, scores: Tensor, targets: Tensor) -> Tensor:
        """Sums over rows, from which metrics are computed."""

    def blind_loss(self, count: int) -> float:
        """The mean loss of a model that ignores its input."""


class OneClass:
    name = "class"

    def opinion(self, scores: Tensor) -> Tensor:
        return scores.log_softmax(1)

    def chances(self, opinion: Tensor) -> Tensor:
        return opinion.softmax(1)

    def losses(self, scores: Tensor, targets: Tensor, smoothing: float = 0.0) -> Tensor:
        return cross_entropy(scores, targets, reduction="none", label_smoothing=smoothing)

    def indicators(self, targets: Tensor, count: int) -> Tensor:
        return one_hot(targets, count).double()

    def tally(self, scores: Tensor, targets: Tensor) -> Tensor:
        """The confusion matrix, true classes by predicted classes."""
        count = scores.shape[1]
        pairs = torch.bincount(targets * count + scores.argmax(1), minlength=count**2)
        return pairs.view(count, count)

    def blind_loss(self, count: int) -> float:
        return math.log(count)


class SeveralLabels:
    name = "labels"

    def opinion(self, scores: Tensor) -> Tensor:
        return scores

    def chances(self, opinion: Tensor) -> Tensor:
        return opinion.sigmoid()

    def losses(self, scores: Tensor, targets: Tensor, smoothing: float = 0.0) -> Tensor:
        """The mean over the labels of the binary cross-entropy."""
        wanted = targets.to(scores.dtype) * (1 - smoothing) + smoothing / 2
        return binary_cross_entropy_with_logits(scores, wanted, reduction="none").mean(1)

    def indicators(self, targets: Tensor, count: int) -> Tensor:
        return targets.double()

    def tally(self, scores: Tensor, targets: Tensor) -> Tensor:
        """(4, K): true, predicted and correctly predicted rows of each label; exact matches."""
        said, real = scores > 0, targets > 0.5
        exact = (said == real).all(1).sum().expand(scores.shape[1])
        return torch.stack([real.sum(0), said.sum(0), (said & real).sum(0), exact])

    def blind_loss(self, count: int) -> float:
        return math.log(2)


@dataclass(frozen=True)
class Number:
    """Scores are standardized by the mean and deviation of the training targets."""

    center: float = 0.0
    unit: float = 1.0
    name: str = "number"

    def opinion(self, scores: Tensor) -> Tensor:
        return scores

    def chances(self, opinion: Tensor) -> Tensor:
        return self.center + self.unit * opinion

    def losses(self, scores: Tensor, targets: Tensor, smoothing: float = 0.0) -> Tensor:
        """The squared error, in squared units."""
        return ((scores - self.indicators(targets, 1).to(scores.dtype)) ** 2).mean(1)

    def indicators(self, targets: Tensor, count: int) -> Tensor:
        return (targets.double() - self.center) / self.unit

    def tally(self, scores: Tensor, targets: Tensor) -> Tensor:
        """Rows; sums of absolute and squared errors; sums of targets minus `center`, and
        squared."""
        centered = targets.double() - self.center
        error = self.unit * scores.double() - centered
        sums = [torch.ones_like(error), error.abs(), error**2, centered, centered**2]
        return torch.stack([one.sum() for one in sums])

    def blind_loss(self, count: int) -> float:
        return 1.0


ONE_CLASS: Aim = OneClass()
SEVERAL_LABELS: Aim = SeveralLabels()
