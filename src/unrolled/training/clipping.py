"""Gradient clipping. In: a model after backward. Out: the norm of its gradient before clipping.

A norm that is not finite is the first sign of divergence (Pascanu, Mikolov & Bengio 2013).
Next: `diagnosis` when it is not finite, `loop` otherwise.
"""

from __future__ import annotations

import math

import torch
from torch import nn


def clip_gradients(model: nn.Module, norm: float | None, value: float | None) -> float:
    """Clip in place, by value first, then by norm; return the norm before clipping.

    A bound of None or 0 means no clipping.
    """
    gradients = [weight.grad for weight in model.parameters() if weight.grad is not None]
    total = float(torch.nn.utils.get_total_norm(gradients))
    if not math.isfinite(total):
        return total
    clipped = total
    if value:
        torch._foreach_clamp_min_(gradients, -value)
        torch._foreach_clamp_max_(gradients, value)
        clipped = float(torch.nn.utils.get_total_norm(gradients)) if norm else total
    if norm and clipped > norm:
        torch._foreach_mul_(gradients, norm / clipped)
    return total
