"""Pools a sequence to one vector. In: outputs of each step, lengths. Out: (B, size).

All four ignore padding: y is (T, B, directions H), where sequence b has lengths[b] steps, or T
without lengths.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

POOLINGS = ("last", "mean", "max", "attention")


class Pooling(nn.Module):
    """`last`: the final output of each direction; `attention`: a mean with learned weights."""

    def __init__(self, kind: str, size: int, bidirectional: bool) -> None:
        super().__init__()
        self.kind, self.size, self.bidirectional = kind, size, bidirectional
        if kind == "attention":
            self.query = nn.Parameter(torch.empty(size).uniform_(-1, 1) / math.sqrt(size))

    def forward(self, y: Tensor, lengths: Tensor | None) -> Tensor:
        if lengths is None:
            return self._of_whole(y)
        if self.kind == "last":
            return self.last(y, lengths)
        inside = torch.arange(len(y), device=y.device)[:, None, None] < lengths[:, None]
        if self.kind == "mean":
            return (y * inside).sum(0) / lengths[:, None]
        if self.kind == "max":
            return y.masked_fill(~inside, -math.inf).amax(0)
        scores = (y @ self.query)[:, :, None].masked_fill(~inside, -math.inf)
        return (y * scores.softmax(0)).sum(0)

    def _of_whole(self, y: Tensor) -> Tensor:
        """The same without padding."""
        if self.kind == "max":
            return y.amax(0)
        if self.kind == "mean":
            return y.mean(0)
        if self.kind == "attention":
            return (y * (y @ self.query).softmax(0)[:, :, None]).sum(0)
        half = self.size // 2 if self.bidirectional else self.size
        return torch.cat([y[-1, :, :half], y[0, :, half:]], 1)

    def last(self, y: Tensor, lengths: Tensor) -> Tensor:
        """The forward direction ends at the last step, the backward one at the first."""
        rows = torch.arange(y.shape[1], device=y.device)
        ends = y[lengths - 1, rows]
        if not self.bidirectional:
            return ends
        half = self.size // 2
        return torch.cat([ends[:, :half], y[0, :, half:]], 1)
