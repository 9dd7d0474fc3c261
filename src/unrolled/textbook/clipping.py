"""Gradient clipping. In: gradients by name. Out: clipped gradients; next: `optimizers`.

A recurrent network multiplies by the same matrix at every time step, so its gradient can grow
with the length of the sequence. A single such step would throw the weights far away
(Pascanu, Mikolov & Bengio 2013).
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from unrolled.errors import ArgumentError

Array = np.ndarray
Gradients = dict[str, Array]


def global_norm(gradients: Mapping[str, Array]) -> float:
    """||g|| = sqrt(sum of the squares of every number in every gradient)."""
    return math.sqrt(sum(float((gradient**2).sum()) for gradient in gradients.values()))


def clip_by_norm(gradients: Mapping[str, Array], limit: float) -> Gradients:
    """g -> g * limit / ||g|| if the norm of all gradients together exceeds the limit.

    The direction stays the same; only the length of the step changes.
    """
    _check_limit(limit)
    norm = global_norm(gradients)
    scale = limit / norm if norm > limit else 1.0
    return {name: gradient * scale for name, gradient in gradients.items()}


def clip_by_value(gradients: Mapping[str, Array], limit: float) -> Gradients:
    """Clip each number separately to -limit ... +limit. The direction may change."""
    _check_limit(limit)
    return {name: np.clip(gradient, -limit, limit) for name, gradient in gradients.items()}


def _check_limit(limit: float) -> None:
    if not limit > 0:
        raise ArgumentError(f"gradients are clipped at a positive number, not at {limit!r}")
