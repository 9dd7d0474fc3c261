"""Samples a token. In: scores, a temperature, bounds. Out: a token; next: text."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from unrolled.errors import ArgumentError
from unrolled.training import settings as checks


@dataclass(frozen=True)
class Sampling:
    """The parameters of sampling.

    `temperature` divides the scores (0: always the most probable), `top_k` keeps the k most
    probable tokens, `top_p` the fewest whose probabilities sum to p (Holtzman et al. 2020).
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None

    def __post_init__(self) -> None:
        checks.not_negative("temperature", self.temperature)
        checks.count("top_k", self.top_k, optional=True)
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise ArgumentError(f"top_p must be above 0 and at most 1, not {self.top_p!r}")

    def choose(self, scores: Tensor, generator: torch.Generator) -> int:
        """The index of a sampled token, from scores of shape (tokens,)."""
        if self.temperature == 0:
            return int(scores.argmax())
        scores = scores.double() / self.temperature
        if self.top_k is not None and self.top_k < len(scores):
            least = scores.topk(self.top_k).values[-1]
            scores = scores.masked_fill(scores < least, -torch.inf)
        chances = scores.softmax(0)
        if self.top_p is not None:
            falling, order = chances.sort(descending=True)
            before = falling.cumsum(0) - falling
            chances[order[before >= self.top_p]] = 0.0
        return int(torch.multinomial(chances, 1, generator=generator))
