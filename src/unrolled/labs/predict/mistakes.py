"""A common mistake in the backward pass, and how to find it. In: a seed. Out: a `Version` of each.

`bptt` is backpropagation through time for the Elman network, written out. Two switches make the
mistakes: using the last hidden state at every step of the backward pass, and counting the input
twice. The gradient check finds them at once; the falling loss does not reveal them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from unrolled.cells import Elman
from unrolled.textbook import (
    SGD,
    Network,
    clip_by_norm,
    gradient_errors,
    mean_squared_error,
    numerical_gradients,
)

Array = np.ndarray
Gradients = dict[str, Array]

STEPS, BATCH = 12, 40
HIDDEN = 16
RATE = 0.1
DELAY = 3  # the target is the current input times the one this many steps earlier

VERSIONS = {
    "right": (False, False),
    "last state everywhere": (True, False),
    "input counted twice": (False, True),
    "both": (True, True),
}


@dataclass(frozen=True)
class Version:
    """One way to compute the gradient: its error for each weight, and the losses in training."""

    name: str
    errors: dict[str, float]
    cosine: float
    losses: list[float]


def bptt(
    weights: Gradients, xs: Array, targets: Array, last_everywhere: bool, input_twice: bool
) -> tuple[float, Gradients]:
    """The loss and its gradient; correct if both switches are off."""
    W, U, b, V, c = weights.values()
    hs = [np.zeros((len(U), xs.shape[2]))]
    for x in xs:
        hs.append(np.tanh(W @ x + U @ hs[-1] + b[:, None]))
    outputs = np.stack([V @ h + c[:, None] for h in hs[1:]])
    losses, d_ys = mean_squared_error(outputs, targets)

    d_W, d_U, d_b, d_V, d_c = gradients = [np.zeros_like(weight) for weight in weights.values()]
    d_h_next = np.zeros_like(hs[0])
    for t in reversed(range(len(xs))):
        h, h_prev = (hs[-1], hs[-1]) if last_everywhere else (hs[t + 1], hs[t])
        d_net = (V.T @ d_ys[t] + d_h_next) * (1 - h**2)
        d_V += d_ys[t] @ h.T
        d_c += d_ys[t].sum(axis=1)
        d_W += d_net @ xs[t].T * (2 if input_twice else 1)
        d_U += d_net @ h_prev.T
        d_b += d_net.sum(axis=1)
        d_h_next = U.T @ d_net
    return float(losses.sum()), dict(zip(weights, gradients))


def delayed_product(count: int, random: np.random.Generator) -> tuple[Array, Array]:
    """y_t = x_t * x_{t - 3}, which requires memory and a product."""
    xs = random.uniform(-1, 1, (STEPS, 1, count))
    before = np.concatenate([np.zeros((DELAY, 1, count)), xs[:-DELAY]])
    return xs, xs * before


def compare(seed: int, updates: int, done: Callable[[str], None]) -> list[Version]:
    random = np.random.default_rng(seed)
    pair = delayed_product(BATCH, random)
    stream = [delayed_product(BATCH, random) for _ in range(updates)]
    versions = []
    for name, switches in VERSIONS.items():
        network = Network(Elman, 1, HIDDEN, 1, loss="mean_squared_error", seed=seed)
        weights = network.weights
        slopes = numerical_gradients(network, *pair)
        _, gradients = bptt(weights, *pair, *switches)
        optimizer, losses = SGD(RATE), []
        for batch in stream:
            loss, step = bptt(weights, *batch, *switches)
            losses.append(loss / STEPS)
            optimizer.step(weights, clip_by_norm(step, 1.0))
        versions.append(
            Version(name, gradient_errors(gradients, slopes), cosine(gradients, slopes), losses)
        )
        done(name)
    return versions


def cosine(first: Gradients, second: Gradients) -> float:
    """The cosine of the angle: 1 for the same direction, 0 for a right angle."""
    a, b = (np.concatenate([g.ravel() for g in part.values()]) for part in (first, second))
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))
