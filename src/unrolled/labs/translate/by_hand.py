"""Attention to three keys, in NumPy. In: a seed. Out: a `Worked`; next: `page`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Array = np.ndarray

KEYS, SIZE = 3, 2
NUDGE = 1e-6


@dataclass(frozen=True)
class Worked:
    """The keys, the query, the results, and two derivatives."""

    keys: Array  # (KEYS, SIZE)
    query: Array
    scores: Array
    weights: Array
    context: Array
    largest_error: float  # of `backward` against the slopes


def look(query: Array, keys: Array) -> tuple[Array, Array, Array]:
    """Scores, weights, and the mean of the keys with these weights."""
    scores = keys @ query
    raised = np.exp(scores - scores.max())
    weights = raised / raised.sum()
    return scores, weights, weights @ keys


def backward(d_context: Array, query: Array, keys: Array) -> tuple[Array, Array]:
    """The derivatives of the loss with respect to the query and the keys."""
    _, weights, context = look(query, keys)
    d_weights = keys @ d_context
    d_scores = weights * (d_weights - d_context @ context)  # the softmax, differentiated
    d_query = keys.T @ d_scores
    d_keys = np.outer(weights, d_context) + np.outer(d_scores, query)
    return d_query, d_keys


def slopes(loss: Callable[[], float], numbers: Array) -> Array:
    """Central differences with respect to an array, which is changed in place."""
    found = np.zeros_like(numbers)
    for place in np.ndindex(numbers.shape):
        kept, losses = numbers[place], []
        for nudge in (NUDGE, -NUDGE):
            numbers[place] = kept + nudge
            losses.append(loss())
        numbers[place] = kept
        found[place] = (losses[0] - losses[1]) / (2 * NUDGE)
    return found


def work_out(seed: int) -> Worked:
    draw = np.random.default_rng(seed)
    keys, query, d_context = (
        draw.normal(size=(KEYS, SIZE)), draw.normal(size=SIZE), draw.normal(size=SIZE),
    )  # fmt: skip

    def loss() -> float:
        return float(look(query, keys)[2] @ d_context)

    d_query, d_keys = backward(d_context, query, keys)
    errors = (np.abs(d_query - slopes(loss, query)), np.abs(d_keys - slopes(loss, keys)))
    return Worked(keys, query, *look(query, keys), max(float(one.max()) for one in errors))
