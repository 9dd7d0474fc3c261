"""Check gradients by finite differences.

In: a network and a batch. Out: the error of the gradient of every weight. Each number of each
weight is increased and decreased a little, and the change of the loss is compared with the
gradient.
"""

from __future__ import annotations

import numpy as np

from unrolled.textbook.cell import Array
from unrolled.textbook.clipping import global_norm
from unrolled.textbook.network import LayerStates, Network

# The error of a central difference is about e^2 from its formula and 1e-16 / e from rounding; their
# sum is smallest near the cube root of 1e-16.
STEP = 6e-6


def numerical_gradients(
    network: Network, xs: Array, targets: Array, states: LayerStates | None = None
) -> dict[str, Array]:
    """(L(w + e) - L(w - e)) / 2e for every number w of every weight."""
    gradients = {}
    for name, weight in network.weights.items():
        gradients[name] = np.zeros_like(weight)
        for place in np.ndindex(weight.shape):
            value = weight[place]
            weight[place] = value + STEP
            above = network.loss(xs, targets, states)
            weight[place] = value - STEP
            below = network.loss(xs, targets, states)
            weight[place] = value
            gradients[name][place] = (above - below) / (2 * STEP)
    return gradients


def gradient_errors(gradients: dict[str, Array], numerical: dict[str, Array]) -> dict[str, float]:
    """For every weight ||g - n|| / (||g|| + ||n||): below 1e-6 is rounding, 1e-3 is a mistake.

    A gradient smaller than a ten-thousandth of the whole gradient is compared with that instead:
    the rounding error of a difference depends on the loss, not on the size of this gradient.
    """
    whole = 1e-4 * global_norm(numerical)
    errors = {}
    for name, expected in numerical.items():
        size = float(np.linalg.norm(gradients[name]) + np.linalg.norm(expected))
        difference = float(np.linalg.norm(gradients[name] - expected))
        errors[name] = difference / max(size, whole) if difference > 0 else 0.0
    return errors
