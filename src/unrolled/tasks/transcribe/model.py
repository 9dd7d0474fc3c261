"""The network of a transcriber. In: (T, B, bands). Out: log probabilities (T', B, letters).

    features -> masks (in training) -> strided convolution -> recurrent layers -> W h + b

The convolution covers a few frames and keeps every `stride`-th, which shortens the sequences of the
recurrent layers; SpecAugment (Park et al. 2019) masks bands and intervals of time, so that the
network does not rely on single features. Next: `job`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from unrolled.cells.choosing import ChosenCell
from unrolled.layers.batch import ragged
from unrolled.networks.recurrent import make_recurrent

KERNEL = 5  # frames of the convolution


class SpeechNetwork(nn.Module):
    """Log probabilities of each letter, and of the blank, at each step."""

    def __init__(
        self,
        cell: ChosenCell,
        bands: int,
        letters: int,
        *,
        stride: int,
        channels: int,
        hidden: int,
        layers: int,
        bidirectional: bool,
        dropout: float,
        masks: int,
    ) -> None:
        super().__init__()
        self.stride, self.masks = stride, masks
        self.front = nn.Conv1d(bands, channels, KERNEL, stride, padding=KERNEL // 2)
        self.drop = nn.Dropout(dropout)
        self.recurrent = make_recurrent(cell, channels, hidden, layers, bidirectional, dropout)
        self.readout = nn.Linear(self.recurrent.output_size * self.recurrent.directions, letters)

    def steps(self, frames: Tensor) -> Tensor:
        """The number of steps for a number of frames."""
        return (frames - 1) // self.stride + 1

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        if self.training and self.masks:
            x = masked(x, lengths, self.masks)
        found = torch.relu(self.front(x.permute(1, 2, 0))).permute(2, 0, 1)
        steps = self.steps(lengths)
        batch = ragged(steps, *found.shape[:2])  # without padding
        y, _ = self.recurrent.over(self.drop(batch.gather(found)), batch)
        scores = batch.scatter(self.readout(self.drop(y)))
        return scores.log_softmax(2), steps


def masked(x: Tensor, lengths: Tensor, masks: int) -> Tensor:
    """Set bands and intervals of time to 0, their mean: up to a fifth of each, `masks` times."""
    frames, rows, bands = x.shape
    band, step = (torch.arange(n, device=x.device)[None] for n in (bands, frames))
    kept_bands = torch.ones(rows, bands, dtype=torch.bool, device=x.device)
    kept_steps = torch.ones(rows, frames, dtype=torch.bool, device=x.device)
    for _ in range(masks):
        for kept, at, most in (
            (kept_bands, band, torch.full_like(lengths, bands)),
            (kept_steps, step, lengths),
        ):
            wide = torch.rand(rows, device=x.device) * most / 5
            begin = torch.rand(rows, device=x.device) * (most - wide)
            kept &= (at < begin[:, None]) | (at >= (begin + wide)[:, None])
    return x * kept_bands[None] * kept_steps.T[:, :, None]
