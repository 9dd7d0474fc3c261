"""A classifier's network as one ONNX graph. In: a `Labeller` and its encoder. Out: the model; next:
`Classifier.export_as`.

It takes token numbers (batch, time), or values as they are in the data (batch, time, channels),
and each sequence's length, and gives the probability of each class.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import unrolled
from unrolled.exports.network import network_of
from unrolled.exports.onnx_graph import Graph, model_of
from unrolled.exports.onnx_layers import Layers, first_states
from unrolled.tasks.classify.encoders import Encoder, SeriesEncoder
from unrolled.tasks.classify.model import Labeller

INT64, FLOAT32 = 7, 1


def classifier_model(model: Labeller, encoder: Encoder) -> Any:
    """Inputs `tokens` or `values`, and `lengths`; output `probabilities` (batch, classes)."""
    network = network_of(model.recurrent)
    g = Graph(network.dtype)
    lengths = g.fresh("lengths")
    if isinstance(encoder, SeriesEncoder):
        given = g.fresh("values")
        described = g.value(given, ["batch", "time", encoder.inputs], FLOAT32)
        inputs = _scaled(g, given, encoder)
    else:
        assert model.embed is not None
        given = g.fresh("tokens")
        described = g.value(given, ["batch", "time"], INT64)
        table = g.constant(_array(model.embed.weight), "embedding")
        inputs = g.add("Gather", table, given, axis=0)
    result = g.fresh("probabilities")
    x = g.add("Transpose", inputs, perm=[1, 0, 2])
    batch = g.add("Gather", g.add("Shape", x), g.integers(1), axis=0)
    layers = Layers(g, network)
    y, finals = layers.write(x, first_states(g, network, batch), lengths)
    pooled = _pooled(g, model, layers, y, finals[0], x, lengths)
    weight, bias = _array(model.readout.weight), _array(model.readout.bias)
    scores = g.add("Add", g.add("MatMul", pooled, g.constant(weight.T, "V")),
                   g.constant(bias, "c"))  # fmt: skip
    g.rename(g.add("Softmax", scores, axis=-1), result)
    outputs = [g.value(result, ["batch", len(bias)])]
    about = f"A classifier of sequences.\n\n{network.equation.text}"
    graph = g.build("classifier", [described, g.value(lengths, ["batch"], INT64)], outputs)
    return model_of(graph, about, unrolled.__version__)


def _array(tensor: Any) -> Any:
    return tensor.detach().cpu().numpy()


def _scaled(g: Graph, values: str, encoder: SeriesEncoder) -> str:
    """Mean 0 and deviation 1, as in training; what is missing stands at the mean."""
    centred = g.add("Sub", values, g.constant(encoder.mean, "mean"))
    scaled = g.add("Div", centred, g.constant(encoder.deviation, "deviation"))
    lost = g.add("Or", g.add("IsNaN", scaled), g.add("IsInf", scaled))
    return g.add("Where", lost, g.constant(0.0), scaled)


def _pooled(
    g: Graph, model: Labeller, layers: Layers, y: str, last: str, x: str, lengths: str
) -> str:
    """One vector for a sequence, as `Pooling` computes it; y is (T, B, units)."""
    kind, count = model.pool.kind, model.recurrent.directions
    if kind == "last":
        total = model.recurrent.num_layers * count
        ends = [g.add("Gather", last, g.constant(place, "place", np.int64), axis=0)
                for place in range(total - count, total)]  # fmt: skip
        return ends[0] if count == 1 else g.add("Concat", *ends, axis=1)
    inside = layers.inside(x, lengths)
    if kind == "max":
        shown = g.add("Where", inside, y, g.constant(-np.inf))
        return g.add("ReduceMax", shown, axes=[0], keepdims=0)
    if kind == "mean":
        total_y = g.add("ReduceSum", g.add("Where", inside, y, g.constant(0.0)), g.integers(0),
                        keepdims=0)  # fmt: skip
        column = g.add("Unsqueeze", g.add("Cast", lengths, to=g.element), g.integers(1))
        return g.add("Div", total_y, column)
    query = g.constant(_array(model.pool.query)[:, None], "query")
    scores = g.add("Where", inside, g.add("MatMul", y, query), g.constant(-np.inf))
    weighted = g.add("Mul", y, g.add("Softmax", scores, axis=0))
    return g.add("ReduceSum", weighted, g.integers(0), keepdims=0)
