"""The linear model beside the networks, for texts or series. In: parts of the data. Out: scores.

Next: `classifier` passes the parts with these scores to the job, and blends them afterwards.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from unrolled.networks.committee import Committee
from unrolled.networks.linear_series import LinearSeries
from unrolled.tasks.budget import taken
from unrolled.tasks.classify.encoders import AnyEncoder, TextEncoder, as_inputs
from unrolled.tasks.classify.job import TargetedSequences
from unrolled.tasks.classify.ngrams import LinearTexts
from unrolled.tasks.classify.opinions import linear_scores, parts_alone
from unrolled.tasks.ragged import Ragged
from unrolled.training.interrupts import waiting_for


def learn_linear(
    model: Committee,
    inputs: Any,
    parts: dict[str, TargetedSequences],
    weights: Tensor,
    settings: Any,
) -> dict[str, TargetedSequences]:
    """Fit the linear model; the parts with its scores, out-of-fold for training rows."""
    train, linear = parts["train"], model.linear
    if isinstance(linear, LinearTexts):
        rarity = settings.rarity_
        few = settings.linear_rows_
        texts = settings.encoder_.beginnings(taken(inputs["train"], few))
        folds = None if train.folds is None else train.folds[few]
        given = texts, rarity, train.targets[few], folds, weights
        left_out = waiting_for(lambda: linear.fit(*given))  # solvers in native code
    elif isinstance(linear, LinearSeries):
        x, lengths = train.sequences.batch(np.arange(len(train)))
        targets = torch.from_numpy(train.targets)
        seed = settings.seed
        left_out = waiting_for(lambda: linear.fit(x.transpose(0, 1), lengths, targets, seed))
        left_out = left_out.numpy()
    else:
        return parts
    is_whole = left_out is None or len(left_out) == len(train)
    found = {"train": replace(train, linear=left_out) if is_whole else train}
    for name in parts.keys() - found.keys():
        whole = name == "validation" and train.folds is not None
        data = parts[name]
        scores = left_out
        if not whole:
            scores = scores_beside(model, settings.encoder_, inputs[name], data.sequences)
        found[name] = replace(data, linear=scores)
    return {name: found[name] for name in parts}


def scores_beside(model: Committee, encoder: AnyEncoder, inputs: Any, sequences: Ragged) -> Any:
    """The scores of the linear model for new rows; None without one."""
    if isinstance(model.linear, LinearTexts) and isinstance(encoder, TextEncoder):
        return model.linear.scores(encoder.beginnings(inputs))
    return linear_scores(model, sequences)


def without_one_another(model: Any, X: Any) -> dict[str, Any]:
    """The predictions of each part of a fitted classifier alone: name -> probabilities."""
    inputs = as_inputs(X)
    sequences = model.encoder_.encode(inputs, lambda note: None)
    scores = scores_beside(model.model_, model.encoder_, inputs, sequences)
    return parts_alone(model.model_, TargetedSequences(sequences, None, linear=scores))
