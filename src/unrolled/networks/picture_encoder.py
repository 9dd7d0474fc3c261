"""A small convolutional network for pictures. In: pixels. Out: a grid of features.

    pixels -> two 3 x 3 convolutions, the first with stride 2; repeated with more channels until
    the grid is small enough for attention

Each is followed by group normalization (Wu and He 2018) and ReLU. The features of a picture do not
depend on the other pictures of a batch.
Next: caption; classify, frame by frame.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

CELLS = 128  # of the grid, at most
GROUPS = 8  # of channels
WIDENING = 4  # times the channels of the first block: the maximum of later blocks


def halvings_for(height: int, width: int) -> int:
    """The number of halvings until the grid is small enough; at least one."""
    count = 1
    while -(-height // 2**count) * -(-width // 2**count) > CELLS:
        count += 1
    return count


class PictureEncoder(nn.Module):
    """Pictures (B, C, height, width) -> (B, features, rows, columns)."""

    mean: Tensor  # (C, 1, 1), of the training pictures
    deviation: Tensor

    def __init__(self, height: int, width: int, colours: int, channels: int) -> None:
        super().__init__()
        count = halvings_for(height, width)
        sizes = [channels * min(2**block, WIDENING) for block in range(count)]
        before = [colours, *sizes]
        self.blocks = nn.Sequential(*(_block(a, b) for a, b in zip(before, sizes, strict=False)))
        self.features = sizes[-1]
        self.rows, self.columns = (-(-side // 2**count) for side in (height, width))
        self.register_buffer("mean", torch.zeros(colours, 1, 1))
        self.register_buffer("deviation", torch.ones(colours, 1, 1))

    def fit(self, pixels: Tensor) -> None:
        """Compute the mean and deviation of each color over pictures (B, C, height, width)."""
        values = pixels.double()
        self.mean.copy_(values.mean((0, 2, 3))[:, None, None])
        deviation = values.std((0, 2, 3), correction=0)[:, None, None]
        self.deviation.copy_(deviation.clamp(min=1.0))  # of 255: pictures of a single color

    def forward(self, pixels: Tensor) -> Tensor:
        y = (pixels.to(self.mean.dtype) - self.mean) / self.deviation
        grid: Tensor = self.blocks(y)
        return grid


def _block(before: int, channels: int) -> nn.Sequential:
    """Two convolutions, the first of which halves the picture."""
    layers: list[nn.Module] = []
    for inputs, stride in ((before, 2), (channels, 1)):
        layers += [
            nn.Conv2d(inputs, channels, 3, stride, padding=1, bias=False),
            nn.GroupNorm(math.gcd(GROUPS, channels), channels),
            nn.ReLU(),
        ]
    return nn.Sequential(*layers)


def moved(pixels: Tensor, most: float) -> Tensor:
    """Shift, rotate and scale each picture at random by up to `most`; edges are extended.

    Shifts are shares of the sides, rotations are in radians, scales are shares of 1.
    """
    rows = len(pixels)
    draw = (2 * torch.rand(rows, 4, device=pixels.device) - 1) * most
    turn, scale = draw[:, 0], 1 + draw[:, 1]
    shape = pixels.shape[2] / pixels.shape[3]  # a turn in pixels, where both sides go from -1 to 1
    across = torch.stack([scale * turn.cos(), -scale * turn.sin() * shape, draw[:, 2]], 1)
    along = torch.stack([scale * turn.sin() / shape, scale * turn.cos(), draw[:, 3]], 1)
    grid = nn.functional.affine_grid(
        torch.stack([across, along], 1), list(pixels.shape), align_corners=False
    )
    return nn.functional.grid_sample(
        pixels, grid, padding_mode="border", align_corners=False
    )  # fmt: skip
