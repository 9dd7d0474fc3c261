"""A network as a JavaScript module. In: a `Network`. Out: text without dependencies.

The module holds the step of the cell and its derived backward step, written unit by unit in the
user's names, and what runs them over a sequence, layer by layer. Next: a page, or Node.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

import unrolled
from unrolled.equations.equation import Equation
from unrolled.equations.nodes import (
    ONE,
    Constant,
    ConstantArray,
    Node,
    Variable,
    topological,
)
from unrolled.equations.ops import shape_of
from unrolled.equations.text import number as plain_number
from unrolled.equations.verify import is_condition
from unrolled.exports.formulas import (
    ARITHMETIC,
    COMPARISONS,
    UNCHANGED,
    Dialect,
    Names,
    Way,
    call,
)
from unrolled.exports.int8 import as_int8
from unrolled.exports.javascript_parts import DECODE, FUNCTIONS, PRODUCTS, RUN
from unrolled.exports.loops import Loops
from unrolled.exports.network import Array, Direction, Network
from unrolled.exports.stages import in_stages

KEYWORDS = """
arguments await break case catch class const continue debugger default delete do else enum eval
export extends false finally for function if implements import in instanceof interface let new null
package private protected public return static super switch this throw true try typeof undefined
var void while with yield Math Float64Array Float32Array Infinity NaN weights sizes old values
arriving gradients named x_t sigmoid relu leaky_relu softplus sign maximum minimum addProduct
addTransposedProduct k j step stepBackward forward backward network
"""

IN_MATH = {"tanh": "tanh", "exp": "exp", "log": "log", "sqrt": "sqrt", "abs": "abs",
           "floor": "floor", "sign": "sign", "sin": "sin", "cos": "cos", "maximum": "max",
           "minimum": "min"}  # fmt: skip


def number(value: float) -> str:
    """A number as JavaScript reads it."""
    text = plain_number(value)
    return {"inf": "Infinity", "-inf": "-Infinity", "nan": "NaN"}.get(text, text)


JAVASCRIPT = Dialect(
    "JavaScript",
    ARITHMETIC
    | COMPARISONS
    | UNCHANGED
    | {
        op: call(f"Math.{name}", 2 if op in ("maximum", "minimum") else 1)
        for op, name in IN_MATH.items()
    }
    | {
        "sigmoid": call("sigmoid"),
        "softplus": call("softplus"),
        "relu": call("relu"),
        "leaky_relu": call("leaky_relu", 2),
        "pow": Way("{0} ** {1}", 9, (9, 9)),
        "where": Way("({0} ? {1} : {2})", 9, (1, 1, 1)),
        "and": Way("({0} && {1})", 9, (1, 1)),
        "or": Way("({0} || {1})", 9, (1, 1)),
        "not": Way("!({0})", 9, (0,)),
    },
    number,
    frozenset(KEYWORDS.split()),
)


@dataclass
class Script:
    """The syntax of JavaScript for `Loops`."""

    dialect: Dialect = JAVASCRIPT

    def array(self, name: str, *sizes: str) -> str:
        count = " * ".join(self.length(size) for size in sizes) or "1"
        return f"const {name} = new Float64Array({count});"

    def local(self, name: str, text: str) -> str:
        return f"const {name} = {text};"

    def begin(self, name: str, text: str) -> str:
        return f"let {name} = {text};"

    def loop(self, index: str, size: str) -> str:
        return f"for (let {index} = 0; {index} < {self.length(size)}; {index}++) {{"

    def length(self, size: str) -> str:
        return (
            "1" if size == ONE else f"sizes.{size}" if size.isidentifier() else f"sizes['{size}']"
        )

    def count(self, size: str) -> str:
        return self.length(size)

    def array_of(self, number: str) -> str:
        return f"Float64Array.of({number})"

    def add_product(
        self, target: str, matrix: str, vector: str, sizes: tuple[str, str], transposed: bool,
        first: bool,
    ) -> str:  # fmt: skip
        name = "addTransposedProduct" if transposed else "addProduct"
        rows, columns = map(self.length, sizes)
        return f"{name}({target}, {matrix}, {vector}, {rows}, {columns});"


@dataclass
class Writer:
    """One equation's names in the module; each function has names of its own."""

    equation: Equation
    constants: dict[Node, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        derived = self.equation.backward
        roots = [node for _, node in (*self.equation.statements, *derived.statements)]
        names = Names(JAVASCRIPT)
        for node in topological(roots):
            if isinstance(node, ConstantArray | Constant) and node.name is not None:
                self.constants.setdefault(node, names.take(node.name))

    def declared(self) -> str:
        """The hyperparameters of the cell, as constants of the module."""
        lines = []
        for node, name in self.constants.items():
            if isinstance(node, Constant):
                lines.append(f"const {name} = {number(node.value)};")
            elif isinstance(node, ConstantArray):  # row by row
                numbers = ", ".join(map(number, node.array.ravel().tolist()))
                lines.append(f"const {name} = Float64Array.of({numbers});")
        return "\n".join(lines)

    def function(self, equation: Equation, name: str, arguments: str, doc: str) -> str:
        """A function that computes every named value, and returns them by name."""
        names = Names(JAVASCRIPT, self.constants.values())
        statements = list(equation.statements)
        wanted = [n for n, _ in statements]
        used = set(topological(node for _, node in statements))
        given: dict[Node, str] = {
            n: name for n, name in self.constants.items() if isinstance(n, ConstantArray)
        }
        lines = []
        first = next(v for v in equation.given if v.role == "input")
        for v in equation.given:
            if v in used:
                given[v] = names.take(f"{v.name}_prev" if v.role == "state" else v.name)
                lines.append(f"const {given[v]} = {_source(v, first)};")
        stages = in_stages(statements, wanted)
        loops = Loops(Script(), stages, names, given, self.constants.get)
        body = loops.write()
        returned = [f"{n}: {self._array(loops, node, body)}" for n, node in stages.statements
                    if not is_condition(node)]  # fmt: skip
        text = _indented([*lines, *body, f"return {{ {', '.join(returned)} }};"])
        return f"/** {doc} */\nexport function {name}({arguments}) {{\n{text}\n}}"

    def _array(self, loops: Loops, node: Node, body: list[str]) -> str:
        """Where a named value lies; a number, or a value that is another one, as an array."""
        shape = shape_of(node)
        is_number = shape == () or (shape == (ONE,) and node not in loops.given)
        found = loops.known.get(node) or loops.given.get(node)
        if found is not None and not found.startswith("="):
            return loops.syntax.array_of(found) if is_number else found
        size = loops.syntax.length(shape[0] if shape else ONE)
        text = loops._element(node, ("k",))
        return f"new Float64Array({size}).fill({text})"


def _source(v: Variable, first: Variable) -> str:
    """Where a function finds a value that it is given."""
    table = {"weight": "weights", "state": "old", "value": "values", "cotangent": "arriving"}
    if v.role == "input":
        return "x_t" if v == first else f"named.{v.name}"
    number = "[0]" if shape_of(v) == () else ""
    return f"{table[v.role]}.{v.name}{number}"


def _indented(lines: list[str]) -> str:
    depth, found = 1, []
    for line in lines:
        depth -= line.startswith("}")
        found.append("  " * depth + line)
        depth += line.endswith("{")
    return "\n".join(found)


def javascript(network: Network, int8: bool = False) -> str:
    """The whole module; with `int8`, each row of a matrix is stored as integers with a scale."""
    equation = network.equation
    count = len(network.layers)
    kind = "bidirectional, " if network.is_bidirectional else ""
    text = "\n".join(f" *     {line}" for line in equation.text.splitlines())
    head = (
        f"/**\n * {equation.name}, {kind}{count} {'layer' if count == 1 else 'layers'}.\n *\n"
        f"{text}\n *\n * Written by unrolled {unrolled.__version__}.\n */"
    )
    readout = None
    if network.readout is not None:
        readout = encoded({"V": network.readout[0], "c": network.readout[1]}, int8)
    weights = (
        f"const layers = {json.dumps(layers_of(network, int8))};\n\n"
        f"const readout = {json.dumps(readout)};"
    )
    return _joined(head, PRODUCTS, DECODE, *_steps(equation), weights, RUN)


def recurrent_function(equation: Equation) -> str:
    """`recurrent(layers)`: the same for any weights, as a function that gives the module's parts.

    It is for scripts that hold several networks of one cell; `layers` is what `layers_of` gives.
    """
    body = re.sub(r"^export ", "", _joined(*_steps(equation), RUN), flags=re.MULTILINE)
    names = "cell, layers, step, stepBackward, forward, backward, firstStates"
    return _joined(
        PRODUCTS,
        DECODE,
        f"function recurrent(layers, readout = null) {{\n{body}\nreturn {{ {names} }};\n}}",
    )


def _joined(*parts: str) -> str:
    return "\n\n".join(part.strip("\n") for part in parts if part) + "\n"


def _steps(equation: Equation) -> list[str]:
    """What is the same for all weights: the functions, both steps, and facts about the cell."""
    writer = Writer(equation)
    forward = writer.function(
        equation, "step", "sizes, weights, x_t, old, named",
        "One time step: every named value; the new states are among them.",
    )  # fmt: skip
    backward = writer.function(
        equation.backward, "stepBackward", "sizes, weights, x_t, old, values, arriving, named",
        "The same step backward, derived: d_i is the derivative of the loss with respect to i.",
    )  # fmt: skip
    return [writer.declared(), _used(forward + backward), forward, backward,
            _description(equation)]  # fmt: skip


def _used(text: str) -> str:
    """The functions that the steps call."""
    return "\n\n".join(body.strip("\n") for name, body in FUNCTIONS.items() if f"{name}(" in text)


def _description(equation: Equation) -> str:
    """States, cotangents and sizes."""
    cotangents = [v.name for v in equation.backward.given if v.role == "cotangent"]
    start = [equation.initial_state.get(name, 0.0) for name in equation.states]
    x, *named = equation.inputs
    facts = {
        "input": x,
        "named": {n: equation.inputs[n][0] for n in named},
        "defaults": {n: equation.defaults[n] for n in named if n in equation.defaults},
        "states": list(equation.states),
        "widths": [shape[0] for shape in equation.states.values()],
        "cotangents": cotangents,
        "weights": list(equation.weights),
    }
    return f"const cell = {json.dumps(facts)};\ncell.start = [{', '.join(map(number, start))}];"


def layers_of(network: Network, int8: bool = False) -> list[list[dict[str, object]]]:
    """The sizes and weights of every layer and direction, as the module reads them."""

    def plain(direction: Direction) -> dict[str, object]:
        return {"sizes": {**direction.sizes}, "weights": encoded(direction.weights, int8)}

    return [[plain(direction) for direction in directions] for directions in network.layers]


def encoded(weights: Mapping[str, Array], int8: bool = False) -> dict[str, object]:
    """Arrays as base64 of float32 (or float64, as they are); matrices as int8, if asked."""
    found: dict[str, object] = {}
    for name, array in weights.items():
        if int8 and array.ndim == 2:
            whole, scale = as_int8(array)
            found[name] = {
                "shape": list(array.shape), "i1": packed(whole, "i1"), "scale": packed(scale, "<f4")
            }  # fmt: skip
        else:
            kind = "<f8" if array.dtype == np.float64 else "<f4"
            found[name] = {"shape": list(array.shape), kind[1:]: packed(array, kind)}
    return found


def packed(array: Array, kind: str) -> str:
    """The bytes of an array in base64."""
    return base64.b64encode(np.ascontiguousarray(array, kind).tobytes()).decode()
