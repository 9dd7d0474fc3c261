"""Encodes words by their characters. In: character indices of each word. Out: a vector for each.

Either a small bidirectional recurrent layer (Lample et al. 2016), or a convolution with max pooling
(Ma & Hovy 2016). Next: the networks of the tasks.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from unrolled.cells.choosing import ChosenCell
from unrolled.layers.batch import ragged
from unrolled.layers.recurrent import Recurrent
from unrolled.networks.recurrent import make_recurrent

READERS = ("recurrent", "convolution")
WIDTH = 3  # characters of the convolution's kernel


class CharacterEncoder(nn.Module):
    """(L, words) characters, of which word w has lengths[w] -> (words, size)."""

    def __init__(self, reader: str, cell: ChosenCell, characters: int, embedding: int, size: int):
        super().__init__()
        self.embed = nn.Embedding(characters, embedding, padding_idx=0)
        self.recurrent: Recurrent | None = None
        self.convolution: nn.Conv1d | None = None
        if reader == "recurrent":
            self.recurrent = make_recurrent(cell, embedding, size // 2, bidirectional=True)
            self.size = 2 * self.recurrent.output_size
        else:
            self.convolution = nn.Conv1d(embedding, size, WIDTH, padding=WIDTH // 2)
            self.size = size

    def forward(self, characters: Tensor, lengths: Tensor) -> Tensor:
        if self.recurrent is not None:
            batch = ragged(lengths, *characters.shape)
            _, states = self.recurrent.over(self.embed(batch.gather(characters)), batch)
            outputs: Tensor = states if isinstance(states, Tensor) else states[0]
            return torch.cat([outputs[0], outputs[1]], 1)
        assert self.convolution is not None
        found: Tensor = self.convolution(self.embed(characters.T).transpose(1, 2))
        places = torch.arange(found.shape[2], device=found.device)
        outside = places >= lengths[:, None, None]
        return found.masked_fill(outside, -torch.inf).amax(2)
