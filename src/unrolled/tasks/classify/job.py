"""Classification as the loop sees it. In: sequences and labels in parts. Out: losses and figures.

The loss is the cross-entropy, each example weighed by its class; a batch's mean is over the whole
batch, however many processes share it. Next: `training.loop`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from unrolled.tasks.ragged import Ragged, batches_by_length, batches_in_order
from unrolled.training.job import Measures, Share, Shown, Sums

MEASURING = 4  # times the batch size: without gradients there is room for more

LINE = (
    Shown("train", "loss", "Train Loss"),
    Shown("train", "accuracy", "Train Acc", "{:.1%}"),
    Shown("validation", "accuracy", "Val Acc", "{:.1%}"),
    Shown("test", "accuracy", "Test Acc", "{:.1%}"),
)


@dataclass(frozen=True)
class Labelled:
    """Sequences, the number of the class of each, and what a committee needs to know of them."""

    sequences: Ragged
    classes: Any
    folds: Any = None  # the member that does not learn from a row; None: all do
    linear: Any = None  # (rows, classes): the scores of the linear model, if there is one

    def __len__(self) -> int:
        return len(self.sequences)

    def rows(self, rows: Any) -> Labelled:
        """Some of them, in this order."""
        values = [self.sequences[index] for index in rows]
        return Labelled(
            Ragged.of(values, self.sequences.values.dtype),
            self.classes[rows],
            None if self.folds is None else self.folds[rows],
            None if self.linear is None else self.linear[rows],
        )


class LabellingJob:
    """A model that gives logits, and labelled sequences by part."""

    best, best_is = "loss", "lowest"
    line: Sequence[Shown] = LINE

    def __init__(
        self,
        model: nn.Module,
        parts: Mapping[str, Labelled],
        weights: Tensor,
        batch_size: int,
        seed: int,
    ) -> None:
        self.model, self.parts, self.weights = model, parts, weights
        self.batch_size, self.seed = batch_size, seed
        self.blind_loss = math.log(len(weights))  # of the same chance for each class

    def batches(self, part: str, epoch: int) -> list[Any]:
        if part not in self.parts:
            return []
        data = self.parts[part]
        lengths = data.sequences.lengths
        if part == "train":
            batches = batches_by_length(lengths, self.batch_size, self.seed, epoch)
        else:
            batches = batches_in_order(lengths, self.batch_size * MEASURING)
        return [(data, rows) for rows in batches]

    def begin(self, part: str) -> None:
        """Nothing is carried from batch to batch."""

    def carried(self) -> dict[str, Tensor]:
        return {}

    def carry(self, tensors: dict[str, Tensor]) -> None:
        """Nothing is carried from batch to batch."""

    def compute(self, model: nn.Module, batch: Any, share: Share) -> tuple[Tensor, Sums]:
        data, rows = batch
        mine, taken = share.of(rows), 1.0
        if not len(mine):  # fewer rows than processes: this one adds nothing, but takes part
            mine, taken = rows[:1], 0.0
        x, lengths = data.sequences.batch(mine)
        classes = torch.from_numpy(data.classes[mine])
        device = next(model.parameters()).device
        x, lengths = x.to(device), lengths.to(device)
        folds = None if data.folds is None else torch.from_numpy(data.folds[mine]).to(device)
        weights = (self.weights[classes] * taken).to(device)
        judged_alone = folds is not None and not model.training
        unseen: Any = self.model.unseen if judged_alone else None  # of a committee
        said = model(x, lengths) if unseen is None else unseen(x, lengths, folds)
        logits, losses = judged(said, classes.to(device), folds)
        loss, count = torch.dot(losses, weights), weights.sum()
        whole = count
        if share.world > 1:
            whole = self.weights[torch.from_numpy(data.classes[rows])].sum().to(device)
        predicted = logits.detach().argmax(1).cpu()
        names = len(self.weights)
        pairs = torch.bincount(classes * names + predicted, minlength=names**2) * taken
        return loss / whole, {"loss": loss, "count": count, "confusion": pairs.view(names, names)}

    def measures(self, sums: Sums) -> Measures:
        return {"loss": float(sums["loss"] / sums["count"]), **figures(sums["confusion"].numpy())}


def judged(said: Tensor, classes: Tensor, folds: Tensor | None) -> tuple[Tensor, Tensor]:
    """The scores that count, (B, classes), and the loss of each row.

    `said` is of one network, (B, classes), or of a committee, (members, B, classes): then a row's
    loss is the mean over the members that learn from it.
    """
    if said.dim() == 2:
        return said, nn.functional.cross_entropy(said, classes, reduction="none")
    counts = torch.ones(said.shape[:2], device=said.device)
    if folds is not None:
        members = torch.arange(len(said), device=said.device)[:, None]
        counts = (members != folds).to(said.dtype)
    counts = counts / counts.sum(0)
    every = classes[:, None].expand(-1, len(said))
    each = nn.functional.cross_entropy(said.permute(1, 2, 0), every, reduction="none")
    return (said * counts[:, :, None]).sum(0), (each.T * counts).sum(0)


def figures(confusion: Any) -> Measures:
    """Accuracy and macro F1 of a confusion matrix (rows: what is; columns: what was said)."""
    right = np.diag(confusion)
    said, is_so = confusion.sum(0), confusion.sum(1)
    there = (said + is_so) > 0  # a class that neither is nor was said has no F1
    f1 = 2 * right[there] / (said + is_so)[there]
    return {"accuracy": float(right.sum() / confusion.sum()), "macro_f1": float(f1.mean())}


def class_weights(kind: str | None, classes: Any, count: int) -> Tensor:
    """ "balanced": each class counts the same in all, however many examples it has."""
    if kind is None:
        return torch.ones(count)
    numbers = np.bincount(classes, minlength=count)
    return torch.from_numpy(len(classes) / (count * np.maximum(numbers, 1))).float()


def without_folds(parts: dict[str, Labelled]) -> dict[str, Labelled]:
    """The parts for one network: the first fold is for validation, and only for that."""
    train = parts["train"]
    if train.folds is None:
        return {name: replace(part, folds=None) for name, part in parts.items()}
    first = train.folds == 0
    found = {
        "train": train.rows(np.flatnonzero(~first)), "validation": train.rows(np.flatnonzero(first))
    }  # fmt: skip
    return {name: replace(part, folds=None) for name, part in {**parts, **found}.items()}
