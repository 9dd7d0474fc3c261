"""The network of a composer. In: steps of a piece. Out: scores of each key.

    previous step -> dropout -> recurrent layers -> dropout -> pitch chain

Next: `job` and `sampling`.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from unrolled.cells.choosing import ChosenCell
from unrolled.data.piano_roll import SILENT, STRUCK
from unrolled.layers.batch import RaggedBatch
from unrolled.networks.pitch_chain import PitchChain
from unrolled.networks.recurrent import make_recurrent


class MusicNetwork(nn.Module):
    """Scores of sounding and of being struck again, for each key of each step."""

    def __init__(
        self,
        cell: ChosenCell,
        keys: int,
        *,
        steps: int,
        hidden: int,
        layers: int,
        units: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.keys, self.steps = keys, steps
        self.drop = nn.Dropout(dropout)
        self.recurrent = make_recurrent(cell, 2 * keys + 1 + steps, hidden, layers, False, dropout)
        self.chain = PitchChain(keys, self.recurrent.output_size, units)

    def forward(self, before: Tensor, now: Tensor, places: Tensor, batch: RaggedBatch) -> Any:
        """Scores for all steps of a batch, from the previous steps, the steps and their numbers."""
        y, _ = self.recurrent.over(self.drop(self.inputs(before, places)), batch)
        return self.chain(self.drop(y), sounding_and_struck(before), (now != SILENT).float())

    def step(self, before: Tensor, places: Tensor, states: Any) -> tuple[Tensor, Any]:
        """The outputs of the recurrent layers for one more step (N, K)."""
        y, states = self.recurrent(self.inputs(before, places).unsqueeze(0), states)
        return y[0], states

    def inputs(self, before: Tensor, places: Tensor) -> Tensor:
        """Sounding and struck keys of the previous step, whether this is the first step, and the
        position of the step in a quarter note."""
        flat = sounding_and_struck(before).flatten(1)
        beat = nn.functional.one_hot(places % self.steps, self.steps)
        return torch.cat([flat, (places == 0).unsqueeze(1), beat], 1).to(flat.dtype)


def sounding_and_struck(roll: Tensor) -> Tensor:
    """A grid (N, K) as (N, 2, K) of zeros and ones."""
    return torch.stack([roll != SILENT, roll == STRUCK], 1).float()
