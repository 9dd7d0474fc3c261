"""The network of a tagger. In: words and letters. Out: scores of tags, (T, B, K).

    word -> (vector of the word, vector of its letters) -> dropout -> recurrent layers, both ways
         -> dropout -> W h + b -> CRF

The vector of a word is that of its lower case; its letters, with their case, are read by the
character encoder, which also handles unknown words. Next: `job`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from unrolled.cells.choosing import ChosenCell
from unrolled.layers.batch import ragged
from unrolled.networks.characters import CharacterEncoder
from unrolled.networks.crf import CRF, Grammar
from unrolled.networks.recurrent import make_recurrent

UNKNOWN = 1  # the index of an unknown word


@dataclass(frozen=True)
class Sentences:
    """A batch: word indices (T, B), and the index of each word among the different ones, whose
    letters are (L, words)."""

    words: Tensor
    lengths: Tensor
    forms: Tensor
    letters: Tensor
    letter_counts: Tensor


class TagNetwork(nn.Module):
    """Scores of each tag at each word; `crf` finds the best sequence."""

    def __init__(
        self,
        cell: ChosenCell,
        words: int,
        letters: int,
        grammar: Grammar,
        *,
        characters: str,
        embedding: int,
        character_embedding: int,
        character_size: int,
        hidden: int,
        layers: int,
        bidirectional: bool,
        dropout: float,
        word_dropout: float,
    ) -> None:
        super().__init__()
        self.word_dropout = word_dropout
        self.embed = nn.Embedding(words, embedding, padding_idx=0)
        with torch.no_grad():  # of length one: most words are rare
            self.embed.weight /= embedding**0.5
        size = embedding
        self.characters: CharacterEncoder | None = None
        if characters != "none":
            self.characters = CharacterEncoder(
                characters, cell, letters, character_embedding, character_size
            )
            size += self.characters.size
        self.drop = nn.Dropout(dropout)
        self.recurrent = make_recurrent(cell, size, hidden, layers, bidirectional, dropout)
        out = self.recurrent.output_size * self.recurrent.directions
        self.readout = nn.Linear(out, len(grammar.first))
        self.crf = CRF(grammar)

    def inputs(self, batch: Sentences) -> Tensor:
        """The inputs of the recurrent layers, (T, B, size), without dropout."""
        words = batch.words
        if self.training and self.word_dropout:
            lost = torch.rand(words.shape, device=words.device) < self.word_dropout
            words = torch.where(lost & (words > UNKNOWN), UNKNOWN, words)
        vectors = [self.embed(words)]
        if self.characters is not None:
            vectors.append(self.characters(batch.letters, batch.letter_counts)[batch.forms])
        return torch.cat(vectors, 2)

    def forward(self, batch: Sentences) -> Tensor:
        tokens = ragged(batch.lengths, *batch.words.shape)  # without padding
        x = self.drop(tokens.gather(self.inputs(batch)))
        y, _ = self.recurrent.over(x, tokens)
        scores: Tensor = tokens.scatter(self.readout(self.drop(y)))
        return scores
