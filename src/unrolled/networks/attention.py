"""Attention over the steps of another sequence. In: queries and keys. Out: contexts, weights.

    dot        q^T W k                     (Luong et al. 2015, "general")
    additive   v^T tanh(W q + U k)         (Bahdanau et al. 2015)

The weights of a query are the softmax of its scores over the valid keys; its context is the mean of
the keys with these weights. All queries of a batch are computed at once.
Next: `decoder`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

SCORES = ("dot", "additive")


class Attention(nn.Module):
    """Queries (T, B, Q) over keys (S, B, K), of which row b has lengths[b] -> contexts, weights."""

    def __init__(self, score: str, query_size: int, key_size: int) -> None:
        super().__init__()
        self.score = score
        self.keys = nn.Linear(key_size, query_size, bias=False)
        self.queries: nn.Linear | None = None
        self.direction: nn.Parameter | None = None
        if score == "additive":
            self.queries = nn.Linear(query_size, query_size)
            self.direction = nn.Parameter(torch.empty(query_size).uniform_(-1, 1))
            with torch.no_grad():
                self.direction.div_(query_size**0.5)

    def project(self, keys: Tensor) -> Tensor:
        """The projection of the keys, computed once for all queries, (B, S, Q)."""
        found: Tensor = self.keys(keys).transpose(0, 1)
        return found

    def forward(
        self, queries: Tensor, keys: Tensor, projected: Tensor, outside: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Contexts (T, B, K) and weights (B, T, S); `outside` (B, S) masks missing keys."""
        asked = queries.transpose(0, 1)
        if self.queries is None or self.direction is None:
            scores = asked @ projected.transpose(1, 2)
        else:
            sums = self.queries(asked)[:, :, None] + projected[:, None]
            scores = torch.tanh(sums) @ self.direction
        weights = scores.masked_fill(outside[:, None], -torch.inf).softmax(2)
        contexts = (weights @ keys.transpose(0, 1)).transpose(0, 1)
        return contexts, weights


def outside_of(lengths: Tensor, steps: int) -> Tensor:
    """A mask of the steps after the end of each row, (B, steps)."""
    return torch.arange(steps, device=lengths.device) >= lengths[:, None]
