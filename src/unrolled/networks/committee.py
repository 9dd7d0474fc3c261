"""An ensemble of several networks and a linear model. In: sequences. Out: opinions.

Each member is trained without one fold of the rows, so that every row has out-of-fold predictions.
These determine when training stops and how the parts are weighted, and still every row is used for
training (a cross-validated committee; Parmanto, Munro and Doyle 1996). The scores of the linear
model are computed once for each part of the data and are blended with those of the members by
`blending`. Next: `tasks.classify`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from unrolled.networks.aims import ONE_CLASS, Aim
from unrolled.networks.blending import fit_blend

QUANTILES = 199  # of errors: every half percent
UNKNOWN = torch.linspace(1, -1, QUANTILES)  # descending, unlike real quantiles, and finite


class Committee(nn.Module):
    """Members with the same input and classes, and the weights of their opinions."""

    # for numbers, on held-out rows:
    errors: Tensor  # (QUANTILES,): quantiles of the error, divided by the scale of the row
    log_scales: Tensor  # (2,): the smallest and the largest logarithm of a scale; zeros: all are 1
    blend: Tensor  # (2,): factors of the scores of the networks and of the linear model

    def __init__(
        self,
        members: Sequence[nn.Module],
        linear: nn.Module | None = None,
        aim: Aim = ONE_CLASS,
    ) -> None:
        super().__init__()
        self.aim = aim
        self.members = nn.ModuleList(members)
        self.linear = linear
        self.register_buffer("blend", torch.tensor([1.0, 0.0]))
        if aim.name == "number":
            self.register_buffer("errors", UNKNOWN.clone())
            self.register_buffer("log_scales", torch.zeros(2))
        self.share = 1.0  # of the networks, between calibrated opinions; set by `fit_blend`

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """The opinions of all members, (members, B, classes) log probabilities (see `aims`)."""
        return torch.stack([self.aim.opinion(member(x, lengths)) for member in self.members])

    def unseen(self, x: Tensor, lengths: Tensor, folds: Tensor) -> Tensor:
        """The out-of-fold opinion of each row, (B, classes)."""
        found = x.new_empty(0)
        for number, member in enumerate(self.members):
            rows = (folds == number).nonzero()[:, 0]
            if len(rows):
                steps = int(lengths[rows].max())
                said = self.aim.opinion(member(x[:steps, rows], lengths[rows]))
                if not found.numel():
                    found = said.new_empty(len(folds), said.shape[1])
                found[rows] = said
        return found

    def blended(self, network: Tensor, linear: Tensor | None) -> Tensor:
        """The combined opinion, from the scores of the networks and of the linear model."""
        scores = self.blend[0] * network
        if linear is not None:
            scores = scores + self.blend[1] * linear
        return self.aim.opinion(scores)

    def scales(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Of numbers: by what the quantiles of errors are multiplied for each row, (B,)."""
        logs = [member.log_scale(x, lengths) for member in self.members]  # type: ignore[operator]
        low, high = self.log_scales.tolist()
        return torch.stack(logs).mean(0).clamp(low, high).exp()

    def error_range(self, level: float) -> tuple[float, float] | None:
        """For numbers: the range that contains a share `level` of the errors on held-out rows, for
        a scale of 1; None if too few rows were held out."""
        if self.aim.name != "number" or self.errors[0] > self.errors[-1]:
            return None
        levels = torch.arange(1, QUANTILES + 1, dtype=torch.float64) / (QUANTILES + 1)
        ends = [(1 - level) / 2, (1 + level) / 2]
        low, high = np.interp(ends, levels.numpy(), self.errors.numpy())
        return float(low), float(high)

    def fit_blend(
        self, network: Tensor, linear: Tensor | None, targets: Tensor, weights: Tensor
    ) -> None:
        """Calibrate and weight the parts, from scores on held-out rows."""
        found = fit_blend(network, linear, targets, weights, self.aim)
        self.blend.copy_(torch.tensor([found.of_first, found.of_second]))
        self.share = found.share
