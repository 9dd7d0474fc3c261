"""Predictions of a committee, and of its parts. In: a model, labeled sequences.

Out: probabilities; next: `classify`, and the report, which compares the parts.
Training rows are predicted by the members that were not trained on them, if there are any.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from unrolled.networks.aims import ONE_CLASS, Aim
from unrolled.networks.committee import Committee
from unrolled.tasks.classify.figures import measures_of
from unrolled.tasks.classify.job import SHOWN, TargetedSequences
from unrolled.tasks.ragged import Ragged, batches_in_order

PREDICTING = 256  # sequences in a batch for prediction


@torch.no_grad()
def in_batches(function: Callable[[Tensor, Tensor], Tensor], sequences: Ragged) -> Tensor:
    """What a function of (T, B, ...) and lengths says of each row, (rows, ...)."""
    said = [function(*sequences.batch(rows)) for rows in _batches(sequences)]
    return torch.cat(said)[_back(sequences)]


@torch.no_grad()
def opinions(model: nn.Module, sequences: Ragged) -> Tensor:
    """The scores of each network, (members, rows, classes)."""
    said = [model(*sequences.batch(rows)).double() for rows in _batches(sequences)]
    return torch.cat([one if one.dim() == 3 else one[None] for one in said], 1)[:, _back(sequences)]


@torch.no_grad()
def of_networks(model: nn.Module, data: TargetedSequences) -> Tensor:
    """The mean scores of the networks, for each row of those not trained on it."""
    if data.folds is None or not isinstance(model, Committee):
        return opinions(model, data.sequences).mean(0)
    said = [
        model.unseen(*data.sequences.batch(rows), torch.from_numpy(data.folds[rows])).double()
        for rows in _batches(data.sequences)
    ]
    return torch.cat(said)[_back(data.sequences)]


@torch.no_grad()
def linear_scores(model: nn.Module, sequences: Ragged) -> Any:
    """The scores of the linear model, (rows, classes); None without one."""
    linear: Any = getattr(model, "linear", None)
    if linear is None:
        return None
    found = []
    for rows in _batches(sequences):
        x, lengths = sequences.batch(rows)
        found.append(linear(x.transpose(0, 1), lengths))
    return torch.cat(found)[_back(sequences)].numpy()


def _batches(sequences: Ragged) -> list[Any]:
    """Rows in batches, ordered by length."""
    return batches_in_order(sequences.lengths, PREDICTING)


def _back(sequences: Ragged) -> Tensor:
    """The permutation back to the order of the rows."""
    order = np.argsort(sequences.lengths, kind="stable")
    return torch.from_numpy(np.argsort(order, kind="stable"))


def chances(model: nn.Module, data: TargetedSequences, aim: Aim = ONE_CLASS) -> Any:
    """The probability of each class or label, or the number, for each row."""
    network = of_networks(model, data)
    if not isinstance(model, Committee):
        return aim.chances(network).numpy()
    return model.aim.chances(model.blended(network, _tensor(data.linear))).numpy()


def parts_alone(model: Committee, data: TargetedSequences) -> dict[str, Any]:
    """The predictions of one network, of all networks, and of the linear model alone."""
    found = {}
    if len(model.members) > 1 and data.folds is None:
        found["one network alone (the first)"] = opinions(model, data.sequences)[0]
        found[f"the {len(model.members)} networks without the linear model"] = of_networks(
            model, data
        )
    elif data.linear is not None:
        found["the networks without the linear model"] = of_networks(model, data)
    if data.linear is not None:
        found["the linear model alone"] = torch.from_numpy(data.linear).double()
    return {name: model.aim.chances(scores).numpy() for name, scores in found.items()}


def learn_blend(model: Committee, data: TargetedSequences, weights: Tensor) -> None:
    """Calibrate and weight the parts on held-out rows."""
    network = of_networks(model, data).float()
    linear = None if data.linear is None else torch.from_numpy(data.linear)
    model.fit_blend(network, linear, torch.from_numpy(data.targets), weights)


def figures_with_linear(model: Committee, parts: Mapping[str, TargetedSequences]) -> str:
    """The metrics of networks and linear model together: epoch lines show only the networks."""
    measure, title, form = SHOWN[model.aim.name]
    found = []
    for name, shown in (("validation", "Val"), ("test", "Test")):
        if name in parts:
            data = parts[name]
            opinion = model.blended(of_networks(model, data), _tensor(data.linear))
            tally = model.aim.tally(opinion, torch.from_numpy(data.targets))
            value = measures_of(model.aim, tally.numpy())[measure]
            found.append(f"{shown} {title}: {form.format(value)}")
    return f"together with the linear model: {', '.join(found)}"


def _tensor(scores: Any) -> Tensor | None:
    return None if scores is None else torch.from_numpy(scores).double()
