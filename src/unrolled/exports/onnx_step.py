"""One time step as ONNX nodes. In: folded statements, names of what is given. Out: names of the new
states; next: `onnx_layers`.

Arrays are rows here: x is (B, I), a state (B, H), and W x becomes x W^T with W^T as a constant. A
number has the shape (), one unit (B, 1), a matrix of weights its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from unrolled.equations.nodes import ONE, Apply, Constant, Length, Node, Variable, topological
from unrolled.equations.ops import shape_of
from unrolled.equations.verify import varies
from unrolled.errors import EquationError
from unrolled.exports.fold import Folded
from unrolled.exports.onnx_graph import Graph

PLAIN = {"add": "Add", "sub": "Sub", "mul": "Mul", "div": "Div", "neg": "Neg", "pow": "Pow",
         "tanh": "Tanh", "sigmoid": "Sigmoid", "relu": "Relu", "exp": "Exp",
         "log": "Log", "sqrt": "Sqrt", "abs": "Abs", "floor": "Floor", "sign": "Sign",
         "sin": "Sin", "cos": "Cos",
         "maximum": "Max", "minimum": "Min", "where": "Where", "lt": "Less", "le": "LessOrEqual",
         "gt": "Greater", "ge": "GreaterOrEqual", "and": "And", "or": "Or",
         "not": "Not"}  # fmt: skip


class Step:
    """Writes a step into a graph; `outer` is where constants stand, seen from inside, too."""

    def __init__(
        self, graph: Graph, outer: Graph, folded: Folded, label: str, sizes: Mapping[str, int]
    ) -> None:
        self.graph, self.outer, self.folded, self.label = graph, outer, folded, label
        self.sizes = sizes
        self.known: dict[Node, str] = {}

    def write(self, given: Mapping[str, str], states: Mapping[str, str]) -> list[str]:
        """`given`: the input by its name; `states`: the old ones. Returns the new ones, in
        their order."""
        for v, value in self.folded.weights.items():
            if value.ndim < 2:
                self.known[v] = self.outer.constant(value, f"{self.label}.{v.name}")
        names = {node: name for name, node in self.folded.statements}
        for node in topological(node for _, node in self.folded.statements):
            if node in self.known:
                continue
            if isinstance(node, Variable):
                if node.role == "input":
                    self.known[node] = given[node.name]
                elif node.role == "state":
                    self.known[node] = states[node.name]
            elif isinstance(node, Constant):
                self.known[node] = self.outer.constant(np.asarray(node.value))
            elif isinstance(node, Apply):
                self.known[node] = self._apply(node, names.get(node, ""))
        found = dict(self.folded.statements)
        return [self._full(found[name], old) for name, old in states.items()]

    def _full(self, node: Node, old: str) -> str:
        """A new state in a name of its own, with a row for each sequence."""
        if isinstance(node, Apply) and any(
            isinstance(below, Variable) and below.role != "weight" for below in topological([node])
        ):
            return self.graph.add("Identity", self.known[node], name="next")
        zeros = self.graph.add("Sub", old, old)
        return self.graph.add("Add", zeros, self.known[node], name="next")

    def _apply(self, node: Apply, name: str) -> str:
        if node.op == "matmul":
            matrix, vector = node.args
            return self.graph.add("MatMul", self.known[vector], self._turned(matrix), name=name)
        if node.op in ("part", "pad", "concat"):
            return self._moved(node, name)
        arguments = [self.known[argument] for argument in node.args]
        if node.op in PLAIN:
            return self.graph.add(PLAIN[node.op], *arguments, name=name)
        special = SPECIAL.get(node.op)
        if special is None:
            raise EquationError(f"ONNX has no way to write {node.op}")
        return special(self, arguments, name)

    def _turned(self, matrix: Node) -> str:
        """W^T, for a row times it."""
        value = self.folded.weights[_as_weight(matrix)].T
        name = f"{self.label}.{_as_weight(matrix).name}"
        return self.outer.constant(np.ascontiguousarray(value), name)

    def _moved(self, node: Apply, name: str) -> str:
        """Some units of a vector, a vector between zeros, or two vectors one after the other."""
        g, one = self.graph, self.known[node.args[0]]
        if node.op == "concat":
            other = self.known[node.args[1]]
            first = one if varies(node.args[0]) else self._each(one, node.args[0], other)
            second = other if varies(node.args[1]) else self._each(other, node.args[1], one)
            return g.add("Concat", first, second, name=name, axis=-1)
        place, units = node.args[1:]
        assert isinstance(units, Length)
        start = self._units(place.size) if isinstance(place, Length) else 0
        count = self._units(units.size)
        if node.op == "part":
            ends = (g.integers(start), g.integers(start + count), g.integers(-1))
            return g.add("Slice", one, *ends, name=name)
        after = count - start - self._units(shape_of(node.args[0])[0])
        pads = g.integers(0, start, 0, after)
        return g.add("Pad", one, pads, name=name)

    def _each(self, vector: str, node: Node, like: str) -> str:
        """A vector of weights, for every row of another value."""
        g = self.graph
        rows = g.add("Slice", g.add("Shape", like), g.integers(0), g.integers(1))
        form = g.add("Concat", rows, g.integers(self._units(shape_of(node)[0])), axis=0)
        return g.add("Expand", vector, form)

    def _units(self, size: str) -> int:
        return 1 if size == ONE else self.sizes[size]

    def _leaky(self, arguments: list[str], name: str) -> str:
        x, slope = arguments
        zero = self.outer.constant(0.0)
        scaled = self.graph.add("Mul", x, slope)
        positive = self.graph.add("Greater", x, zero)
        return self.graph.add("Where", positive, x, scaled, name=name)

    def _softplus(self, arguments: list[str], name: str) -> str:
        # Softplus of a runtime may overflow where x is large: max(x, 0) + log(1 + exp(-|x|))
        (x,) = arguments
        small = self.graph.add("Exp", self.graph.add("Neg", self.graph.add("Abs", x)))
        tail = self.graph.add("Log", self.graph.add("Add", small, self.outer.constant(1.0)))
        return self.graph.add("Add", self.graph.add("Relu", x), tail, name=name)

    def _sum(self, arguments: list[str], name: str) -> str:
        return self.graph.add("ReduceSum", arguments[0], self.outer.integers(-1), name=name,
                              keepdims=1)  # fmt: skip

    def _mean(self, arguments: list[str], name: str) -> str:
        return self.graph.add("ReduceMean", arguments[0], name=name, axes=[-1], keepdims=1)

    def _max(self, arguments: list[str], name: str) -> str:
        return self.graph.add("ReduceMax", arguments[0], name=name, axes=[-1], keepdims=1)

    def _min(self, arguments: list[str], name: str) -> str:
        return self.graph.add("ReduceMin", arguments[0], name=name, axes=[-1], keepdims=1)

    def _softmax(self, arguments: list[str], name: str) -> str:
        return self.graph.add("Softmax", arguments[0], name=name, axis=-1)


def _as_weight(node: Node) -> Variable:
    assert isinstance(node, Variable), "what depends on weights alone has been folded"
    return node


SPECIAL: dict[str, Callable[[Step, list[str], str], str]] = {
    "leaky_relu": Step._leaky,
    "softplus": Step._softplus,
    "sum": Step._sum,
    "mean": Step._mean,
    "max": Step._max,
    "min": Step._min,
    "softmax": Step._softmax,
    "clip_gradient": lambda step, arguments, name: arguments[0],
}
