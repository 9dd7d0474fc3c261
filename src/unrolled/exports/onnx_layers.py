"""Recurrent layers as ONNX. In: a `Network`, names of inputs, states and lengths. Out: names of
outputs and last states; next: `onnx_file`.

If the equation is that of ONNX's LSTM, GRU or RNN, that node is used, for which runtimes have fast
code. Any other equation becomes a Scan with the step as its body. Everything is (T, B, units).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np

from unrolled import cells
from unrolled.cells.base import equation as equation_of
from unrolled.equations.equation import Equation
from unrolled.exports.fold import fold
from unrolled.exports.network import Array, Direction, Network
from unrolled.exports.onnx_graph import Graph
from unrolled.exports.onnx_step import Step


@dataclass(frozen=True)
class Standard:
    """How one of ONNX's own layers holds the weights: gates in its order, each by the end of the
    names of its matrices and biases; `states` are biases inside the product with the state."""

    op: str
    gates: tuple[str, ...]
    biases: tuple[str, ...]
    state_biases: tuple[str, ...] = ()
    peepholes: tuple[str, ...] = ()
    attributes: tuple[tuple[str, object], ...] = ()


@cache
def _standards() -> tuple[tuple[Equation, Standard], ...]:
    """The equations that ONNX has nodes for."""

    def gated(op: str, order: str, **more: object) -> Standard:
        gates = tuple(f"_{gate}" for gate in order)
        return Standard(op, gates, tuple(f"b{gate}" for gate in gates), **more)  # type: ignore[arg-type]

    found: list[tuple[Any, Standard]] = [
        (cells.LSTM, gated("LSTM", "iofg")),
        (cells.GRU, gated("GRU", "zrn", state_biases=("", "", "c_n"),
                          attributes=(("linear_before_reset", 1),))),
        (cells.GRUCho2014, gated("GRU", "zrn")),
    ]  # fmt: skip
    for name, activation in (("tanh", "Tanh"), ("relu", "Relu"), ("sigmoid", "Sigmoid")):
        standard = Standard("RNN", ("",), ("b",), attributes=(("activations", (activation,)),))
        found.append((cells.Elman(nonlinearity=name), standard))
    return tuple((_plain(equation_of(cell)), standard) for cell, standard in found)


def _plain(equation: Equation) -> Equation:
    """The equation itself, whatever it is called and however its weights are drawn."""
    return replace(equation, name="", initial={})


def standard_of(equation: Equation) -> Standard | None:
    """The standard ONNX node for an equation, or None."""
    from unrolled.layers.without_bias import without_bias

    for known, standard in _standards():
        if _plain(equation) == known:
            return standard
        if _plain(equation) == _plain(without_bias(known)):
            return replace(standard, biases=("",) * len(standard.gates), state_biases=())
    return None


class Layers:
    """Writes layers into a graph."""

    def __init__(self, graph: Graph, network: Network) -> None:
        self.graph, self.network = graph, network
        self.standard = standard_of(network.equation)
        self.states = list(network.equation.states)
        self.named: dict[str, str] = {}

    def write(
        self,
        x: str,
        states: Sequence[str],
        lengths: str | None = None,
        named: Mapping[str, str] | None = None,
    ) -> tuple[str, list[str]]:
        """x (T, B, I), states (layers x directions, B, n) each, lengths (B,) of int64, inputs by
        name (T, B, n), which every layer is given."""
        self.named = dict(named or {})
        finals: list[list[str]] = [[] for _ in self.states]
        inside = None if lengths is None else self.inside(x, lengths)
        for number, directions in enumerate(self.network.layers):
            if self.standard is not None:
                x, last = self._node(number, directions, x, states, lengths)
            else:
                x, last = self._scans(number, directions, x, states, inside)
            for all_of_it, one in zip(finals, last, strict=True):
                all_of_it.append(one)
        joined = [self._joined(parts, 0, "last") for parts in finals]
        return x, joined

    def inside(self, x: str, lengths: str) -> str:
        """(T, B, 1): whether a step belongs to its sequence."""
        g = self.graph
        first = g.add("Gather", g.add("Shape", x), g.constant(0, "zero", np.int64), axis=0)
        steps = g.add("Range", g.constant(0, "zero", np.int64), first,
                      g.constant(1, "one", np.int64))  # fmt: skip
        column = g.add("Unsqueeze", steps, g.integers(1, 2))
        each = g.add("Unsqueeze", lengths, g.integers(0, 2))
        return g.add("Less", column, each, name="inside")

    def _joined(self, parts: Sequence[str], axis: int, name: str) -> str:
        return parts[0] if len(parts) == 1 else self.graph.add("Concat", *parts, name=name,
                                                               axis=axis)  # fmt: skip

    def _rows(self, states: str, first: int, end: int) -> str:
        """The states of some directions."""
        g = self.graph
        if (first, end) == (0, len(self.network.layers) * len(self.network.layers[0])):
            return states
        return g.add("Slice", states, g.integers(first), g.integers(end), g.integers(0))

    # ONNX's own layers ---------------------------------------------------------------------------

    def _node(
        self, number: int, directions: Sequence[Direction], x: str, states: Sequence[str],
        lengths: str | None,
    ) -> tuple[str, list[str]]:  # fmt: skip
        assert self.standard is not None
        g, standard, count = self.graph, self.standard, len(directions)
        hidden = directions[0].sizes["hidden_size"]
        W, R, B = (np.stack(a) for a in zip(*(self._packed(d) for d in directions), strict=True))
        ends = (number * count, (number + 1) * count)
        short = "" if lengths is None else g.add("Cast", lengths, to=6)  # int32
        inputs = [x, g.constant(W, "W"), g.constant(R, "R"), g.constant(B, "B"), short]
        inputs += [self._rows(state, *ends) for state in states]
        attributes = dict(standard.attributes)
        if "activations" in attributes:
            attributes["activations"] = [*standard.attributes[0][1]] * count  # type: ignore[misc]
        names = ["y", *(f"last_{state}" for state in self.states)]
        y, *last = g.add_many(
            standard.op, inputs, names, hidden_size=hidden,
            direction="bidirectional" if count == 2 else "forward", **attributes,
        )  # fmt: skip
        turned = g.add("Transpose", y, perm=[0, 2, 1, 3])  # (T, directions, B, H) before
        return g.add("Reshape", turned, g.integers(0, 0, count * hidden), name="y"), last

    def _packed(self, direction: Direction) -> tuple[Array, Array, Array]:
        """W, R and B of one direction, gates in the node's order."""
        assert self.standard is not None
        standard, w = self.standard, direction.weights
        hidden = direction.sizes["hidden_size"]
        none = np.zeros(hidden, self.graph.dtype)
        W = np.concatenate([w[f"W{gate}"] for gate in standard.gates])
        R = np.concatenate([w[f"U{gate}"] for gate in standard.gates])
        state_biases = standard.state_biases or ("",) * len(standard.gates)
        names = (*standard.biases, *state_biases)
        return W, R, np.concatenate([w[name] if name else none for name in names])

    # any other equation --------------------------------------------------------------------------

    def _scans(
        self, number: int, directions: Sequence[Direction], x: str, states: Sequence[str],
        inside: str | None,
    ) -> tuple[str, list[str]]:  # fmt: skip
        outputs, finals = [], []
        for reverse, direction in enumerate(directions):
            place = number * len(directions) + reverse
            index = self.graph.constant(place, "place", np.int64)
            old = [self.graph.add("Gather", state, index, axis=0) for state in states]
            label = f"layer{number}{'_reverse' if reverse else ''}"
            y, last = self._scan(label, direction, x, old, inside, bool(reverse))
            outputs.append(y)
            axis = self.graph.integers(0)
            finals.append([self.graph.add("Unsqueeze", state, axis) for state in last])
        y = self._joined(outputs, 2, "y")
        return y, [self._joined(parts, 0, "last") for parts in zip(*finals, strict=True)]

    def _scan(
        self, label: str, direction: Direction, x: str, old: Sequence[str], inside: str | None,
        reverse: bool,
    ) -> tuple[str, list[str]]:  # fmt: skip
        g = self.graph
        body = g.inner()
        each = dict(zip(self.network.equation.inputs, (x, *self.named.values()), strict=True))
        given = {name: body.fresh(f"{label}.{name}_t") for name in each}
        before = [body.fresh(f"{label}.{name}_prev") for name in self.states]
        scanned = [(each[name], given[name], g.element) for name in each]
        if inside is not None:
            scanned.append((inside, body.fresh(f"{label}.inside_t"), 9))  # bool
        step = Step(body, g, fold(self.network.equation, direction), label,
                    direction.sizes)  # fmt: skip
        named = dict(zip(self.states, before, strict=True))
        new = step.write(given, named)
        y = body.add("Identity", new[0], name="y_t")
        if inside is not None:
            mask = scanned[-1][1]
            new = [body.add("Where", mask, n, o, name="next") for n, o in zip(new, before)]
            y = body.add("Where", mask, y, g.constant(0.0), name="y_t")
        inputs = [body.value(name, ("batch", None)) for name in before]
        inputs += [body.value(name, ("batch", None), kind) for _, name, kind in scanned]
        outputs = [body.value(name, ("batch", None)) for name in (*new, y)]
        graph = body.build(f"{label} step", inputs, outputs)
        results = g.add_many(
            "Scan", [*old, *(name for name, _, _ in scanned)],
            [*(f"last_{name}" for name in self.states), "y"],
            body=graph, num_scan_inputs=len(scanned),
            scan_input_directions=[int(reverse)] * len(scanned),
            scan_output_directions=[int(reverse)],
        )  # fmt: skip
        return results[-1], results[:-1]


