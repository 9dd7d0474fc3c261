"""A network as ONNX models. In: a `Network`. Out: the model of whole sequences, and that of one
step; next: `export`.
"""

from __future__ import annotations

from typing import Any

import unrolled
from unrolled.exports.network import Network
from unrolled.exports.onnx_graph import INT64, Graph, model_of
from unrolled.exports.onnx_layers import Layers, one_step


def sequence_model(network: Network, lengths: bool = False) -> Any:
    """Inputs: x, the named inputs, the states as NAME_0, and lengths if requested; outputs: y and
    NAME_n.

    x and y are (time, batch, units), or (batch, time, units) where the layer is `batch_first`;
    states (layers x directions, batch, units); all but the units may differ from call to call.
    """
    g = Graph(network.dtype)
    form = ["batch", "time"] if network.batch_first else ["time", "batch"]
    x = g.fresh("x")
    named = {name: g.fresh(name) for name in network.named}
    inputs = [g.value(x, [*form, network.input_size])]
    inputs += [g.value(named[name], [*form, width]) for name, width in network.named.items()]
    count = len(network.layers) * len(network.layers[0])
    widths = [network.state_size(name) for name in network.equation.states]
    states = [g.fresh(f"{name}_0") for name in network.equation.states]
    inputs += [
        g.value(name, [count, "batch", width]) for name, width in zip(states, widths, strict=True)
    ]
    given = g.fresh("lengths") if lengths else None
    if given is not None:
        inputs.append(g.value(given, ["batch"], INT64))
    y_name = g.fresh("y")
    last_names = [g.fresh(f"{name}_n") for name in network.equation.states]
    if network.batch_first:
        x, *others = (g.add("Transpose", one, perm=[1, 0, 2]) for one in (x, *named.values()))
        named = dict(zip(named, others, strict=True))
    y, last = Layers(g, network).write(x, states, given, named)
    y = _readout(g, network, y)
    if network.batch_first:
        y = g.add("Transpose", y, perm=[1, 0, 2])
    outputs = [_named(g, y, y_name, [*form, _outputs(network)])]
    outputs += [
        _named(g, state, name, [count, "batch", width])
        for state, name, width in zip(last, last_names, widths, strict=True)
    ]
    return _model(g, network, "sequence", inputs, outputs)


def step_model(network: Network) -> Any:
    """One time step: x (batch, units), inputs by name and the states, to y and the next states."""
    g = Graph(network.dtype)
    count = len(network.layers)
    x = g.fresh("x")
    named = {name: g.fresh(name) for name in network.named}
    inputs = [g.value(x, ["batch", network.input_size])]
    inputs += [g.value(named[name], ["batch", width]) for name, width in network.named.items()]
    widths = [network.state_size(name) for name in network.equation.states]
    states = [g.fresh(f"{name}_0") for name in network.equation.states]
    shapes = [[count, "batch", width] for width in widths]
    inputs += [g.value(name, shape) for name, shape in zip(states, shapes, strict=True)]
    y_name = g.fresh("y")
    last_names = [g.fresh(f"{name}_n") for name in network.equation.states]
    y, last = one_step(g, network, x, states, named)
    y = _readout(g, network, y)
    outputs = [_named(g, y, y_name, ["batch", _outputs(network)])]
    outputs += [_named(g, s, n, shape) for s, n, shape in zip(last, last_names, shapes)]
    return _model(g, network, "step", inputs, outputs)


def _outputs(network: Network) -> int:
    return network.output_size if network.readout is None else len(network.readout[1])


def _readout(g: Graph, network: Network, y: str) -> str:
    if network.readout is None:
        return y
    matrix, bias = network.readout
    product = g.add("MatMul", y, g.constant(matrix.T, "V"))
    return g.add("Add", product, g.constant(bias, "c"))


def _named(g: Graph, value: str, name: str, shape: list[Any]) -> Any:
    """An output under its public name."""
    g.rename(value, name)
    return g.value(name, shape)


def _model(g: Graph, network: Network, kind: str, inputs: list[Any], outputs: list[Any]) -> Any:
    about = f"{network.equation.name}\n\n{network.equation.text}"
    return model_of(g.build(kind, inputs, outputs), about, unrolled.__version__)
