"""From a source to its target. In: tokens of both. Out: scores of each next token of the target.

    source -> embedding -> recurrent layers, both ways -> keys
    target so far -> decoder, which attends to the keys -> scores

Next: `job`; `networks.decoder` has the equations.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from unrolled.cells.choosing import ChosenCell
from unrolled.layers.batch import ragged
from unrolled.networks.beam import Found, beam_search
from unrolled.networks.decoder import Decoder, Memory, select_states
from unrolled.networks.recurrent import make_recurrent

EDGE = 0  # the token that begins a target and ends it, and fills up a batch
UNKNOWN = 1  # never said


class TranslationNetwork(nn.Module):
    """An encoder of both directions, and a decoder with attention."""

    def __init__(
        self,
        cell: ChosenCell,
        sources: int,
        targets: int,
        *,
        attention: str,
        embedding: int,
        hidden: int,
        layers: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.embed = nn.Embedding(sources, embedding, padding_idx=EDGE)
        with torch.no_grad():
            self.embed.weight /= embedding**0.5
        self.drop = nn.Dropout(dropout)
        self.encoder = make_recurrent(cell, embedding, hidden, layers, True, dropout)
        keys = 2 * self.encoder.output_size
        self.decoder = Decoder(
            cell, targets, keys, score=attention, embedding=embedding, hidden=hidden,
            dropout=dropout,
        )  # fmt: skip

    def read(self, sources: Tensor, lengths: Tensor) -> Memory:
        """What the decoder attends to."""
        batch = ragged(lengths, *sources.shape)  # without what fills up
        y, _ = self.encoder.over(self.drop(self.embed(batch.gather(sources))), batch)
        return self.decoder.remember(self.drop(batch.scatter(y)), lengths)

    def forward(self, sources: Tensor, lengths: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
        """Scores (T, B, tokens) after each token of `before`, and what was attended to."""
        scores, _, weights = self.decoder(before, self.read(sources, lengths))
        return scores, weights

    @torch.no_grad()
    def best(
        self, sources: Tensor, lengths: Tensor, *, width: int, longest: int, alpha: float
    ) -> list[list[Found]]:
        """The best targets of each source, best first."""
        memory = self.read(sources, lengths)
        rows_before: Tensor | None = None
        beams = memory

        def step(tokens: Tensor, states: Any, rows: Tensor) -> tuple[Tensor, Any]:
            nonlocal beams, rows_before
            if rows_before is None or not torch.equal(rows, rows_before):
                beams, rows_before = memory.select(rows), rows
            scores, states, _ = self.decoder(tokens[None], beams, states or (None, None))
            scores[:, :, UNKNOWN] = -torch.inf
            return scores[0].log_softmax(1), states

        return beam_search(
            step, select_states, len(lengths),
            width=width, end=EDGE, longest=longest, alpha=alpha,
        )  # fmt: skip
