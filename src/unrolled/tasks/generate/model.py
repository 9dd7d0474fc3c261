"""The network of a language model. In: tokens, states. Out: scores of each next token.

    x -> embedding -> dropout -> recurrent layers -> dropout -> readout

With tied weights the embedding is also the readout (Press & Wolf 2017). Next: `job` and
`sampling`.
"""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor, nn

from unrolled.cells.choosing import ChosenCell
from unrolled.networks.recurrent import make_recurrent


class LanguageModel(nn.Module):
    """Scores of next tokens, with states as input and output, so that a text is read in windows."""

    def __init__(
        self,
        cell: ChosenCell,
        tokens: int,
        *,
        embedding: int,
        hidden: int,
        layers: int,
        dropout: float,
        tied: bool,
    ) -> None:
        super().__init__()
        self.tokens = tokens
        self.embed = nn.Embedding(tokens, embedding)
        self.drop = nn.Dropout(dropout)
        self.recurrent = make_recurrent(cell, embedding, hidden, layers, False, dropout)
        out = self.recurrent.output_size
        narrow = tied and out != embedding
        self.narrow = nn.Linear(out, embedding, bias=False) if narrow else nn.Identity()
        self.readout = nn.Linear(embedding if tied else out, tokens)
        if tied:
            nn.init.uniform_(self.embed.weight, -1 / math.sqrt(embedding), 1 / math.sqrt(embedding))
            self.readout.weight = self.embed.weight

    def forward(self, x: Tensor, states: Any = None) -> tuple[Tensor, Any]:
        y, states = self.recurrent(self.drop(self.embed(x)), states)
        return self.readout(self.narrow(self.drop(y))), states
