"""Convolutions over the frames of a clip. In: (T, B, pixels), lengths. Out: (T, B, features).

    each frame -> convolutions -> a grid of features -> W g + b -> layer norm, ReLU

The grid is not averaged, since positions in each frame are needed to detect motion. Next:
`tasks.classify`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from unrolled.networks.picture_encoder import PictureEncoder

CHANNELS = 16  # of the first convolutions
MIDDLE, SPREAD = 0.5, 0.25  # of pixels from 0 to 1, for standardization


class FrameFront(nn.Module):
    """The same encoder for each frame; pixels are from 0 to 1."""

    def __init__(self, shape: tuple[int, int, int], features: int) -> None:
        """`shape`: height, width, colors."""
        super().__init__()
        self.shape, self.features = shape, features
        self.encoder = PictureEncoder(*shape, CHANNELS)
        self.encoder.mean.fill_(MIDDLE)
        self.encoder.deviation.fill_(SPREAD)
        grid = self.encoder.features * self.encoder.rows * self.encoder.columns
        self.narrow = nn.Linear(grid, features)
        self.norm = nn.LayerNorm(features)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        inside = torch.arange(len(x), device=x.device)[:, None] < lengths
        frames = x[inside].reshape(-1, *self.shape)
        grid = self.encoder(frames.permute(0, 3, 1, 2))
        read = self.norm(self.narrow(grid.flatten(1))).relu()
        found = x.new_zeros(*x.shape[:2], self.features)
        found[inside] = read
        return found
