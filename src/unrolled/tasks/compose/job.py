"""The training job of a composer. In: grids of pieces, in parts. Out: negative log-likelihoods.

The negative log-likelihood of a step is the sum of that of the sounding keys (as reported in papers
on polyphonic music) and that of whether sounding keys were struck again. In training each piece is
transposed by some semitones, which differ between epochs. Next: `training.loop`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from unrolled.data.piano_roll import SILENT, STRUCK, room, transposed
from unrolled.layers.batch import ragged
from unrolled.networks.pitch_chain import PitchChain
from unrolled.tasks.compose.model import MusicNetwork
from unrolled.tasks.ragged import Ragged, batches_by_length, batches_in_order
from unrolled.training.job import Measures, Share, Shown, Stateless, Sums

LINE = (
    Shown("train", "loss", "Train Loss"),
    Shown("validation", "notes", "Val Nats/Step", "{:.3f}"),
    Shown("test", "notes", "Test Nats/Step", "{:.3f}"),
)


@dataclass(frozen=True)
class Moved:
    """Some pieces of a part, with the transposition of each."""

    part: str
    rows: Any
    semitones: Any


class MusicJob(Stateless):
    """A network and grids by part."""

    best, best_is = "loss", "lowest"
    line: Sequence[Shown] = LINE

    def __init__(
        self,
        model: MusicNetwork,
        parts: Mapping[str, Ragged],
        batch_size: int,
        transpose: int,
        seed: int,
    ) -> None:
        self.model: nn.Module = model
        self.parts, self.batch_size, self.seed = parts, batch_size, seed
        self.transpose = transpose
        chances = frequencies(parts["train" if "train" in parts else "test"].values)
        chances = np.stack([chances, 1 - chances])
        self.blind_loss = float(-(chances * np.log(chances)).sum())  # by key frequencies

    def batches(self, part: str, epoch: int) -> list[Moved]:
        if part not in self.parts:
            return []
        data = self.parts[part]
        if part != "train":
            return [
                Moved(part, rows, np.zeros(len(rows), np.int64))
                for rows in batches_in_order(data.lengths, self.batch_size)
            ]
        draw = np.random.default_rng([self.seed, epoch, 7])
        moves = draw.integers(-self.transpose, self.transpose + 1, len(data))
        return [
            Moved(part, rows, moves[rows])
            for rows in batches_by_length(data.lengths, self.batch_size, self.seed, epoch)
        ]

    def compute(self, model: nn.Module, batch: Moved, share: Share) -> tuple[Tensor, Sums]:
        data = self.parts[batch.part]
        rows, moves, taken = share.of(batch.rows), share.of(batch.semitones), 1.0
        if not len(rows):  # fewer rows than processes: this one adds zero, but takes part
            rows, moves, taken = batch.rows[:1], batch.semitones[:1], 0.0
        pieces = [moved(data[row], shift) for row, shift in zip(rows, moves)]
        device = next(model.parameters()).device
        notes, again = likelihoods(model, pieces, device)
        loss = notes.sum() + again.sum()
        whole = int(data.lengths[batch.rows].sum())
        sums = {
            "loss": loss.detach().double() * taken,
            "notes": notes.detach().double().sum() * taken,
            "count": torch.tensor(float(len(notes)) * taken, dtype=torch.float64),
        }
        return loss * taken / whole, sums

    def measures(self, sums: Sums) -> Measures:
        count = sums["count"]
        loss, notes = float(sums["loss"] / count), float(sums["notes"] / count)
        return {"loss": loss, "notes": notes, "struck_again": loss - notes}


def likelihoods(model: nn.Module, pieces: Sequence[Any], device: Any) -> tuple[Tensor, Tensor]:
    """The negative log-likelihood of each step in nats: of the sounding keys, and of which keys
    that were already sounding are struck again."""
    lengths = [len(one) for one in pieces]
    batch = ragged(torch.tensor(lengths), max(lengths), len(pieces))
    before, now, places = (
        batch.gather(torch.from_numpy(one)).to(device) for one in laid_out(pieces)
    )
    sounding, struck = model(before, now, places.squeeze(-1), batch)
    return of_steps(before, now, sounding, struck)


def of_steps(
    before: Tensor, now: Tensor, sounding: Tensor, struck: Tensor
) -> tuple[Tensor, Tensor]:
    """The same from scores: a key that was silent before can only be struck."""
    losses = nn.functional.binary_cross_entropy_with_logits
    notes = losses(sounding, (now != SILENT).float(), reduction="none").sum(1)
    again = losses(struck, (now == STRUCK).float(), reduction="none")
    goes_on = (now != SILENT) & (before != SILENT)
    return notes, torch.where(goes_on, again, 0.0).sum(1)


def laid_out(pieces: Sequence[Any]) -> tuple[Any, Any, Any]:
    """The previous steps, the steps, and their numbers: (T, B, K), (T, B, K), (T, B, 1)."""
    steps, keys = max(map(len, pieces)), pieces[0].shape[1]
    now = np.zeros((steps, len(pieces), keys), np.int64)
    for column, one in enumerate(pieces):
        now[: len(one), column] = one
    before = np.concatenate([np.zeros_like(now[:1]), now[:-1]])
    places = np.repeat(np.arange(steps)[:, None, None], len(pieces), 1)
    return before, now, places


def moved(roll: Any, semitones: int) -> Any:
    """A transposed piece, within the range of the piano."""
    down, up = room(roll)
    return transposed(roll, int(np.clip(semitones, -down, up)))


def frequencies(values: Any) -> Any:
    """The frequency of each key, never 0 or 1."""
    return ((values != SILENT).sum(0) + 0.5) / (len(values) + 1)


def begin_with(chain: PitchChain, chances: Any) -> None:
    """Initialize the biases so that each key is as frequent as in the data."""
    with torch.no_grad():
        chain.bias.copy_(torch.from_numpy(np.log(chances / (1 - chances))))
