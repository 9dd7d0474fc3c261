"""The error of int8 weights. In: a `Network`. Out: the change of its outputs; next: `export`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from unrolled.equations import interpret
from unrolled.exports.int8 import in_int8
from unrolled.exports.network import Array, Direction, Network

STEPS = 100


def largest_difference(network: Network) -> tuple[float, float]:
    """The largest change of an output over random inputs, and the largest output."""
    random = np.random.default_rng(0)
    xs = random.normal(size=(STEPS, network.input_size))
    named = {name: random.uniform(size=(STEPS, width)) for name, width in network.named.items()}
    exact = outputs(network, xs, named)
    rounded = outputs(with_weights(network, in_int8), xs, named)
    return float(np.abs(rounded - exact).max()), float(np.abs(exact).max())


def with_weights(network: Network, change: Callable[[Array], Array]) -> Network:
    """The network with every matrix changed."""
    layers = tuple(
        tuple(
            Direction(d.sizes, {n: change(w) if w.ndim == 2 else w for n, w in d.weights.items()})
            for d in directions
        )
        for directions in network.layers
    )
    readout = network.readout and (change(network.readout[0]), network.readout[1])
    return replace(network, layers=layers, readout=readout)


def outputs(network: Network, xs: Array, named: Mapping[str, Array] | None = None) -> Array:
    """One sequence through all layers in float64, (T, I) to (T, outputs)."""
    for (direction,) in network.layers:
        weights = {name: weight.astype(np.float64) for name, weight in direction.weights.items()}
        sizes = {n: s for n, s in direction.sizes.items() if n in network.equation.sizes}
        xs = interpret.forward(network.equation, weights, xs, None, named, **sizes).outputs
    if network.readout is not None:
        xs = xs @ network.readout[0].T + network.readout[1]
    return xs
