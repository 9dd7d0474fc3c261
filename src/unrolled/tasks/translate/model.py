"""The network of a translator. In: source and target tokens. Out: scores of each next token.

    source -> embedding -> bidirectional recurrent layers -> keys
    target so far -> decoder, which attends to the keys -> scores

Next: `translator`; `networks.decoder` has the equations.
"""

from __future__ import annotations

from torch import Tensor, nn

from unrolled.cells.choosing import ChosenCell
from unrolled.layers.batch import ragged
from unrolled.networks.decoder import Decoder, Memory
from unrolled.networks.embedding import ScaledEmbedding
from unrolled.networks.encoder_decoder import EDGE, EncoderDecoder
from unrolled.networks.recurrent import make_recurrent


class TranslationNetwork(EncoderDecoder):
    """A bidirectional encoder, and a decoder with attention."""

    def __init__(
        self,
        cell: ChosenCell,
        sources: int,
        targets: int,
        *,
        attention: str,
        input_feeding: bool,
        embedding: int,
        hidden: int,
        layers: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.embed = ScaledEmbedding(sources, embedding, padding_idx=EDGE)
        self.drop = nn.Dropout(dropout)
        self.encoder = make_recurrent(cell, embedding, hidden, layers, True, dropout)
        keys = 2 * self.encoder.output_size
        self.decoder = Decoder(
            cell, targets, keys, score=attention, embedding=embedding, hidden=hidden,
            dropout=dropout, input_feeding=input_feeding,
        )  # fmt: skip

    def read(self, *inputs: Tensor) -> Memory:
        """Sources (T, B), and the length of each."""
        sources, lengths = inputs
        batch = ragged(lengths, *sources.shape)  # without padding
        y, _ = self.encoder.over(self.drop(self.embed(batch.gather(sources))), batch)
        return self.decoder.remember(self.drop(batch.scatter(y)), lengths)
