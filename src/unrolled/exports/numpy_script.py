"""A cell as a script that needs only NumPy. In: an equation. Out: the text of a Python file.

The script holds the step, its derived backward step in the user's names, backpropagation through
time, a check against finite differences, and a small training loop. Next: a student.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from unrolled import _version
from unrolled.cells.base import Cell
from unrolled.cells.base import equation as equation_of
from unrolled.equations.equation import Equation
from unrolled.equations.inputs import without_optional
from unrolled.equations.lengths import formula, terms_of
from unrolled.equations.nodes import (
    ONE,
    Apply,
    Constant,
    ConstantArray,
    Eye,
    Length,
    Node,
    Variable,
    topological,
)
from unrolled.equations.ops import shape_of
from unrolled.equations.verify import varies
from unrolled.exports.formulas import NUMPY, Formulas, Names, python_number
from unrolled.exports.numpy_parts import HELPERS, draw_lines
from unrolled.exports.numpy_sequence import over_time

WIDTH = 96  # columns of a line, where it can be broken
DEFAULT_SIZES = {"input_size": 3, "hidden_size": 8}
OTHER_SIZE = 4  # units along a size of the cell's own, where it declares none


@dataclass
class Writer:
    """The names of one equation's values in the script, and what of the language it has used."""

    equation: Equation
    names: Names = field(default_factory=lambda: Names(NUMPY))
    known: dict[Node, str] = field(default_factory=dict)
    constants: dict[Node, str] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        """The step's own names first, so that they stay as they are in both functions."""
        for v in self.equation.given:
            wanted = f"{v.name}_prev" if v.role == "state" else v.name
            self.known[v] = self.names.take(wanted)
        self.values = {name: self.names.take(name) for name in self.equation.locals}
        # what arrives is called as in the printed equation, whatever it is there the derivative of
        derived = self.equation.backward
        self.derived = {
            name: self.values.get(name) or self.names.take(name) for name in derived.locals
        }
        for v in derived.given:
            if v.role == "value":
                self.known[v] = self.values[v.name]
            elif v.role == "cotangent":
                self.known[v] = self.derived.get(v.name) or self.names.take(v.name)
        roots = [node for _, node in (*self.equation.statements, *derived.statements)]
        for node in topological(roots):
            if isinstance(node, ConstantArray | Constant) and node.name is not None:
                self.constants.setdefault(node, self.names.take(node.name))
            if isinstance(node, Apply):
                self.used.add(node.op)

    def statements(self, equation: Equation, names: Mapping[str, str]) -> list[str]:
        """A line for each named value."""
        known: dict[Node, str] = dict(self.known)

        def leaf(node: Node) -> str | None:
            if isinstance(node, Length):
                return formula(node.size)
            if isinstance(node, Eye):
                return f"np.eye({formula(node.size or ONE)})"
            return known.get(node) or self.constants.get(node)

        lines = self._sizes(equation)
        for name, node in equation.statements:
            text = Formulas(NUMPY, leaf).term(node)
            if names[name] != text:
                lines.append(f"{names[name]} = {text}")
            if isinstance(node, Apply):
                known.setdefault(node, names[name])
        return lines

    def _sizes(self, equation: Equation) -> list[str]:
        """The sizes that the lines speak of, read off a weight or a state."""
        nodes = list(topological([node for _, node in equation.statements]))
        found = (n.size or ONE for n in nodes if isinstance(n, Length | Eye))
        bases = dict.fromkeys(base for size in found for base, _ in terms_of(size) if base != ONE)
        seen = set(nodes)
        at_hand = [v for v in self.equation.given if v.role != "weight" or v in seen]
        return [f"{base} = {self._length(base, at_hand)}" for base in bases]

    def _length(self, base: str, at_hand: Sequence[Variable]) -> str:
        axes = [(f"{self.known[v]}.shape[{axis}]", size)
                for v in at_hand for axis, size in enumerate(shape_of(v))]  # fmt: skip
        for axis, size in axes:
            if size == base:
                return axis
        for axis, size in axes:
            terms = terms_of(size)
            if {one for one, _ in terms} == {base}:
                share = sum(Fraction(1, blocks) for _, blocks in terms)
                return f"{axis} * {share.denominator} // {share.numerator}"
        return f'SIZES["{base}"]'


def numpy_script(
    equation: Equation, sizes: Mapping[str, int] | None = None, about: str = ""
) -> str:
    """The whole script; `sizes` are those that the cell declares, `about` describes the cell."""
    random = ", ".join(equation.noise)
    equation = without_optional(equation)
    known = DEFAULT_SIZES | dict.fromkeys(set(equation.sizes) - set(DEFAULT_SIZES), OTHER_SIZE)
    known |= dict(sizes or {}) | equation.lengths
    for base, blocks in equation.cuts:
        known[base] += -known[base] % blocks
    if equation.input_is_hidden:
        known["input_size"] = known["hidden_size"]
    writer = Writer(equation)
    parts = [
        _head(equation, about, random),
        _constants(writer, known),
        *[HELPERS[op] for op in HELPERS if op in writer.used],
        _weights(equation, known),
        _first_states(equation),
        _step(writer),
        _step_backward(writer),
        *over_time(equation, _of_sizes(next(iter(equation.states.values()))[0], "SIZES")),
    ]
    return "\n\n\n".join(part.strip("\n") for part in parts) + "\n"


