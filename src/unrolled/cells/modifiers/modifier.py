"""The base class of modifiers. In: an `Equation`. Out: another; next: `modified`, `layers`.

A modifier is a pass over an equation, in a file next to this one. The result is printed, stored,
checked and compiled like the equation of a step.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

from unrolled.equations.equation import Equation
from unrolled.equations.nodes import Apply, Node, Variable, arguments, topological, variable
from unrolled.equations.ops import FUNCTION, OPS, REDUCTIONS, shape_of
from unrolled.equations.rewriting import summands_of
from unrolled.equations.verify import varies
from unrolled.errors import ArgumentError, CellError

SELECTING = REDUCTIONS | {
    "maximum", "minimum", "where", "abs", "sign", "spread", "clip_gradient"
}  # fmt: skip


@dataclass(frozen=True)
class Modifier:
    """A change of a cell; `modifier(equation)` is the changed equation."""

    def __call__(self, equation: Equation) -> Equation:
        raise NotImplementedError

    def __str__(self) -> str:
        given = [getattr(self, one.name) for one in fields(self)
                 if getattr(self, one.name) != one.default]  # fmt: skip
        return f"{type(self).__name__}({', '.join(map(repr, given))})"


def titled(equation: Equation, modifier: Modifier) -> str:
    """The name of a modified equation."""
    return f"{equation.name} + {modifier}"


def share(modifier: str, name: str, value: object) -> None:
    """Refuse a rate that is not in [0, 1)."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1:
        raise ArgumentError(f"{modifier}: {name} must be at least 0 and below 1, not {value!r}")


def pre_activations(equation: Equation) -> dict[Node, str]:
    """Every sum with a product of a matrix that a function such as tanh is taken of, the whole of
    it, with the name of the statement that it stands in."""
    found: dict[Node, str] = {}
    for name, root in equation.statements:
        for node in topological([root]):
            if isinstance(node, Apply) and _is_activation(node):
                for sum_ in _sums_below(node.args[0]):
                    found.setdefault(sum_, name)
    return found


def _is_activation(node: Apply) -> bool:
    row = OPS[node.op]
    return (
        row.precedence == FUNCTION
        and row.name not in SELECTING
        and len(shape_of(node)) == 1
        and varies(node)
    )


def _sums_below(node: Node) -> Iterator[Node]:
    """The sums with products below a node, through elementwise arithmetic only."""
    if not isinstance(node, Apply) or not varies(node):
        return
    if any(is_product(term) for term in summands_of(node)):
        yield node
        below = [term for term in summands_of(node) if not is_product(term)]
    elif _is_activation(node):
        return
    else:
        below = list(arguments(node))
    for part in below:
        yield from _sums_below(part)


def is_product(node: Node) -> bool:
    """Whether a node is a matrix times a vector that varies."""
    return isinstance(node, Apply) and node.op == "matmul" and len(shape_of(node)) == 1


def recurrent_matrices(equation: Equation) -> list[Variable]:
    """The weights by which states are multiplied, in the order of the equation."""
    found: dict[Variable, None] = {}
    for node in topological(node for _, node in equation.statements):
        if is_product(node):
            matrix, operand = arguments(node)
            below = topological([operand])
            if any(isinstance(v, Variable) and v.role == "state" for v in below):
                found |= {v: None for v in topological([matrix]) if isinstance(v, Variable)}
    return list(found)


def new_weight(equation: Equation, name: str, taken: set[str], size: str) -> Variable:
    """A new vector of weights, with an unused name."""
    free, number = name, 1
    while free in taken or free in equation.values:
        number += 1
        free = f"{name}_{number}"
    taken.add(free)
    return variable(free, "weight", (size,))


def new_input(equation: Equation, name: str, like: Node) -> Variable:
    """A new input with an unused name and the size of another value."""
    free, number = name, 1
    while free in equation.values:
        number += 1
        free = f"{name}_{number}"
    return variable(free, "input", shape_of(like))


def statement(equation: Equation, modifier: str, name: str) -> Node:
    """A value of the step by its name."""
    node = equation.locals.get(name)
    if node is None:
        raise CellError(
            f"{modifier}: {equation.name} computes no {name!r}; it computes "
            f"{', '.join(equation.locals)}"
        )
    return node
