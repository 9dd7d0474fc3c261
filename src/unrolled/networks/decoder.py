"""A decoder that attends to what was read. In: tokens so far, the encoder's outputs. Out: scores of
each next token.

    y1 = recurrent(embedding of the token before + A (mean of the keys))
    c  = attention of y1 over the keys
    y2 = recurrent([y1, c])
    scores = W tanh(V [y2, c])

The second layer carries on what was attended to, as input feeding does (Luong et al. 2015); but
since the first one does not wait for it, all steps of a batch run in two calls of compiled kernels
where the target is known. Next: `beam`, translate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from unrolled.cells.choosing import ChosenCell
from unrolled.networks.attention import Attention, outside_of
from unrolled.networks.recurrent import make_recurrent


@dataclass(frozen=True)
class Memory:
    """What the decoder attends to: keys (S, B, K) and what follows from them."""

    keys: Tensor
    projected: Tensor  # (B, S, Q)
    outside: Tensor  # (B, S)
    summary: Tensor  # (B, E), of the mean of the keys

    def select(self, rows: Tensor) -> Memory:
        """Some rows of the batch, in this order."""
        return Memory(
            self.keys.index_select(1, rows), self.projected[rows], self.outside[rows],
            self.summary[rows],
        )  # fmt: skip


class Decoder(nn.Module):
    """Scores of the next token at each step."""

    def __init__(
        self,
        cell: ChosenCell,
        tokens: int,
        keys: int,
        *,
        score: str,
        embedding: int,
        hidden: int,
        layers: int = 1,
        dropout: float,
    ) -> None:
        super().__init__()
        self.embed = nn.Embedding(tokens, embedding)
        with torch.no_grad():
            self.embed.weight /= embedding**0.5
        self.drop = nn.Dropout(dropout)
        self.summary = nn.Linear(keys, embedding, bias=False)
        self.first = make_recurrent(cell, embedding, hidden, layers, dropout=dropout)
        size = self.first.output_size
        self.attention = Attention(score, size, keys)
        self.second = make_recurrent(cell, size + keys, hidden)
        self.narrow = nn.Linear(self.second.output_size + keys, embedding)
        self.readout = nn.Linear(embedding, tokens)

    def remember(self, keys: Tensor, lengths: Tensor) -> Memory:
        """Keys that are 0 where a sequence has ended."""
        summary = self.summary(keys.sum(0) / lengths[:, None])
        outside = outside_of(lengths, len(keys))
        return Memory(keys, self.attention.project(keys), outside, summary)

    def forward(
        self, tokens: Tensor, memory: Memory, states: Any = (None, None)
    ) -> tuple[Tensor, Any, Tensor]:
        """Tokens (T, B) -> scores (T, B, tokens), new states, weights (B, T, S)."""
        x = self.drop(self.embed(tokens)) + memory.summary
        y, first = self.first(x, states[0])
        context, weights = self.attention(
            self.drop(y), memory.keys, memory.projected, memory.outside
        )
        z, second = self.second(torch.cat([self.drop(y), context], 2), states[1])
        narrow = torch.tanh(self.narrow(self.drop(torch.cat([z, context], 2))))
        return self.readout(self.drop(narrow)), (first, second), weights


def select_states(states: Any, rows: Tensor) -> Any:
    """The states of some rows of the batch, however they are nested."""
    if states is None:
        return None
    if isinstance(states, Tensor):
        return states.index_select(1, rows)
    return tuple(select_states(one, rows) for one in states)
