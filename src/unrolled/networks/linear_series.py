"""A linear model on random convolutions, beside a network that reads series.

In: series. Out: scores.

Its convolutions are not trained: all but the thresholds is fixed, and the weights are computed in
closed form, with leave-one-out scores of the training rows. Next: `committee` blends it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from unrolled.networks.aims import ONE_CLASS, Aim
from unrolled.networks.random_convolutions import Plan, RandomConvolutions
from unrolled.networks.ridge import fit_ridge

FEATURES = 10_000
MANY = 3_000  # rows: with more, fewer features are used, so that a fit takes seconds
FEATURES_OF_MANY = 2_500


def features_for(rows: int) -> int:
    """The approximate number of features for a number of training rows."""
    return FEATURES if rows <= MANY else FEATURES_OF_MANY


class LinearSeries(nn.Module):
    """score = features @ weight + bias; not trained by gradient descent."""

    weight: Tensor
    bias: Tensor

    def __init__(self, plan: Plan, classes: int, aim: Aim = ONE_CLASS) -> None:
        super().__init__()
        self.aim = aim
        self.convolutions = RandomConvolutions(plan)
        self.register_buffer("weight", torch.zeros(plan.features, classes))
        self.register_buffer("bias", torch.zeros(classes))

    def fit(self, x: Tensor, lengths: Tensor, targets: Tensor, seed: int) -> Tensor:
        """Fit to all rows, and return their leave-one-out scores.

        The targets of classes and labels are 1 if a row has them, and -1 otherwise.
        """
        self.convolutions.fit(x, lengths, seed)
        wanted = self.aim.indicators(targets, len(self.bias))
        if self.aim.name != "number":
            wanted = 2.0 * wanted - 1.0
        found = fit_ridge(self.convolutions(x, lengths), wanted)
        self.weight.copy_(found.weight)
        self.bias.copy_(found.bias)
        return found.left_out

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """The scores of (N, T, C), (N, classes)."""
        scores: Tensor = self.convolutions(x, lengths) @ self.weight + self.bias
        return scores
