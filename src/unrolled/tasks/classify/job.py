"""The training job of readers of sequences. In: sequences and targets. Out: losses and metrics.

The loss depends on the aim: the cross-entropy of a class, with each example weighted by its class,
the binary cross-entropy of several labels, or the squared error of a number. The mean is over the
whole batch, however many processes share it. Next: `training.loop`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from unrolled.networks.aims import ONE_CLASS, Aim
from unrolled.tasks.classify.figures import measures_of
from unrolled.tasks.ragged import Ragged, batches_by_length, batches_in_order
from unrolled.training.job import Measures, Share, Shown, Stateless, Sums

MEASURING = 4  # times the batch size in evaluation: without gradients there is memory for more

SHOWN = {  # on the line of an epoch: the metric, its title, its format
    "class": ("accuracy", "Acc", "{:.1%}"),
    "labels": ("micro_f1", "F1", "{:.1%}"),
    "number": ("mae", "MAE", "{:.4g}"),
}


def line_of(aim: Aim) -> tuple[Shown, ...]:
    """The metrics on the line of an epoch."""
    name, title, form = SHOWN[aim.name]
    parts = (("train", "Train"), ("validation", "Val"), ("test", "Test"))
    return (
        Shown("train", "loss", "Train Loss"),
        *(Shown(part, name, f"{short} {title}", form) for part, short in parts),
    )


@dataclass(frozen=True)
class TargetedSequences:
    """Sequences and their targets, with the data that a committee needs."""

    sequences: Ragged
    targets: Any  # class indices (N,); 0 and 1 for each label (N, labels); or numbers (N, 1)
    folds: Any = None  # the member that is not trained on a row; None: all are
    linear: Any = None  # (rows, classes): the scores of the linear model, if any

    def __len__(self) -> int:
        return len(self.sequences)

    def rows(self, rows: Any) -> TargetedSequences:
        """The items at `rows`, in this order."""
        values = [self.sequences[index] for index in rows]
        return TargetedSequences(
            Ragged.of(values, self.sequences.values.dtype),
            self.targets[rows],
            None if self.folds is None else self.folds[rows],
            None if self.linear is None else self.linear[rows],
        )


class LabellingJob(Stateless):
    """A model that computes logits, and labeled sequences by part."""

    best, best_is = "loss", "lowest"

    def __init__(
        self,
        model: nn.Module,
        parts: Mapping[str, TargetedSequences],
        weights: Tensor,
        batch_size: int,
        seed: int,
        aim: Aim = ONE_CLASS,
    ) -> None:
        """`weights`: of each class; for labels and numbers all rows have the same weight."""
        self.model, self.parts, self.weights = model, parts, weights
        self.batch_size, self.seed, self.aim = batch_size, seed, aim
        self.blind_loss = aim.blind_loss(len(weights))
        self.line: Sequence[Shown] = line_of(aim)

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

    def compute(self, model: nn.Module, batch: Any, share: Share) -> tuple[Tensor, Sums]:
        data, rows = batch
        mine, taken = share.of(rows), 1.0
        if not len(mine):  # fewer rows than processes: this one adds zero, but takes part
            mine, taken = rows[:1], 0.0
        x, lengths = data.sequences.batch(mine)
        targets = torch.from_numpy(data.targets[mine])
        device = next(model.parameters()).device
        x, lengths = x.to(device), lengths.to(device)
        folds = None if data.folds is None else torch.from_numpy(data.folds[mine]).to(device)
        weights = (row_weights(self.weights, targets) * taken).to(device)
        judged_alone = folds is not None and not model.training
        unseen: Any = self.model.unseen if judged_alone else None  # of a committee
        said = model(x, lengths) if unseen is None else unseen(x, lengths, folds)
        scores, losses = judged(said, targets.to(device), folds, self.aim)
        loss, count = torch.dot(losses, weights), weights.sum()
        whole = count
        if share.world > 1:
            whole = row_weights(self.weights, torch.from_numpy(data.targets[rows])).sum().to(device)
        tally = self.aim.tally(scores.detach().cpu(), targets) * taken
        return loss / whole, {"loss": loss, "count": count, "tally": tally}

    def measures(self, sums: Sums) -> Measures:
        return {
            "loss": float(sums["loss"] / sums["count"]),
            **measures_of(self.aim, sums["tally"].numpy()),
        }


def row_weights(weights: Tensor, targets: Tensor) -> Tensor:
    """The weight of each row: that of its class, or 1."""
    return weights[targets] if targets.dim() == 1 else torch.ones(len(targets))


def judged(
    said: Tensor, targets: Tensor, folds: Tensor | None, aim: Aim = ONE_CLASS
) -> tuple[Tensor, Tensor]:
    """The scores for the metrics, (B, K), and the loss of each row.

    `said` is the output of one network, (B, K), or of a committee, (members, B, K): then a row's
    loss is the mean over the members that are trained on it.
    """
    if said.dim() == 2:
        return said, aim.losses(said, targets)
    counts = torch.ones(said.shape[:2], device=said.device)
    if folds is not None:
        members = torch.arange(len(said), device=said.device)[:, None]
        counts = (members != folds).to(said.dtype)
    counts = counts / counts.sum(0)
    every = targets.repeat(len(said), *[1] * (targets.dim() - 1))
    each = aim.losses(said.flatten(0, 1), every).view(len(said), -1)
    return (said * counts[:, :, None]).sum(0), (each * counts).sum(0)


def class_weights(kind: str | None, classes: Any, count: int) -> Tensor:
    """ "balanced": all classes have the same total weight, whatever their numbers of examples."""
    if kind is None:
        return torch.ones(count)
    numbers = np.bincount(classes, minlength=count)
    return torch.from_numpy(len(classes) / (count * np.maximum(numbers, 1))).float()


def without_folds(parts: dict[str, TargetedSequences]) -> dict[str, TargetedSequences]:
    """The parts for a single network: the first fold is used only for validation."""
    train = parts["train"]
    if train.folds is None:
        return {name: replace(part, folds=None) for name, part in parts.items()}
    first = train.folds == 0
    found = {
        "train": train.rows(np.flatnonzero(~first)), "validation": train.rows(np.flatnonzero(first))
    }  # fmt: skip
    return {name: replace(part, folds=None) for name, part in {**parts, **found}.items()}
