"""Compute what depends on weights alone. In: an equation and one direction's weights. Out: the rest
of each step, and the arrays that it needs; next: `c_code`, `onnx_graph`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from unrolled.equations.apart import apart
from unrolled.equations.equation import Equation
from unrolled.equations.interpret import evaluate
from unrolled.equations.nodes import (
    Apply,
    ConstantArray,
    Node,
    Variable,
    rebuild,
    topological,
    variable,
)
from unrolled.equations.ops import shape_of
from unrolled.equations.verify import is_condition, varies
from unrolled.exports.network import Array, Direction


@dataclass(frozen=True)
class Folded:
    """The statements that the new states need, in order, and every array that they read."""

    statements: list[tuple[str, Node]]
    weights: dict[Variable, Array]


def fold(equation: Equation, direction: Direction) -> Folded:
    """Fold expressions of weights, such as U - U.T, into single arrays."""
    equation = replace(equation, statements=tuple(apart(equation.statements, slices=True)))
    given = {v: direction.weights[v.name] for v in equation.given if v.role == "weight"}
    roots = [equation.locals[name] for name in equation.results]
    order = list(topological(roots))
    made = (Apply, ConstantArray)
    fixed = {n: not varies(n) and not is_condition(n) and isinstance(n, made) for n in order}
    tops = [n for n in order if fixed[n] and _is_read_by_others(n, order, fixed, roots)]
    columns = {v: a[:, None] if a.ndim == 1 else a for v, a in given.items()}
    sizes = {**direction.sizes, "1": 1}
    done: dict[Node, Node] = {}
    weights: dict[Variable, Array] = dict(given)
    taken = {*equation.values, *equation.constants}
    for node in order:
        if node in tops:
            name = _name(equation, node, taken)
            found = done[node] = variable(name, "weight", shape_of(node))
            wide: dict[Node, Any] = {v: a.astype(np.float64) for v, a in columns.items()}
            value = np.asarray(evaluate({name: node}, wide, sizes)[name])
            shape = tuple(sizes[size] for size in shape_of(node))
            like = next(iter(given.values())).dtype if given else np.float32
            weights[found] = np.broadcast_to(value, (*shape, 1)[: max(value.ndim, 1)]).reshape(
                shape
            ).astype(like)  # fmt: skip
        elif isinstance(node, Apply):
            done[node] = rebuild(node, tuple(done[a] for a in node.args))
        else:
            done[node] = node
    needed = set(order)
    statements = [(n, done[v]) for n, v in equation.statements if v in needed and not fixed[v]]
    statements += [
        (n, done[v]) for n, v in equation.statements if n in equation.results and fixed[v]
    ]
    used = set(topological(node for _, node in statements))
    return Folded(statements, {v: a for v, a in weights.items() if v in used})


def _is_read_by_others(
    node: Node, order: list[Node], fixed: dict[Node, bool], roots: list[Node]
) -> bool:
    readers = [n for n in order if isinstance(n, Apply) and node in n.args]
    return node in roots or any(not fixed[reader] for reader in readers)


def _name(equation: Equation, node: Node, taken: set[str]) -> str:
    """The name that it has in the equation, or a new one."""
    if isinstance(node, ConstantArray):
        return node.name
    for name, value in equation.statements:
        if value is node and name not in equation.results:
            return name
    count = 1
    while f"constant_{count}" in taken:
        count += 1
    taken.add(f"constant_{count}")
    return f"constant_{count}"
