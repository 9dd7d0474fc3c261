"""Convolutions before recurrent layers on series. In: (T, B, C), lengths. Out: (T', B, F).

    channels: x; x standardized by the series' own mean and deviation; its differences
    -> two convolutions over time, each with layer norm and ReLU, the first with a stride

The convolutions detect shapes of a few steps, and the stride shortens the sequences of the
recurrent layers (the front of LSTM-FCN, Karim et al. 2018, before the recurrence). Padding is kept
at zero, so that the result does not depend on other series of the batch.
Next: `tasks.classify`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

WIDTHS = (9, 5)  # of the two kernels
STEPS = 64  # of the recurrent layers, at most, for a series of typical length


def stride_for(lengths: Tensor) -> int:
    """The stride for series of these lengths."""
    return max(1, -(-int(lengths.max()) // STEPS))


class SeriesFront(nn.Module):
    """From raw channels to `features` channels, with a stride."""

    def __init__(self, channels: int, features: int, stride: int) -> None:
        super().__init__()
        self.stride, self.features = stride, features
        first = max(WIDTHS[0], stride | 1)  # odd, and no step is skipped
        self.first = nn.Conv1d(3 * channels, features, first, stride, first // 2)
        self.second = nn.Conv1d(features, features, WIDTHS[1], 1, WIDTHS[1] // 2)
        self.norms = nn.ModuleList([nn.LayerNorm(features) for _ in WIDTHS])

    def shorter(self, lengths: Tensor) -> Tensor:
        """The lengths after the stride."""
        return (lengths - 1).div(self.stride, rounding_mode="floor") + 1

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        inside = _inside(len(x), lengths)
        views = _views(x, lengths, inside)
        y = self.first(views.permute(1, 2, 0)).permute(2, 0, 1)
        inside = _inside(len(y), self.shorter(lengths))
        y = self.norms[0](y).relu() * inside
        z = self.second(y.permute(1, 2, 0)).permute(2, 0, 1)
        found: Tensor = (y + self.norms[1](z).relu()) * inside
        return found


def _inside(steps: int, lengths: Tensor) -> Tensor:
    """(T, B, 1): 1 for steps of a series, 0 for padding."""
    return (torch.arange(steps, device=lengths.device)[:, None, None] < lengths[:, None]).float()


def _views(x: Tensor, lengths: Tensor, inside: Tensor) -> Tensor:
    """(T, B, 3 C): values, standardized values, differences."""
    count = lengths[:, None]
    mean = (x * inside).sum(0) / count
    spread = ((((x - mean) * inside) ** 2).sum(0) / count).sqrt()
    own = (x - mean) / (spread + 1e-3)
    differences = torch.diff(own, dim=0, prepend=own[:1])
    size = (((differences * inside) ** 2).sum(0) / count).sqrt()
    return torch.cat([x, own, differences / (size + 1e-3)], 2) * inside
