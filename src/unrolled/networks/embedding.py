"""Vectors of tokens. In: numbers of tokens. Out: a vector for each; next: `decoder`, tasks.

The table begins with a deviation of 1/sqrt(E), and what is read from it is multiplied by sqrt(E)
(Vaswani et al. 2017): recurrent layers receive inputs of deviation 1, the same table can score
tokens, and Adam, whose steps have one length, changes vectors quickly enough.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn


class ScaledEmbedding(nn.Embedding):
    """An `nn.Embedding` whose vectors have deviation 1."""

    def __init__(self, tokens: int, size: int, **options: Any) -> None:
        super().__init__(tokens, size, **options)
        with torch.no_grad():
            self.weight /= size**0.5

    def forward(self, input: Tensor) -> Tensor:
        vectors: Tensor = super().forward(input)
        return vectors * math.sqrt(self.embedding_dim)
