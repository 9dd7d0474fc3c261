"""The GRU (Cho et al. 2014; reset after the product, as in PyTorch), written out in NumPy.

    r = sigmoid(W_r x_t + U_r h_{t-1} + b_r)     how much of the old state the new value sees
    z = sigmoid(W_z x_t + U_z h_{t-1} + b_z)     how much of the old state is kept
    m = U_n h_{t-1} + c_n
    n = tanh(W_n x_t + b_n + r * m)              the new value
    h_t = (1 - z) * n + z * h_{t-1}

The output is y_t = V h_t + c, as in `elman`, from which the loss, clipping and the update come:
they are the same in every network. Arrays hold columns: xs is (T, I, B), the state (H, B).
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
    """Uniform within 1 / sqrt(hidden), and zero biases."""
    random = np.random.default_rng(seed)
    bound = 1 / np.sqrt(hidden)
    weights = {}
    for gate in "rzn":
        weights[f"W_{gate}"] = random.uniform(-bound, bound, (hidden, inputs))
        weights[f"U_{gate}"] = random.uniform(-bound, bound, (hidden, hidden))
        weights[f"b_{gate}"] = np.zeros(hidden)
    weights["c_n"] = np.zeros(hidden)
    weights["V"] = random.uniform(-bound, bound, (outputs, hidden))
    weights["c"] = np.zeros(outputs)
    return weights


def cell_forward(x: Array, h_prev: Array, weights: Weights) -> tuple[Array, Cache]:
    """One step: the new state, and a cache of what the backward step needs."""
    w = weights
    r = sigmoid(w["W_r"] @ x + w["U_r"] @ h_prev + w["b_r"][:, None])
    z = sigmoid(w["W_z"] @ x + w["U_z"] @ h_prev + w["b_z"][:, None])
    m = w["U_n"] @ h_prev + w["c_n"][:, None]
    n = np.tanh(w["W_n"] @ x + w["b_n"][:, None] + r * m)
    h = (1 - z) * n + z * h_prev
    return h, {"x": x, "h_prev": h_prev, "r": r, "z": z, "m": m, "n": n, "h": h}


def cell_backward(d_h: Array, cache: Cache, weights: Weights) -> Weights:
    """One step back: the chain rule, from the last line of the step to the first."""
    w = weights
    x, h_prev = cache["x"], cache["h_prev"]
    r, z, m, n = (cache[name] for name in "rzmn")

    d_n = d_h * (1 - z)  # h = (1 - z) * n + z * h_prev
    d_z = d_h * (h_prev - n)
    d_net_n = d_n * (1 - n**2)  # the slope of the tanh
    d_m = d_net_n * r  # n = tanh(... + r * m)
    d_r = d_net_n * m
    d_net_r = d_r * r * (1 - r)  # the slope of the sigmoid
    d_net_z = d_z * z * (1 - z)
    return {
        "d_n": d_n, "d_z": d_z, "d_net_n": d_net_n, "d_m": d_m, "d_r": d_r,
        "d_net_r": d_net_r, "d_net_z": d_net_z,
        "d_x": w["W_r"].T @ d_net_r + w["W_z"].T @ d_net_z + w["W_n"].T @ d_net_n,
        "d_h_prev": d_h * z
        + w["U_r"].T @ d_net_r + w["U_z"].T @ d_net_z + w["U_n"].T @ d_m,
        "d_W_r": d_net_r @ x.T, "d_U_r": d_net_r @ h_prev.T, "d_b_r": d_net_r.sum(axis=1),
        "d_W_z": d_net_z @ x.T, "d_U_z": d_net_z @ h_prev.T, "d_b_z": d_net_z.sum(axis=1),
        "d_W_n": d_net_n @ x.T, "d_U_n": d_m @ h_prev.T, "d_b_n": d_net_n.sum(axis=1),
        "d_c_n": d_m.sum(axis=1),
    }  # fmt: skip


def forward(xs: Array, weights: Weights) -> tuple[Array, list[Cache]]:
    """From the first step to the last: every output, and every cache."""
    V, c = weights["V"], weights["c"]
    T, _, B = xs.shape
    h = np.zeros((len(weights["b_r"]), B))
    ys, caches = [], []
    for t in range(T):
        h, cache = cell_forward(xs[t], h, weights)
        ys.append(V @ h + c[:, None])
        caches.append(cache)
    return np.stack(ys), caches


def backward(d_ys: Array, caches: list[Cache], weights: Weights) -> Weights:
    """Backpropagation through time: from the last step to the first, every gradient summed."""
    gradients = {name: np.zeros_like(weight) for name, weight in weights.items()}
    d_h_next = np.zeros_like(caches[-1]["h"])
    for t in reversed(range(len(caches))):
        gradients["V"] += d_ys[t] @ caches[t]["h"].T
        gradients["c"] += d_ys[t].sum(axis=1)
        d_h = weights["V"].T @ d_ys[t] + d_h_next
        step = cell_backward(d_h, caches[t], weights)
        for name in weights:
            if name not in ("V", "c"):
                gradients[name] += step["d_" + name]
        d_h_next = step["d_h_prev"]
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
