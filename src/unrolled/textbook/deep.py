"""A deep Elman network, written out in NumPy: several stacked layers.

    h1_t = tanh(W1 x_t  + U1 h1_{t-1} + b1)
    h2_t = tanh(W2 h1_t + U2 h2_{t-1} + b2)      the input of a layer is the state of the one below
    y_t = V h2_t + c

for any number of layers. One step of a layer is `elman.cell_forward`. What is new is the order:
forward from the bottom layer to the top, backward from the top to the bottom. At every time step a
state gets derivatives from two sides: from the layer above and from the next step.
"""

from __future__ import annotations

import numpy as np

from unrolled.textbook.elman import (
    Array,
    Cache,
    Loss,
    Weights,
    cell_backward,
    cell_forward,
    clip,
    cross_entropy,
    update,
)


def initialize(inputs: int, hidden: int, outputs: int, layers: int, seed: int = 0) -> Weights:
    """W1, U1, b1, W2, ...: only the first layer reads the input."""
    random = np.random.default_rng(seed)
    bound = 1 / np.sqrt(hidden)
    weights = {}
    for layer in range(1, layers + 1):
        size = inputs if layer == 1 else hidden
        weights[f"W{layer}"] = random.uniform(-bound, bound, (hidden, size))
        weights[f"U{layer}"] = random.uniform(-bound, bound, (hidden, hidden))
        weights[f"b{layer}"] = np.zeros(hidden)
    weights["V"] = random.uniform(-bound, bound, (outputs, hidden))
    weights["c"] = np.zeros(outputs)
    return weights


def depth(weights: Weights) -> int:
    """The number of layers: three arrays per layer, and V and c."""
    return (len(weights) - 2) // 3


def of_layer(weights: Weights, layer: int) -> Weights:
    """The W, U and b of one layer: the same arrays, not copies."""
    return {name: weights[f"{name}{layer}"] for name in "WUb"}


def forward(xs: Array, weights: Weights) -> tuple[Array, list[list[Cache]]]:
    """Every output, and the caches: `caches[t][layer - 1]`."""
    layers, (T, _, B) = depth(weights), xs.shape
    hs = [np.zeros((len(weights["b1"]), B)) for _ in range(layers)]
    ys, caches = [], []
    for t in range(T):
        below, step_caches = xs[t], []
        for layer in range(1, layers + 1):
            h, cache = cell_forward(below, hs[layer - 1], of_layer(weights, layer))
            hs[layer - 1] = below = h
            step_caches.append(cache)
        ys.append(weights["V"] @ below + weights["c"][:, None])
        caches.append(step_caches)
    return np.stack(ys), caches


def backward(d_ys: Array, caches: list[list[Cache]], weights: Weights) -> Weights:
    """Backpropagation through time and, at every step, through the layers."""
    layers = depth(weights)
    gradients = {name: np.zeros_like(weight) for name, weight in weights.items()}
    d_hs_next = [np.zeros_like(cache["h"]) for cache in caches[-1]]
    for t in reversed(range(len(caches))):
        gradients["V"] += d_ys[t] @ caches[t][-1]["h"].T
        gradients["c"] += d_ys[t].sum(axis=1)
        d_above = weights["V"].T @ d_ys[t]
        for layer in reversed(range(1, layers + 1)):
            d_h = d_above + d_hs_next[layer - 1]
            step = cell_backward(d_h, caches[t][layer - 1], of_layer(weights, layer))
            for name in "WUb":
                gradients[f"{name}{layer}"] += step[f"d_{name}"]
            d_hs_next[layer - 1] = step["d_h_prev"]
            d_above = step["d_x"]  # the input of this layer is the state of the one below
    return gradients


def train(
    xs: Array, targets: Array, weights: Weights, loss_function: Loss = cross_entropy,
    rate: float = 0.1, limit: float = 1.0, epochs: int = 100,
) -> list[float]:  # fmt: skip
    """Train the weights in place; returns the loss before each update."""
    losses = []
    for _ in range(epochs):
        ys, caches = forward(xs, weights)
        loss, d_ys = loss_function(ys, targets)
        gradients = clip(backward(d_ys, caches, weights), limit)
        update(weights, gradients, rate)
        losses.append(loss)
    return losses
