"""Inspects a fitted network. In: its parts and a sequence. Out: states, contributions, lags.

Works for every cell, since it needs only the layer's outputs and their derivatives by autograd.
Next: `reporting` draws it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from unrolled.layers.recurrent import Recurrent

DRAWS = 4  # random directions of the output for the derivative by lag


@dataclass(frozen=True)
class Reading:
    """The states and contributions of one sequence."""

    title: str
    steps: Sequence[str]
    hidden: Any  # (T, units)
    counted: Any  # (T,), sums to 1
    values: Any = None  # (T, channels) of a series, unscaled


def read_closely(
    recurrent: Recurrent, inputs: Tensor, score: Callable[[Tensor], Tensor]
) -> tuple[Any, Any]:
    """The outputs (T, units) over one sequence (T, 1, size), and the contribution of each step.

    The contribution is the norm of the derivative of the score with respect to the input, times
    the norm of the input: it is zero for a zero input and for one that cannot change the score.
    """
    inputs = inputs.detach().requires_grad_()
    y, _ = recurrent(inputs)
    (slope,) = torch.autograd.grad(score(y), inputs)
    counted = slope.norm(dim=2)[:, 0] * inputs.detach().norm(dim=2)[:, 0]
    return y.detach()[:, 0].numpy(), _shares(counted.numpy())


def norms_by_lag(recurrent: Recurrent, sequences: Sequence[Tensor], seed: int) -> Any:
    """||d y_T / d x_{T - lag}|| for each lag, averaged over sequences and random directions.

    For a bidirectional layer, y is its forward half.
    """
    generator = torch.Generator().manual_seed(seed)
    longest = max(len(inputs) for inputs in sequences)
    total, count = np.zeros(longest), np.zeros(longest)
    for inputs in sequences:
        inputs = inputs.detach().requires_grad_()
        y, _ = recurrent(inputs)
        half = y[-1, 0, : recurrent.output_size]
        for _ in range(DRAWS):
            direction = torch.randn(len(half), generator=generator)
            direction = direction / direction.norm()
            (slope,) = torch.autograd.grad(half @ direction, inputs, retain_graph=True)
            norms = slope.norm(dim=2)[:, 0].flip(0).numpy()
            total[: len(norms)] += norms
            count[: len(norms)] += 1
    return total / count


def _shares(values: Any) -> Any:
    total = values.sum()
    return values / total if total > 0 else np.full(len(values), 1 / len(values))
