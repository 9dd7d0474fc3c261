"""A tagger as one ONNX graph. In: its network. Out: the model; next: `live_page.export_tagger`.

The inputs are the index of each word (batch, time), the indices of its letters (batch, time,
letters), the number of its letters, and the length of each sentence; the outputs are the best tags
(batch, time) and the probability of each tag (batch, time, tags).
"""

from __future__ import annotations

from typing import Any

import numpy as np

import unrolled
from unrolled.exports.network import network_of
from unrolled.exports.onnx_graph import INT64, Graph, model_of
from unrolled.exports.onnx_layers import Layers, first_states
from unrolled.networks.characters import WIDTH, CharacterEncoder
from unrolled.tasks.live import array
from unrolled.tasks.tag.model import TagNetwork
from unrolled.tasks.tag.onnx_crf import FieldWriter


def tagger_model(model: TagNetwork) -> Any:
    """Inputs `words`, `lengths`, and if letters are used `letters` and `letter_counts`; outputs
    `tags` and `probabilities`, which are 0 after the end of a sentence."""
    network = network_of(model.recurrent)
    g = Graph(network.dtype)
    words, lengths = g.fresh("words"), g.fresh("lengths")
    inputs = [g.value(words, ["batch", "time"], INT64), g.value(lengths, ["batch"], INT64)]
    results = [g.fresh("tags"), g.fresh("probabilities")]
    vectors = g.add("Gather", g.constant(array(model.embed.weight), "embedding"), words, axis=0)
    if model.characters is not None:
        letters, counts = g.fresh("letters"), g.fresh("letter_counts")
        inputs += [g.value(letters, ["batch", "time", "letters"], INT64),
                   g.value(counts, ["batch", "time"], INT64)]  # fmt: skip
        shape = g.add("Concat", g.add("Shape", words), g.integers(model.characters.size), axis=0)
        spelled = g.add("Reshape", _spelled(g, model.characters, letters, counts), shape)
        vectors = g.add("Concat", vectors, spelled, axis=2)
    x = g.add("Transpose", vectors, perm=[1, 0, 2])
    batch = g.add("Gather", g.add("Shape", x), g.integers(1), axis=0)
    layers = Layers(g, network)
    y, _ = layers.write(x, first_states(g, network, batch), lengths)
    product = g.add("MatMul", y, g.constant(array(model.readout.weight).T, "V"))
    scores = g.add("Add", product, g.constant(array(model.readout.bias), "c"))
    field = FieldWriter(g, model.crf, scores, layers.inside(x, lengths))
    g.rename(g.add("Transpose", field.best(), perm=[1, 0]), results[0])
    g.rename(g.add("Transpose", field.chances(), perm=[1, 0, 2]), results[1])
    outputs = [g.value(results[0], ["batch", "time"], INT64),
               g.value(results[1], ["batch", "time", len(model.readout.bias)])]  # fmt: skip
    about = f"A tagger of words.\n\n{network.equation.text}"
    return model_of(g.build("tagger", inputs, outputs), about, unrolled.__version__)


def _spelled(g: Graph, model: CharacterEncoder, letters: str, counts: str) -> str:
    """The encoding of each word's letters, (words, size); padding counts as a one-letter word."""
    one = g.constant(1, "number", np.int64)
    longest = g.add("Gather", g.add("Shape", letters), g.integers(2), axis=0)
    shape = g.add("Concat", g.integers(-1), longest, axis=0)
    flat = g.add("Reshape", letters, shape)  # (words, letters)
    lengths = g.add("Max", g.add("Reshape", counts, g.integers(-1)), one)
    vectors = g.add("Gather", g.constant(array(model.embed.weight), "letters"), flat, axis=0)
    if model.recurrent is not None:
        x = g.add("Transpose", vectors, perm=[1, 0, 2])
        network = network_of(model.recurrent)
        batch = g.add("Gather", g.add("Shape", x), g.integers(1), axis=0)
        _, states = Layers(g, network).write(x, first_states(g, network, batch), lengths)
        ends = g.add("Transpose", states[0], perm=[1, 0, 2])  # (words, directions, units)
        return g.add("Reshape", ends, g.integers(-1, model.size))
    assert model.convolution is not None
    assert model.convolution.bias is not None
    found = g.add(
        "Conv", g.add("Transpose", vectors, perm=[0, 2, 1]),
        g.constant(array(model.convolution.weight), "K"),
        g.constant(array(model.convolution.bias), "k"), pads=[WIDTH // 2, WIDTH // 2],
    )  # fmt: skip
    steps = g.add("Squeeze", longest, g.integers(0))
    every = g.add("Range", g.constant(0, "number", np.int64), steps, one)
    inside = g.add("Less", every, g.add("Unsqueeze", lengths, g.integers(1, 2)))
    masked = g.add("Where", inside, found, g.constant(-np.inf))
    return g.add("ReduceMax", masked, axes=[2], keepdims=0)
