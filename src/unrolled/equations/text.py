"""Print an equation as text. In: an `Equation`. Out: a line for each named value, as typed.

The old value of a state prints as `c_prev`, the new one as `c`; a product of a matrix and a vector
is `@`, unit by unit is `*`; a derivative of the loss is `d_` and the name. An outer product prints
as `outer(d, x)`: the derivative of a matrix, summed over the batch.
"""

from __future__ import annotations

import math
from collections import Counter

from unrolled.equations.derive import fresh
from unrolled.equations.lengths import place_of
from unrolled.equations.nodes import (
    Apply,
    Constant,
    ConstantArray,
    Eye,
    Length,
    Node,
    Variable,
    arguments,
    topological,
)
from unrolled.equations.ops import FUNCTION, OPS, shape_of
from unrolled.equations.statements import Statements

LONG = 1_000  # characters of a term that is used twice: from here on it gets a line of its own
DEEP = 60  # brackets inside one another


def statements_of(equation: Statements) -> list[tuple[str, Node]]:
    """The statements to print: a term that is too long, or too deep, gets its own line.

    A term is written out wherever it is used, so a few dozen terms that each use another twice
    would fill a disk. With this, the length of the text grows only linearly with the number of
    nodes.
    """
    uses = Counter(a for node in topological(equation.locals.values()) for a in arguments(node))
    size: dict[Node, int] = {}
    depth: dict[Node, int] = {}
    taken = set(equation.values)
    said: list[tuple[str, Node]] = []
    for name, root in equation.statements:
        for node in topological([root], size):
            if node in size:
                continue
            size[node] = 8 + sum(size[argument] for argument in arguments(node))
            depth[node] = 1 + max((depth[argument] for argument in arguments(node)), default=0)
            is_long = uses[node] > 1 and size[node] > LONG
            if isinstance(node, Apply) and (is_long or depth[node] > DEEP) and node is not root:
                said.append((fresh("term", taken), node))
                size[node], depth[node] = 8, 0
        said.append((name, root))
        size[root], depth[root] = 8, 0
    return said


def to_text(equation: Statements) -> str:
    """One line for each statement; named values are printed by their names."""
    names: dict[Node, str] = {}
    lines = []
    for name, node in statements_of(equation):
        lines.append(f"{name} = {Printer(names).term(node)}")
        if not isinstance(node, Constant):
            names.setdefault(node, name)
    return "\n".join(lines)


class Printer:
    """Prints terms; `names` are the nodes that have a name by now."""

    def __init__(self, names: dict[Node, str]) -> None:
        self.names = names

    def term(self, node: Node, above: int = 0) -> str:
        """The text of a node, in brackets if its context binds more tightly."""
        if node in self.names and not isinstance(node, Variable):
            return self.names[node]
        if isinstance(node, Variable):
            return f"{node.name}_prev" if node.role == "state" else node.name
        if isinstance(node, Constant):
            return node.name or number(node.value)
        if isinstance(node, ConstantArray):
            return node.name
        if isinstance(node, Length):
            return node.size
        if isinstance(node, Eye):
            return "eye"
        assert isinstance(node, Apply)
        text, precedence = self._operation(node)
        return f"({text})" if precedence < above else text

    def _part(self, node: Apply) -> str:
        sizes, number, is_equal = cut(node)
        into = str(len(sizes)) if is_equal else ", ".join(sizes)
        return f"split({self.term(node.args[0])}, {into})[{number}]"

    def _is_product(self, node: Node) -> bool:
        return isinstance(node, Apply) and node.op in ("mul", "div") and node not in self.names

    def _operation(self, node: Apply) -> tuple[str, int]:
        row = OPS[node.op]
        first, rest = node.args[0], node.args[1:]
        if node.op == "transpose":
            return f"{self.term(first, 9)}.T", row.precedence
        if node.op == "part":
            return self._part(node), row.precedence
        if row.precedence == FUNCTION:
            arguments = ", ".join(self.term(argument) for argument in node.args)
            return f"{row.text}({arguments})", row.precedence
        if node.op == "neg" and self._is_product(first):
            return f"-{self.term(first, OPS['mul'].precedence)}", OPS["mul"].precedence
        if not rest:
            return f"{row.text}{self.term(first, row.precedence)}", row.precedence
        # + * @ & | group from the left and may be written flat; the right of - / ** needs brackets
        tight = node.op in ("sub", "div", "pow", "matmul") or row.is_condition
        left = self.term(first, row.precedence + (node.op == "pow" or row.is_condition))
        right = self.term(rest[0], row.precedence + tight)
        symbol = row.text if node.op == "pow" else f" {row.text} "
        return f"{left}{symbol}{right}", row.precedence


def cut(node: Apply) -> tuple[list[str], int, bool]:
    """Of a part of a vector: into which sizes it is cut, which it is, whether all are equal."""
    start, units = node.args[1:]
    before = start.size if isinstance(start, Length) else ""
    assert isinstance(units, Length)
    return place_of(shape_of(node.args[0])[0], before, units.size)


def number(value: float) -> str:
    """A number as one would type it."""
    if not math.isfinite(value):
        return str(value)
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)
