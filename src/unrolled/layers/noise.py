"""What is random in training. In: an equation's `noise`, a batch. Out: masks by token, weights with
numbers left out; next: `stack`, which draws for each direction of each layer.

All come from torch's generator before the kernel runs, so a sequence that is computed a second time
(`bptt="recompute"`) sees the same. A mask that is on has the value at which its mean is what
evaluation uses.
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
    """Every named input, by token and in order: what was given, and masks that are drawn."""
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
    """The input, with the units left out that its noise says."""
    x = next(iter(equation.inputs))
    if x not in equation.noise:
        return tokens
    per, share = equation.noise[x]
    return tokens * _mask(per, share, 1.0, tokens.shape[-1], batch, tokens)


def dropped(equation: Equation, names: Sequence[str], weights: Sequence[Tensor]) -> list[Tensor]:
    """Weights, some of them with numbers left out."""
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
    """Numbers that are not 0 with the probability `share`, and then such that their mean is right.

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