def own_sizes(cell: Cell) -> dict[str, int]:
    """The sizes among a cell's hyperparameters, such as a rank."""
    found = {size: getattr(cell, size, None) for size in equation_of(cell).sizes}
    return {size: value for size, value in found.items() if isinstance(value, int)}


def _head(equation: Equation, about: str, random: str) -> str:
    lines = "\n".join(f"    {line}" for line in equation.text.splitlines())
    title = f"{equation.name}: {about}" if about else f"{equation.name}."
    return (
        f'"""{title}\n\n{lines}\n\n'
        "Forward and backward are written out; the script needs NumPy and nothing else. An array\n"
        "of one time step has a column for each sequence: x is (input_size, batch), a state\n"
        "(hidden_size, batch). d_i is the derivative of the loss with respect to i.\n"
        f"{_of_inputs(equation, random)}\n"
        f'Written by unrolled {_version.__version__} from the equation and its derivative.\n"""\n\n'
        "import numpy as np"
    ).replace("\\", "\\\\")


def _of_inputs(equation: Equation, random: str) -> str:
    """Notes for the reader on named inputs, and on random masks in training."""
    lines = ""
    if equation.named_inputs:
        lines = f"The inputs of a step are {', '.join(equation.inputs)}, and xs a tuple of them.\n"
    if random:
        lines += f"What is random in training ({random}) has its mean here, as in evaluation.\n"
    return lines


def _constants(writer: Writer, sizes: Mapping[str, int]) -> str:
    lines = []
    if writer.constants:
        lines.append("# hyperparameters of the cell")
        for node, name in writer.constants.items():
            if isinstance(node, Constant):
                lines.append(f"{name} = {python_number(node.value)}")
            elif isinstance(node, ConstantArray):
                lines += _array_lines(name, node)
    if writer.equation.fixed:
        named = _tuple([f'"{name}"' for name in writer.equation.fixed])
        lines += ["# weights that stay as drawn", f"FIXED = {named}"]
    told = ", ".join(f'"{name}": {number}' for name, number in sizes.items())
    lines += ["# how many numbers there are along each axis", f"SIZES = {{{told}}}"]
    return "\n".join(lines)


def _array_lines(name: str, node: ConstantArray) -> list[str]:
    """A constant array, row by row; a vector as a column."""
    columns = node.array if len(node.lengths) == 2 else node.array[:, None]
    rows = [f"    [{', '.join(map(python_number, row))}]," for row in columns.tolist()]
    return [f"{name} = np.array([", *rows, "])"]


def _weights(equation: Equation, sizes: Mapping[str, int]) -> str:
    lines = [f'{size} = sizes["{size}"]' for size in sizes if _speaks_of(equation, size)]
    lines.append("bound = 1 / np.sqrt(sizes['hidden_size'])".replace("'", '"'))
    lines.append("weights = {}")
    for name, shape in equation.weights.items():
        lines += draw_lines(name, shape, equation.initial.get(name))
    lines.append("return weights")
    doc = '"""First values: uniform in +-1/sqrt(hidden_size) where the cell says nothing else."""'
    return _function("initial_weights", ("sizes", "generator"), doc, lines)


def _speaks_of(equation: Equation, size: str) -> bool:
    return any(
        size == base
        for shape in equation.weights.values()
        for one in shape
        for base, _ in terms_of(one)
    )


def _first_states(equation: Equation) -> str:
    arrays = []
    for name, shape in equation.carried.items():
        start = equation.initial_state.get(name, 0.0)
        units = _of_sizes(shape[0])
        form = f"({units}, batch)"
        made = f"np.full({form}, {float_text(start)})" if start else f"np.zeros({form})"
        arrays.append(made)
    doc = f'"""The states before the first step: {", ".join(equation.carried)}."""'
    return _function("first_states", ("sizes", "batch"), doc, _tuple_lines("return ", arrays))


def _of_sizes(size: str, sizes: str = "sizes") -> str:
    """A size, or the sum of sizes that it is, read off a dictionary of them."""
    terms = []
    for base, blocks in terms_of(size):
        units = "1" if base == ONE else f'{sizes}["{base}"]'
        terms.append(units if blocks == 1 else f"{units} // {blocks}")
    return " + ".join(terms)


def float_text(value: float) -> str:
    """The text of a float, also if its value is an integer."""
    text = python_number(float(value))
    return text if "." in text or "e" in text else f"{text}.0"


