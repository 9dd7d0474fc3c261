"""Prediction. In: a trained network and the beginning of a sequence. Out: its continuation.

`predict_next` predicts one step ahead. To predict further, each output is fed back as the next
input: values directly (to continue a wave), symbols after sampling (to continue a text).
"""

from __future__ import annotations

import numpy as np

from unrolled.errors import ArgumentError
from unrolled.textbook.cell import Array
from unrolled.textbook.losses import softmax
from unrolled.textbook.network import LayerStates, Network


def one_hot(codes: Array, size: int) -> Array:
    """Symbol numbers (T, B) as inputs (T, size, B): a one at the symbol's place, else zeros."""
    codes = np.asarray(codes)
    if codes.size and not (codes.min() >= 0 and codes.max() < size):
        raise ArgumentError(
            f"symbols are numbered from 0 to {size - 1}, and {codes.min()} to {codes.max()} came"
        )
    return np.eye(size)[codes].swapaxes(-1, -2)


def predict_next(network: Network, xs: Array) -> Array:
    """The last output, (K, B), after the whole sequence: the next value, or scores of classes."""
    last: Array = network.forward(xs).outputs[-1]
    return last


def generate_values(network: Network, start: Array, count: int) -> Array:
    """`count` further values (count, I, B) after the sequence `start` (T, I, B)."""
    if network.output_size != network.input_size:
        raise ArgumentError(
            f"each output becomes the next input, so the network needs as many outputs "
            f"({network.output_size}) as inputs ({network.input_size})"
        )
    _check_feedback(network, len(start), count)
    trace = network.forward(start)
    values = [trace.outputs[-1]]
    while len(values) < count:
        trace = network.forward(values[-1][None], trace.states)
        values.append(trace.outputs[-1])
    return np.stack(values)


def generate_symbols(
    network: Network,
    start: Array,
    count: int,
    *,
    temperature: float = 1.0,
    seed: int | None = None,
) -> Array:
    """`count` further symbol numbers (count,) after the symbol numbers `start` (T,).

    The softmax of the outputs, divided by the temperature, gives the probabilities. A temperature
    of 1 uses those of the network, a smaller one makes likely symbols likelier, and 0 always takes
    the likeliest symbol.
    """
    start = np.asarray(start)
    if not temperature >= 0:
        raise ArgumentError(f"a temperature is 0 or more, not {temperature!r}")
    _check_feedback(network, len(start), count)
    random = np.random.default_rng(seed)
    symbols: list[int] = []
    states: LayerStates | None = None
    latest = start[:, None]
    while len(symbols) < count:
        trace = network.forward(one_hot(latest, network.input_size), states)
        symbols.append(draw(trace.outputs[-1, :, 0], temperature, random))
        latest, states = np.array([symbols[-1:]]), trace.states
    return np.array(symbols)


def draw(scores: Array, temperature: float, random: np.random.Generator) -> int:
    """Sample one symbol from softmax(scores / temperature)."""
    if temperature == 0:
        return int(scores.argmax())
    # without the largest, a tiny temperature sends the others to -inf, and that is their limit
    with np.errstate(over="ignore"):
        sharpened = (scores - scores.max()) / temperature
    probabilities = softmax(sharpened[:, None])[:, 0]
    return int(random.choice(len(scores), p=probabilities))


def _check_feedback(network: Network, length: int, count: int) -> None:
    if network.many_to != "many":
        raise ArgumentError(
            "this network was built with many_to='one': what is fed back step by step needs an "
            "output at every step, many_to='many'"
        )
    if length < 1 or count < 1:
        raise ArgumentError(
            f"a continuation needs a beginning of one step or more (there are {length}) and a "
            f"count of one or more (it is {count})"
        )
