"""The scale of the error of each row. In: a committee, held-out rows, their errors.

Out: a scale of the error for each row.

    log scale = summary of the row by a network @ spread, the mean over the networks

`spread` is a ridge regression of the logarithms of the network's errors on held-out rows. Errors
divided by their scales are then conformal scores, so that intervals are wider for rows that are
hard to predict, with valid coverage (normalized conformal prediction, Papadopoulos et al. 2002).
Next: `regressor`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from unrolled.networks.committee import Committee
from unrolled.networks.ridge import fit_ridge
from unrolled.tasks.classify.job import TargetedSequences
from unrolled.tasks.classify.model import Labeller
from unrolled.tasks.classify.opinions import in_batches
from unrolled.tasks.ragged import Ragged

ENOUGH = 40  # rows of each network: with fewer, intervals are equally wide
FLOOR = 0.1  # of the mean absolute error: differences between smaller errors are chance


def learn_scales(model: Committee, data: TargetedSequences, errors: Any) -> Any:
    """Fit each network's `spread`; returns the leave-one-out scale of each row, (rows,)."""
    folds = np.zeros(len(data), np.int64) if data.folds is None else data.folds
    parts = [np.flatnonzero(folds == number) for number in range(len(model.members))]
    mean = float(np.abs(errors).mean())
    model.log_scales.zero_()
    if min(map(len, parts)) < ENOUGH or mean == 0:
        return np.ones(len(data))
    logs = torch.from_numpy(np.log(np.maximum(np.abs(errors), FLOOR * mean)))[:, None].double()
    left_out = np.zeros(len(data))
    for member, rows in zip(model.members, parts):
        assert isinstance(member, Labeller)
        summaries = in_batches(member.summary, data.rows(rows).sequences)
        found = fit_ridge(summaries, logs[torch.from_numpy(rows)])
        member.spread.copy_(torch.cat([found.weight[:, 0], found.bias]))
        left_out[rows] = found.left_out[:, 0].numpy()
    model.log_scales.copy_(torch.tensor([left_out.min(), left_out.max()]))
    return np.exp(left_out)


def scales_of(model: Committee, sequences: Ragged) -> Any:
    """The scale of each row, (rows,); 1 without learned scales."""
    if not float(model.log_scales.abs().max()):
        return np.ones(len(sequences))
    return in_batches(model.scales, sequences).double().numpy()