def _step(writer: Writer) -> str:
    equation = writer.equation
    by_name = {v.name: writer.known[v] for v in equation.given if v.role == "state"}
    olds = [by_name[name] for name in equation.carried]
    inputs = [writer.known[v] for v in equation.given if v.role == "input"]
    lines = _unpack_weights(writer, equation)
    lines += [f"{_tuple(inputs)} = inputs"] if len(inputs) > 1 else []
    lines.append(f"{_tuple(olds)} = states")
    body = writer.statements(equation, writer.values)
    news = [
        _full(writer.values[name], equation.locals[name], by_name.get(name, name))
        for name in equation.states
    ]
    body += _tuple_lines("cache = ", [*inputs, *olds, *_kept(writer)])
    x = inputs[0] if len(inputs) == 1 else "inputs"
    doc = '"""One time step: the new states, and what the backward step needs."""'
    return _function(
        "step", ("weights", x, "states"), doc, [*lines, *body, f"return {_tuple(news)}, cache"]
    )


def _kept(writer: Writer) -> list[str]:
    """The named values of the step that the backward step uses."""
    derived = writer.equation.backward
    used = set(topological([node for _, node in derived.statements]))
    return [writer.known[v] for v in derived.given if v.role == "value" and v in used]


def _full(name: str, node: Node, like: str) -> str:
    """A new state has a column for each sequence, even where it does not depend on any."""
    return name if varies(node) else f"np.zeros_like({like}) + {name}"


def _step_backward(writer: Writer) -> str:
    equation, derived = writer.equation, writer.equation.backward
    inputs = [v for v in equation.given if v.role == "input"]
    olds = [v for v in equation.given if v.role == "state" and v.name in equation.carried]
    arriving = [writer.known[v] for v in derived.given if v.role == "cotangent"]
    lines = _unpack_weights(writer, derived)
    cached = [writer.known[v] for v in (*inputs, *olds)] + _kept(writer)
    lines += _tuple_lines("", cached, " = cache")
    lines += writer.statements(derived, writer.derived)
    lines.append("d_weights = {")
    for name, shape in equation.weights.items():
        lines.append(f'    "{name}": {_summed(writer, derived, name, shape)},')
    lines.append("}")

    def like(v: Variable, name: str) -> str:
        return _full(_said(writer, derived, name), derived.locals[name], writer.known[v])

    d_olds = [like(v, f"d_{v.name}_prev") for v in olds]
    d_inputs = [like(v, f"d_{v.name}") for v in inputs]
    d_x = d_inputs[0] if len(inputs) == 1 else _tuple(d_inputs)
    lines.append(f"return d_weights, {d_x}, {_tuple(d_olds)}")
    doc = '"""The same step backward: derivatives with respect to the weights, x and old states."""'
    return _function("step_backward", ("weights", "cache", *arriving), doc, lines)


def _said(writer: Writer, derived: Equation, name: str) -> str:
    """The name of a result: its own, or the one that it shares with an incoming value."""
    node = derived.locals[name]
    return writer.known[node] if isinstance(node, Variable) else writer.derived[name]


def _summed(writer: Writer, derived: Equation, name: str, shape: Sequence[str]) -> str:
    """A matrix's derivative is summed over the batch by its product, a vector's here."""
    d = _said(writer, derived, f"d_{name}")
    if not varies(derived.locals[f"d_{name}"]):
        return f"np.zeros_like({name_of(writer, name)}) + {d}"
    if len(shape) == 2:
        return d
    return f"{d}.sum(axis=1, keepdims=True)" if shape else f"np.sum({d})"


def name_of(writer: Writer, weight: str) -> str:
    return next(
        text for v, text in writer.known.items()
        if isinstance(v, Variable) and v.role == "weight" and v.name == weight
    )  # fmt: skip


def _unpack_weights(writer: Writer, equation: Equation) -> list[str]:
    used = set(topological([node for _, node in equation.statements]))
    wanted = [v for v in writer.equation.given if v.role == "weight" and v in used]
    return [f'{writer.known[v]} = weights["{v.name}"]' for v in wanted]


def _tuple(parts: Sequence[str]) -> str:
    return f"({parts[0]},)" if len(parts) == 1 else f"({', '.join(parts)})"


def _tuple_lines(before: str, parts: Sequence[str], after: str = "") -> list[str]:
    """A tuple in one line, or in as many as it takes."""
    whole = f"{before}{_tuple(parts)}{after}"
    if len(whole) <= WIDTH:
        return [whole]
    lines, line = [f"{before}("], "   "
    for part in parts:
        if len(line) + len(part) + 2 > WIDTH:
            lines.append(line)
            line = "   "
        line += f" {part},"
    return [*lines, line, f"){after}"]


def _function(name: str, arguments: Sequence[str], doc: str, lines: Sequence[str]) -> str:
    body = "\n".join(f"    {line}" for line in (doc, *lines))
    return f"def {name}({', '.join(arguments)}):\n{body}"
