"""The contribution of each step to a prediction. In: networks, a row, its class. Out: shares.

The contribution of a step is the derivative of the class score with respect to the step's input,
times that input (see `looking`). The shares are averaged over the networks of a committee; a linear
model is left out, since it has no steps. Next: the report, `predict --explain`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from unrolled.tasks.classify.encoders import AnyEncoder
from unrolled.tasks.classify.job import TargetedSequences
from unrolled.tasks.classify.model import Labeller
from unrolled.tasks.looking import read_closely

SHOWN = 5  # steps that contributed most


def inputs_of_row(
    model: Labeller, data: TargetedSequences, row: int, most: int | None = None
) -> Tensor:
    """The inputs of the recurrent layers for one sequence, (T, 1, size)."""
    x, lengths = data.sequences.batch(np.array([row]))
    return model.inputs(x, lengths)[:most].detach()


def read_row(model: Labeller, inputs: Tensor, said: int) -> tuple[Any, Any]:
    """The hidden states of one sequence, and the contribution of each step to a class score."""

    def score(y: Tensor) -> Tensor:
        scores: Tensor = model.readout(model.pool(y, torch.tensor([len(inputs)])))
        return scores[0, said]

    return read_closely(model.recurrent, inputs, score)


def counted_steps(
    members: nn.ModuleList, encoder: AnyEncoder, data: TargetedSequences, inputs: Any, said: Any
) -> list[str]:
    """For each row the steps that contributed most: `lovely (41%), film (20%)`."""
    found = []
    for row, one in enumerate(inputs):
        shares, stride = [], 1
        for member in members:
            assert isinstance(member, Labeller)
            stride = member.stride
            shares.append(read_row(member, inputs_of_row(member, data, row), int(said[row]))[1])
        mean = np.mean(shares, 0)
        names = list(encoder.steps(one))[::stride]
        most = np.argsort(-mean, kind="stable")[:SHOWN]
        found.append(", ".join(f"{names[step]} ({mean[step]:.0%})" for step in most))
    return found
