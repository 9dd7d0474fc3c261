"""A decoder with attention. In: previous tokens, the encoder's outputs. Out: scores of each next
token.

    y1 = recurrent(embedding of the previous token + A (mean of the keys))
    c  = attention of y1 over the keys
    y2 = recurrent([y1, c])
    n  = tanh(V [y2, c])
    scores = E n + b

E is the table of embeddings, which thus learns from every token that could have come next, not only
from those that were read (Press & Wolf 2017).

The context is an input of the second layer only, so that with a known target all steps of a batch
run in two calls of compiled kernels. With input feeding (Luong et al. 2015) F n of the previous
step is added to the first layer's input, so that steps are computed one by one. Next: `beam`,
`encoder_decoder`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from unrolled.cells.choosing import ChosenCell
from unrolled.networks.attention import Attention, outside_of
from unrolled.networks.embedding import ScaledEmbedding
from unrolled.networks.recurrent import make_recurrent


@dataclass(frozen=True)
class Memory:
    """The memory that the decoder attends to: keys (S, B, K) and their projections."""

    keys: Tensor
    projected: Tensor  # (B, S, Q)
    outside: Tensor  # (B, S)
    summary: Tensor  # (B, E), of the mean of the keys

    @property
    def rows(self) -> int:
        return len(self.summary)

    def select(self, rows: Tensor) -> Memory:
        """The given rows of the batch, in this order."""
        return Memory(
            self.keys.index_select(1, rows), self.projected[rows], self.outside[rows],
            self.summary[rows],
        )  # fmt: skip


class Decoder(nn.Module):
    """Scores of the next token at each step.

    Tokens are (T, B), or (T, W B) for W prefixes of each row, slot w B + b: all of them attend to
    the keys of row b, which are not copied. `states` are those of the previous call.
    """

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
        input_feeding: bool = False,
    ) -> None:
        super().__init__()
        self.embed = ScaledEmbedding(tokens, embedding)
        self.drop = nn.Dropout(dropout)
        self.summary = nn.Linear(keys, embedding, bias=False)
        self.first = make_recurrent(cell, embedding, hidden, layers, dropout=dropout)
        size = self.first.output_size
        self.attention = Attention(score, size, keys)
        self.second = make_recurrent(cell, size + keys, hidden)
        self.narrow = nn.Linear(self.second.output_size + keys, embedding)
        self.bias = nn.Parameter(torch.zeros(tokens))
        self.feed = nn.Linear(embedding, embedding, bias=False) if input_feeding else None

    def remember(self, keys: Tensor, lengths: Tensor) -> Memory:
        """The memory of keys, which are 0 after the end of a sequence."""
        summary = self.summary(keys.sum(0) / lengths[:, None])
        outside = outside_of(lengths, len(keys))
        return Memory(keys, self.attention.project(keys), outside, summary)

    def forward(
        self, tokens: Tensor, memory: Memory, states: Any = None
    ) -> tuple[Tensor, Any, Tensor]:
        """Scores (T, W B, tokens), new states, weights (B, T W, S)."""
        narrow, states, weights = self.run(tokens, memory, states)
        return self.score(self.drop(narrow)), states, weights

    def score(self, narrow: Tensor) -> Tensor:
        """Scores of all tokens, from n."""
        return nn.functional.linear(narrow, self.embed.weight, self.bias)

    def run(self, tokens: Tensor, memory: Memory, states: Any = None) -> tuple[Tensor, Any, Tensor]:
        """The same, and n in place of the scores."""
        beams = tokens.shape[1] // memory.rows
        x = self.drop(self.embed(tokens)) + memory.summary.repeat(beams, 1)
        if self.feed is None:
            return self._run(x, memory, states or (None, None))
        return self._run_fed(x, memory, states)

    def _run(self, x: Tensor, memory: Memory, states: Any) -> tuple[Tensor, Any, Tensor]:
        """n at all steps, states, weights."""
        y, first = self.first(x, states[0])
        y = self.drop(y)
        asked = y.reshape(-1, memory.rows, y.shape[2])
        context, weights = self.attention(asked, memory.keys, memory.projected, memory.outside)
        context = context.reshape(*y.shape[:2], -1)
        z, second = self.second(torch.cat([y, context], 2), states[1])
        narrow = torch.tanh(self.narrow(self.drop(torch.cat([z, context], 2))))
        return narrow, (first, second), weights

    def _run_fed(self, x: Tensor, memory: Memory, states: Any) -> tuple[Tensor, Any, Tensor]:
        """The same step by step, with input feeding."""
        assert self.feed is not None
        *inner, before = states or (None, None, torch.zeros_like(x[:1]))
        found, looked = [], []
        for step in range(len(x)):
            fed = x[step : step + 1] + self.feed(self.drop(before))
            before, inner, weights = self._run(fed, memory, inner)
            found.append(before)
            looked.append(weights)
        return torch.cat(found), (*inner, before), torch.cat(looked, 1)


def select_states(states: Any, rows: Tensor) -> Any:
    """The states of some rows of the batch, however they are nested."""
    if states is None:
        return None
    if isinstance(states, Tensor):
        return states.index_select(1, rows)
    return tuple(select_states(one, rows) for one in states)
