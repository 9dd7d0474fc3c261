"""A generator as one ONNX graph. In: its network. Out: the model; next: `exporting`.

The inputs are token indices (batch, time) and the states before them, each (layers, batch, units);
the outputs are the scores of every next token (batch, time, vocabulary) and the states after the
last one, so that a prompt can be read at once and then continued one token at a time.
"""

from __future__ import annotations

from typing import Any

import unrolled
from unrolled.exports.network import network_of
from unrolled.exports.onnx_graph import INT64, Graph, model_of
from unrolled.exports.onnx_layers import Layers
from unrolled.tasks.generate.model import LanguageModel
from unrolled.tasks.generate.readout import readout_of
from unrolled.tasks.live import array


def generator_model(model: LanguageModel) -> Any:
    """Inputs `tokens` and the states as NAME_0; outputs `scores` and NAME_n."""
    network = network_of(model.recurrent)
    g, names = Graph(network.dtype), list(network.equation.states)
    tokens = g.fresh("tokens")
    states = [g.fresh(f"{name}_0") for name in names]
    scores = g.fresh("scores")
    lasts = [g.fresh(f"{name}_n") for name in names]
    inputs = [g.value(tokens, ["batch", "time"], INT64)]
    shapes = [[len(network.layers), "batch", network.state_size(name)] for name in names]
    inputs += [g.value(name, shape) for name, shape in zip(states, shapes, strict=True)]
    table = g.constant(array(model.embed.weight), "embedding")
    x = g.add("Transpose", g.add("Gather", table, tokens, axis=0), perm=[1, 0, 2])
    y, found = Layers(g, network).write(x, states)
    matrix, bias = readout_of(model)
    product = g.add("MatMul", g.add("Transpose", y, perm=[1, 0, 2]), g.constant(matrix.T, "V"))
    g.rename(g.add("Add", product, g.constant(bias, "c")), scores)
    for one, name in zip(found, lasts, strict=True):
        g.rename(one, name)
    outputs = [g.value(scores, ["batch", "time", len(bias)])]
    outputs += [g.value(name, shape) for name, shape in zip(lasts, shapes, strict=True)]
    about = f"A language model.\n\n{network.equation.text}"
    return model_of(g.build("generator", inputs, outputs), about, unrolled.__version__)