def first_states(g: Graph, network: Network, batch: str) -> list[str]:
    """The states before the first step; `batch` holds the number of sequences, (1,)."""
    count = len(network.layers) * len(network.layers[0])
    found = []
    for name, shape in network.equation.states.items():
        units = network.layers[0][0].sizes.get(shape[0], 1)
        start = np.full((count, 1, units), network.equation.initial_state.get(name, 0.0))
        form = g.add("Concat", g.integers(1), batch, g.integers(1), axis=0)
        found.append(g.add("Expand", g.constant(start, f"first_{name}"), form))
    return found


def one_step(
    graph: Graph,
    network: Network,
    x: str,
    states: Sequence[str],
    named: Mapping[str, str] | None = None,
) -> tuple[str, list[str]]:
    """x (B, I), states (layers, B, n) each and inputs by name: the output (B, H) and the next
    states."""
    input_name = next(iter(network.equation.inputs))
    others = named or {}
    names = list(network.equation.states)
    finals: list[list[str]] = [[] for _ in names]
    for number, (direction,) in enumerate(network.layers):
        index = graph.constant(number, "place", np.int64)
        old = [graph.add("Gather", state, index, axis=0) for state in states]
        step = Step(graph, graph, fold(network.equation, direction), f"layer{number}",
                    direction.sizes)  # fmt: skip
        new = step.write({input_name: x, **others}, dict(zip(names, old, strict=True)))
        for parts, state in zip(finals, new, strict=True):
            parts.append(graph.add("Unsqueeze", state, graph.integers(0)))
        x = new[0]
    joined = [
        parts[0] if len(parts) == 1 else graph.add("Concat", *parts, axis=0) for parts in finals
    ]
    return x, joined
