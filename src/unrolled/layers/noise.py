"""Random masks in training. In: an equation's `noise`, a batch. Out: masks by token, weights with
dropped entries; next: `stack`, which draws them for each direction of each layer.

All are drawn from torch's generator before the kernel runs, so a sequence that is computed again
(`bptt="recompute"`) uses the same ones. The nonzero value of a mask is such that its
mean is the value used in evaluation.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from unrolled.equations.equation import Equation
from unrolled.layers.batch import DenseBatch, PaddedBatch, RaggedBatch

LEVELS = 1 << 16


def masks(
    equation: Equation,
    sizes: Mapping[str, int],
    batch: DenseBatch | RaggedBatch | PaddedBatch,
    tokens: Tensor,
    given: Mapping[str, Tensor],
) -> dict[str, Tensor]:
    """Every named input, by token and in order: the given ones, and random masks."""
    found = {}
    for name, shape in equation.named_inputs.items():
        if name in given:
            found[name] = given[name]
        else:
            per, share = equation.noise[name]
            mean, width = equation.defaults[name], sizes[shape[0]]
            found[name] = _mask(per, share, mean, width, batch, tokens)
    return found


def noisy(
    equation: Equation, batch: DenseBatch | RaggedBatch | PaddedBatch, tokens: Tensor
) -> Tensor:
    """The input, with units dropped as its noise says."""
    x = next(iter(equation.inputs))
    if x not in equation.noise:
        return tokens
    per, share = equation.noise[x]
    return tokens * _mask(per, share, 1.0, tokens.shape[-1], batch, tokens)


def dropped(equation: Equation, names: Sequence[str], weights: Sequence[Tensor]) -> list[Tensor]:
    """Weights, some of them with dropped entries."""
    result = []
    for name, weight in zip(names, weights, strict=True):
        _, share = equation.noise.get(name, ("call", 1.0))
        if share < 1:
            weight = weight * mask(weight.shape, share, 1.0, weight)
        result.append(weight)
    return result


def _mask(
    per: str,
    share: float,
    mean: float,
    width: int,
    batch: DenseBatch | RaggedBatch | PaddedBatch,
    tokens: Tensor,
) -> Tensor:
    """(..., width), by token."""
    if per == "step":
        return mask((*tokens.shape[:-1], width), share, mean, tokens)
    rows = mask((1, batch.rows, width), share, mean, tokens)
    return batch.gather(rows.expand(batch.steps, batch.rows, width))


def mask(shape: Sequence[int], share: float, mean: float, like: Tensor) -> Tensor:
    """Numbers that are nonzero with probability `share`, scaled so that their mean is right.

    Four are drawn with one random number of 64 bits, six times as fast as `Tensor.bernoulli_`, so
    the probability is a multiple of 2**-16.
    """
    count = math.prod(shape)
    level = min(max(round(share * LEVELS), 1), LEVELS)
    bits = torch.empty((count + 3) // 4, dtype=torch.int64, device=like.device)
    bits.random_(torch.iinfo(torch.int64).min, None)
    drawn = bits.view(torch.int16)[:count].reshape(tuple(shape))
    on = drawn <= level - 1 - LEVELS // 2
    return on.to(like.dtype).mul_(mean * LEVELS / level)
