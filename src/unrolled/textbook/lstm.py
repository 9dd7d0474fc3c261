"""The LSTM (Hochreiter & Schmidhuber 1997; forget gate: Gers et al. 2000), written out in NumPy.

    i = sigmoid(W_i x_t + U_i h_{t-1} + b_i)     how much of the new value is written
    f = sigmoid(W_f x_t + U_f h_{t-1} + b_f)     how much of the old cell state is kept
    g = tanh(W_g x_t + U_g h_{t-1} + b_g)        the new value
    o = sigmoid(W_o x_t + U_o h_{t-1} + b_o)     how much of the cell state is output
    c_t = f * c_{t-1} + i * g
    h_t = o * tanh(c_t)

The output is y_t = V h_t + c, as in `elman`, from which the loss, clipping and the update come:
they are the same in every network. Arrays hold columns: xs is (T, I, B), a state (H, B).
"""

from __future__ import annotations

import numpy as np

from unrolled.textbook.elman import (
    Array,
    Cache,
    Loss,
    Weights,
    clip,
    cross_entropy,
    sigmoid,
    update,
)


def initialize(inputs: int, hidden: int, outputs: int, seed: int = 0) -> Weights:
    """Uniform within 1 / sqrt(hidden); the forget gate starts open, with a bias of one."""
    random = np.random.default_rng(seed)
    bound = 1 / np.sqrt(hidden)
    weights = {}
    for gate in "ifgo":
        weights[f"W_{gate}"] = random.uniform(-bound, bound, (hidden, inputs))
        weights[f"U_{gate}"] = random.uniform(-bound, bound, (hidden, hidden))
        weights[f"b_{gate}"] = np.full(hidden, 1.0 if gate == "f" else 0.0)
    weights["V"] = random.uniform(-bound, bound, (outputs, hidden))
    weights["c"] = np.zeros(outputs)
    return weights


def cell_forward(
    x: Array, h_prev: Array, c_prev: Array, weights: Weights
) -> tuple[Array, Array, Cache]:
    """One step: both new states, and a cache of what the backward step needs."""

    def net(gate: str) -> Array:
        W, U, b = weights[f"W_{gate}"], weights[f"U_{gate}"], weights[f"b_{gate}"]
        total: Array = W @ x + U @ h_prev + b[:, None]
        return total

    i = sigmoid(net("i"))
    f = sigmoid(net("f"))
    g = np.tanh(net("g"))
    o = sigmoid(net("o"))
    c = f * c_prev + i * g
    h = o * np.tanh(c)
    cache = {
        "x": x, "h_prev": h_prev, "c_prev": c_prev,
        "i": i, "f": f, "g": g, "o": o, "c": c, "h": h,
    }  # fmt: skip
    return h, c, cache


def cell_backward(d_h: Array, d_c_next: Array, cache: Cache, weights: Weights) -> Weights:
    """One step back: the chain rule, from the last line of the step to the first."""
    x, h_prev, c_prev = cache["x"], cache["h_prev"], cache["c_prev"]
    i, f, g, o, c = (cache[name] for name in "ifgoc")

    d_o = d_h * np.tanh(c)  # h = o * tanh(c)
    d_c = d_c_next + d_h * o * (1 - np.tanh(c) ** 2)  # c reaches h_t and c_{t+1}
    d_f = d_c * c_prev  # c = f * c_prev + i * g
    d_i = d_c * g
    d_g = d_c * i
    d_net = {
        "i": d_i * i * (1 - i),  # the slope of the sigmoid
        "f": d_f * f * (1 - f),
        "g": d_g * (1 - g**2),  # the slope of the tanh
        "o": d_o * o * (1 - o),
    }
    step = {"d_c": d_c, "d_i": d_i, "d_f": d_f, "d_g": d_g, "d_o": d_o, "d_c_prev": d_c * f}
    step["d_x"] = np.zeros_like(x)
    step["d_h_prev"] = np.zeros_like(h_prev)
    for gate in "ifgo":
        step[f"d_net_{gate}"] = d_net[gate]
        step[f"d_W_{gate}"] = d_net[gate] @ x.T
        step[f"d_U_{gate}"] = d_net[gate] @ h_prev.T
        step[f"d_b_{gate}"] = d_net[gate].sum(axis=1)
        step["d_x"] += weights[f"W_{gate}"].T @ d_net[gate]
        step["d_h_prev"] += weights[f"U_{gate}"].T @ d_net[gate]
    return step


def forward(xs: Array, weights: Weights) -> tuple[Array, list[Cache]]:
    """From the first step to the last: every output, and every cache."""
    V, bias = weights["V"], weights["c"]
    T, _, B = xs.shape
    h = c = np.zeros((len(weights["b_i"]), B))
    ys, caches = [], []
    for t in range(T):
        h, c, cache = cell_forward(xs[t], h, c, weights)
        ys.append(V @ h + bias[:, None])
        caches.append(cache)
    return np.stack(ys), caches


def backward(d_ys: Array, caches: list[Cache], weights: Weights) -> Weights:
    """Backpropagation through time: two derivatives are propagated back, those of h and of c."""
    gradients = {name: np.zeros_like(weight) for name, weight in weights.items()}
    d_h_next = np.zeros_like(caches[-1]["h"])
    d_c_next = np.zeros_like(caches[-1]["c"])
    for t in reversed(range(len(caches))):
        gradients["V"] += d_ys[t] @ caches[t]["h"].T
        gradients["c"] += d_ys[t].sum(axis=1)
        d_h = weights["V"].T @ d_ys[t] + d_h_next
        step = cell_backward(d_h, d_c_next, caches[t], weights)
        for gate in "ifgo":
            for name in (f"W_{gate}", f"U_{gate}", f"b_{gate}"):
                gradients[name] += step["d_" + name]
        d_h_next, d_c_next = step["d_h_prev"], step["d_c_prev"]
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
