"""The simple recurrent network (Elman 1990), written out: one file, NumPy and nothing else.

    h_t = tanh(W x_t + U h_{t-1} + b)        the state
    y_t = V h_t + c                          the output

Read it from top to bottom: initialize, one time step forward and backward, the sequence forward,
the loss, backpropagation through time, clipping, the update, training. Arrays hold columns, one
for each sequence of the batch: xs is (T, I, B), a state (H, B), ys (T, K, B). A name that begins
with `d_` is the derivative of the loss with respect to what follows. Next: `deep`, `lstm`, `gru`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Weights = dict[str, Array]
Cache = dict[str, Array]
Loss = Callable[[Array, Array], tuple[float, Array]]


def initialize(inputs: int, hidden: int, outputs: int, seed: int = 0) -> Weights:
    """Small random weights, uniform within 1 / sqrt(hidden) of zero, and zero biases."""
    random = np.random.default_rng(seed)
    bound = 1 / np.sqrt(hidden)
    return {
        "W": random.uniform(-bound, bound, (hidden, inputs)),
        "U": random.uniform(-bound, bound, (hidden, hidden)),
        "b": np.zeros(hidden),
        "V": random.uniform(-bound, bound, (outputs, hidden)),
        "c": np.zeros(outputs),
    }


# ----------------------------------------------------------------------------------- one time step


def sigmoid(net: Array) -> Array:
    """1 / (1 + exp(-net)), written with tanh so that exp cannot overflow."""
    result: Array = 0.5 * (1 + np.tanh(0.5 * net))
    return result


# For each nonlinearity: the function, and its slope in terms of its own result h.
NONLINEARITIES: dict[str, tuple[Callable[[Array], Array], Callable[[Array], Array]]] = {
    "tanh": (np.tanh, lambda h: 1 - h**2),
    "sigmoid": (sigmoid, lambda h: h * (1 - h)),
    "relu": (lambda net: np.maximum(net, 0.0), lambda h: (h > 0).astype(h.dtype)),
    "identity": (lambda net: net, np.ones_like),
}


def cell_forward(
    x: Array, h_prev: Array, weights: Weights, nonlinearity: str = "tanh"
) -> tuple[Array, Cache]:
    """One step: the new state, and a cache of what the backward step needs."""
    W, U, b = weights["W"], weights["U"], weights["b"]
    function, _ = NONLINEARITIES[nonlinearity]
    h = function(W @ x + U @ h_prev + b[:, None])
    return h, {"x": x, "h_prev": h_prev, "h": h}


def cell_backward(
    d_h: Array, cache: Cache, weights: Weights, nonlinearity: str = "tanh"
) -> Weights:
    """One step back: from the derivative with respect to h_t to those of all inputs of the step."""
    W, U = weights["W"], weights["U"]
    x, h_prev, h = cache["x"], cache["h_prev"], cache["h"]
    _, slope = NONLINEARITIES[nonlinearity]
    d_net_h = d_h * slope(h)
    return {
        "d_net_h": d_net_h,
        "d_x": W.T @ d_net_h,
        "d_h_prev": U.T @ d_net_h,
        "d_W": d_net_h @ x.T,
        "d_U": d_net_h @ h_prev.T,
        "d_b": d_net_h.sum(axis=1),
    }


# --------------------------------------------------------------------------------- a whole sequence


def forward(xs: Array, weights: Weights, nonlinearity: str = "tanh") -> tuple[Array, list[Cache]]:
    """From the first step to the last: every output, and every cache."""
    V, c = weights["V"], weights["c"]
    T, _, B = xs.shape
    h = np.zeros((len(weights["b"]), B))
    ys, caches = [], []
    for t in range(T):
        h, cache = cell_forward(xs[t], h, weights, nonlinearity)
        ys.append(V @ h + c[:, None])
        caches.append(cache)
    return np.stack(ys), caches


def cross_entropy(ys: Array, targets: Array) -> tuple[float, Array]:
    """-log p of the true class, summed over time, averaged over the batch; and its derivative.

    p = softmax(y). `targets` (T, B) holds class numbers.
    """
    _, K, B = ys.shape
    shifted = ys - ys.max(axis=1, keepdims=True)  # the same p, and exp cannot overflow
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    right = np.eye(K)[targets].swapaxes(1, 2)  # (T, K, B): 1 at the true class, else 0
    loss = -(right * log_p).sum() / B
    return float(loss), (np.exp(log_p) - right) / B


def squared_error(ys: Array, targets: Array) -> tuple[float, Array]:
    """(y - target)^2, summed over time, averaged over outputs and batch; and its derivative."""
    _, K, B = ys.shape
    difference = ys - targets
    return float((difference**2).sum() / (K * B)), 2 * difference / (K * B)


def backward(
    d_ys: Array, caches: list[Cache], weights: Weights, nonlinearity: str = "tanh"
) -> Weights:
    """Backpropagation through time: from the last step to the first, every gradient summed."""
    gradients = {name: np.zeros_like(weight) for name, weight in weights.items()}
    d_h_next = np.zeros_like(caches[-1]["h"])
    for t in reversed(range(len(caches))):
        gradients["V"] += d_ys[t] @ caches[t]["h"].T
        gradients["c"] += d_ys[t].sum(axis=1)
        d_h = weights["V"].T @ d_ys[t] + d_h_next  # h_t is used by y_t and by step t + 1
        step = cell_backward(d_h, caches[t], weights, nonlinearity)
        for name in ("W", "U", "b"):
            gradients[name] += step["d_" + name]
        d_h_next = step["d_h_prev"]
    return gradients


# ---------------------------------------------------------------------------------------- learning


def clip(gradients: Weights, limit: float) -> Weights:
    """Scale all gradients together so that their norm is at most `limit`."""
    norm = np.sqrt(sum((gradient**2).sum() for gradient in gradients.values()))
    scale = min(1.0, limit / norm) if norm > 0 else 1.0
    return {name: scale * gradient for name, gradient in gradients.items()}


def update(weights: Weights, gradients: Weights, rate: float) -> None:
    """Gradient descent: subtract a multiple of the gradient from every weight, in place."""
    for name in weights:
        weights[name] -= rate * gradients[name]


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
