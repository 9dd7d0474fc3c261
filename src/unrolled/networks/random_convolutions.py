"""Features of a series from many small fixed convolutions.

In: series (N, T, C) and their lengths. Out: features (N, F) between 0 and 1; next: `ridge`.

The kernels are the 84 of MiniRocket (Dempster, Schmidt and Webb 2021): nine weights, three of them
2 and six -1, dilated so that they span from 9 steps to the whole series. They are applied to the
series and to its differences, as in MultiRocket (Tan et al. 2022). A feature is the share of the
steps at which a convolution exceeds a threshold; thresholds are quantiles of the convolutions on a
few training series. With several channels, each kernel sums a random subset of them.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

LENGTH, KERNELS = 9, 84
MOST_DILATIONS = 32
MOST = 1_000_000  # of steps, channels or features
MOST_MIXED = 9  # channels summed by one kernel
LOOKED_AT = 16  # series whose quantiles become thresholds
SAMPLED = 4_000  # values for computing a quantile
TOGETHER = 4  # series that are convolved together: few enough for the cache
GOLDEN = (math.sqrt(5) - 1) / 2  # its multiples modulo 1 are spread evenly


@dataclass(frozen=True)
class Plan:
    """The dilations, and the number of thresholds of each kernel at each dilation."""

    channels: int
    dilations: tuple[int, ...]
    thresholds: tuple[int, ...]

    @classmethod
    def of(cls, channels: int, steps: int, features: int) -> Plan:
        """The plan for series of about `steps` steps, with about `features` features."""
        each = max(1, features // (2 * KERNELS))  # for the series and for its differences
        count = min(MOST_DILATIONS, each)
        top = math.log2(max(1.0, (steps - 1) / (LENGTH - 1)))
        drawn = [int(2 ** (top * place / max(1, count - 1))) for place in range(count)]
        dilations = sorted(set(drawn))
        thresholds = [max(1, each * drawn.count(one) // count) for one in dilations]
        return cls(channels, tuple(dilations), tuple(thresholds))

    @property
    def features(self) -> int:
        return 2 * KERNELS * sum(self.thresholds)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Plan:
        """Restore a plan from `as_dict`; raises ValueError if it is invalid."""
        plan = cls(data["channels"], tuple(data["dilations"]), tuple(data["thresholds"]))
        numbers = (plan.channels, *plan.dilations, *plan.thresholds)
        if not all(type(one) is int and 1 <= one <= MOST for one in numbers):
            raise ValueError("a plan of convolutions must have integers of at least 1")
        if len(plan.dilations) != len(plan.thresholds) or plan.features > MOST:
            raise ValueError("a plan of convolutions of another length")
        return plan


class RandomConvolutions(nn.Module):
    """The transform of one plan; `fit` draws its channels and thresholds."""

    mixing: Tensor  # (2 dilations, KERNELS, C): which channels a kernel sums
    thresholds: Tensor  # (F / KERNELS, KERNELS)

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.plan = plan
        rows = 2 * len(plan.dilations)
        self.register_buffer("mixing", torch.ones(rows, KERNELS, plan.channels))
        self.register_buffer("thresholds", torch.zeros(2 * sum(plan.thresholds), KERNELS))
        self._kernels = kernels()

    def fit(self, x: Tensor, lengths: Tensor, seed: int) -> None:
        """Draw channels, and compute thresholds on a few series."""
        draw = torch.Generator().manual_seed(seed)
        channels = self.plan.channels
        if channels > 1:
            self.mixing.copy_(torch.stack([_subsets(channels, draw) for _ in self.mixing]))
        drawn, first = 0, 0
        for row, (which, dilation, count) in enumerate(self._rows()):
            some = torch.randint(len(x), (LOOKED_AT,), generator=draw)
            view = _views(x[some], lengths[some])[which]
            found = self._convolved(view, row, dilation)
            inside = torch.arange(x.shape[1]) < lengths[some][:, None]
            values = found.transpose(0, 1)[:, inside]
            values = values[:, :: -(-values.shape[1] // SAMPLED)]
            shares = [(number * GOLDEN) % 1 for number in range(drawn + 1, drawn + count + 1)]
            quantiles = torch.quantile(values, torch.tensor(shares), dim=1)
            self.thresholds[first : first + count] = quantiles
            drawn, first = drawn + count, first + count

    @torch.no_grad()
    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """The features of each series, (N, F)."""
        parts = [
            self._some(x[at : at + TOGETHER], lengths[at : at + TOGETHER])
            for at in range(0, len(x), TOGETHER)
        ]
        return torch.cat(parts)

    def _some(self, x: Tensor, lengths: Tensor) -> Tensor:
        x = x[:, : int(lengths.max())]
        outside = (torch.arange(x.shape[1]) >= lengths[:, None])[:, None]
        is_ragged = bool(outside.any())
        views, features, first = _views(x, lengths), [], 0
        exceeds = torch.empty(len(x), KERNELS, x.shape[1])
        for row, (which, dilation, count) in enumerate(self._rows()):
            found = self._convolved(views[which], row, dilation)
            if is_ragged:
                found.masked_fill_(outside, -torch.inf)
            for one in self.thresholds[first : first + count]:
                torch.gt(found, one[:, None], out=exceeds)
                features.append(exceeds.sum(2))
            first += count
        return torch.cat(features, 1) / lengths[:, None]

    def _rows(self) -> list[tuple[int, int, int]]:
        """(series or differences, dilation, thresholds), row by row of `mixing`."""
        each = list(zip(self.plan.dilations, self.plan.thresholds))
        return [(which, *one) for which in (0, 1) for one in each]

    def _convolved(self, view: Tensor, row: int, dilation: int) -> Tensor:
        """(N, T, C) -> (N, KERNELS, T), with zero padding on both sides."""
        steps, side = view.shape[1], dilation * (LENGTH // 2)
        padded = nn.functional.pad(view, (0, 0, side, side)).transpose(1, 2)
        shifted = [padded[:, :, at * dilation : at * dilation + steps] for at in range(LENGTH)]
        weights = self._kernels[:, :, None] * self.mixing[row][:, None]  # (KERNELS, LENGTH, C)
        return torch.matmul(weights.flatten(1), torch.cat(shifted, 1))


def kernels() -> Tensor:
    """All kernels with three of nine weights 2 and the others -1: each sums to zero."""
    weights = -torch.ones(KERNELS, LENGTH)
    for kernel, places in enumerate(itertools.combinations(range(LENGTH), 3)):
        weights[kernel, list(places)] = 2.0
    return weights


def _views(x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """The series, and the differences between steps; zeros after the end."""
    inside = (torch.arange(x.shape[1]) < lengths[:, None])[:, :, None]
    return x * inside, torch.diff(x, dim=1, prepend=x[:, :1]) * inside


def _subsets(channels: int, draw: torch.Generator) -> Tensor:
    """A random subset of the channels for each kernel, with sizes spread evenly."""
    chosen = torch.zeros(KERNELS, channels)
    top = math.log2(min(channels, MOST_MIXED) + 1)
    for kernel in range(KERNELS):
        size = int(2 ** (float(torch.rand(1, generator=draw)) * top))
        chosen[kernel, torch.randperm(channels, generator=draw)[:size]] = 1.0
    return chosen
