"""The training job of a tagger. In: encoded sentences and tags, in parts. Out: losses, metrics.

The loss is the negative log-likelihood of the tags of a sentence under the CRF, summed over the
batch and divided by the number of words. Next: `training.loop`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from unrolled.tasks.ragged import Ragged, batches_by_length, batches_in_order
from unrolled.tasks.tag.figures import Tally, scores
from unrolled.tasks.tag.model import Sentences, TagNetwork
from unrolled.tasks.tag.words import Encoded
from unrolled.training.job import Measures, Share, Shown, Stateless, Sums

MEASURING = 8  # times the batch size in evaluation: without gradients there is memory for more

ACCURACY = (
    Shown("train", "loss", "Train Loss"),
    Shown("validation", "accuracy", "Val Acc", "{:.2%}"),
    Shown("test", "accuracy", "Test Acc", "{:.2%}"),
)
SPANS = (
    *ACCURACY[:1],
    Shown("validation", "f1", "Val F1", "{:.2%}"),
    Shown("test", "f1", "Test F1", "{:.2%}"),
)


@dataclass(frozen=True)
class TaggedPart:
    """Sentences and the index of each word's tag."""

    words: Encoded
    tags: Ragged

    def __len__(self) -> int:
        return len(self.words)


class TagJob(Stateless):
    """A network that scores tags, and tagged sentences by part."""

    def __init__(
        self,
        model: TagNetwork,
        parts: Mapping[str, TaggedPart],
        tags: Sequence[str],
        has_spans: bool,
        batch_size: int,
        seed: int,
    ) -> None:
        self.model: nn.Module = model
        self.network, self.parts, self.tags, self.has_spans = model, parts, tags, has_spans
        self.batch_size, self.seed = batch_size, seed
        self.best = "f1" if has_spans else "accuracy"
        self.best_is = "highest"
        self.line: Sequence[Shown] = SPANS if has_spans else ACCURACY
        self.blind_loss = math.log(len(tags))  # of equally likely tags

    def batches(self, part: str, epoch: int) -> list[Any]:
        if part not in self.parts:
            return []
        data = self.parts[part]
        if part == "train":
            batches = batches_by_length(data.words.lengths, self.batch_size, self.seed, epoch)
        else:
            batches = batches_in_order(data.words.lengths, self.batch_size * MEASURING)
        return [(data, rows) for rows in batches]

    def compute(self, model: nn.Module, batch: Any, share: Share) -> tuple[Tensor, Sums]:
        data, rows = batch
        mine, taken = share.of(rows), 1.0
        if not len(mine):  # fewer rows than processes: this one adds zero, but takes part
            mine, taken = rows[:1], 0.0
        device = next(model.parameters()).device
        sentences = moved(data.words.batch(mine), device)
        tags = data.tags.batch(mine)[0].to(device)
        emitted = model(sentences)
        lengths = sentences.lengths
        loss = self.network.crf.loss(emitted, tags, lengths).sum() * taken
        whole = float(data.words.lengths[rows].sum())
        count = lengths.sum().double() * taken
        sums = {"loss": loss.detach().double(), "count": count}
        if not model.training or "validation" not in self.parts:  # then the training metrics decide
            sums |= self._counted(emitted, tags, lengths, taken)
        return loss / whole, sums

    def _counted(self, emitted: Tensor, tags: Tensor, lengths: Tensor, taken: float) -> Sums:
        said, _ = self.network.crf.best(emitted, lengths)
        tally = Tally(self.tags, self.has_spans)
        for column, length in enumerate(lengths.tolist()):
            actual = tags[:length, column].cpu().numpy()
            tally.add(actual, said[:length, column].cpu().numpy())
        right = float(np.trace(tally.confusion))
        sums = {"right": torch.tensor(right * taken, dtype=torch.float64)}
        if self.has_spans:
            counts = torch.tensor(tally.counts(), dtype=torch.float64) * taken
            sums["spans"] = counts
        return sums

    def measures(self, sums: Sums) -> Measures:
        found = {"loss": float(sums["loss"] / sums["count"])}
        if "right" in sums:
            found["accuracy"] = float(sums["right"] / sums["count"])
        if "spans" in sums:
            found |= scores(*sums["spans"].tolist())
        return found


def moved(batch: Sentences, device: torch.device) -> Sentences:
    """The batch on another device."""
    return Sentences(*(getattr(batch, name).to(device) for name in Sentences.__annotations__))


@torch.no_grad()
def answers(model: TagNetwork, words: Encoded, batch_size: int) -> list[tuple[Any, Any, float]]:
    """For each sentence its best tags, the probability of each, and log p of the sequence."""
    found: list[tuple[Any, Any, float]] = [(None, None, 0.0)] * len(words)
    for rows in batches_in_order(words.lengths, batch_size * MEASURING):
        batch = words.batch(rows)
        emitted = model(batch)
        tags, value = model.crf.best(emitted, batch.lengths)
        chances = model.crf.chances(emitted, batch.lengths)
        sure = chances.gather(2, tags[:, :, None])[:, :, 0]
        whole = value - model.crf.log_partition(emitted, batch.lengths)
        for column, row in enumerate(rows):
            length = int(batch.lengths[column])
            found[row] = (
                tags[:length, column].numpy(), sure[:length, column].numpy(), float(whole[column])
            )  # fmt: skip
    return found
