"""The directional derivative of a step, as an equation. In: an `Equation`. Out: the `Equation` of
the step together with its derivative in a direction; next: whatever takes an equation.

A direction assigns a change to each given value: x changes by `x_dot`, W by `W_dot`, h by `h_dot`.
The change of the result of each operation follows from the rule in its row of the table (`ops`):

1. The result of an elementwise operation changes by its derivative times the change of the
   argument. The row computes just that if it gets the change instead of the derivative of the loss,
   because the matrix of derivatives is diagonal.
2. A few operations (softmax, the largest unit) have their own rule in the table.
3. All others (products, sums over units) are linear in each argument: the change replaces the
   argument.

The states of the result are first the derivatives and then the step's own states, so its output is
the directional derivative of the output. It is an equation like any other: it can be printed, run,
compiled and differentiated, and its backward step computes second derivatives.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from unrolled.equations.derive import fresh, name_what_backward_needs, varying_nodes
from unrolled.equations.nodes import (
    Apply,
    Constant,
    Node,
    Variable,
    apply,
    constant,
    length,
    topological,
    variable,
)
from unrolled.equations.ops import OPS, elementwise, shape_of
from unrolled.equations.simplify import simplified
from unrolled.equations.statements import S, Statements
from unrolled.equations.verify import verify


def tangent(equation: S) -> S:
    """The step and its directional derivative."""
    names = dots(equation)
    moving = {v: variable(names[v.name], v.role, v.shape) for v in equation.given}
    found = _movements(equation, moving)
    inputs = [v for v in equation.given if v.role == "input"]
    states = [v for v in equation.given if v.role == "state"]
    rest = [v for v in equation.given if v.role not in ("input", "state")]
    given = (*inputs, *(moving[v] for v in inputs), *(moving[v] for v in states), *states,
             *rest, *(moving[v] for v in rest))  # fmt: skip
    result = replace(
        equation,
        name=f"{equation.name}, tangent",
        given=given,
        statements=tuple(_statements(equation, names, found)),
        results=(*(names[name] for name in equation.results), *equation.results),
        initial={},
        output=None,
    )
    verify(result)
    result = name_what_backward_needs(result)
    verify(result)
    return result


def dots(equation: Statements) -> dict[str, str]:
    """Every name of the equation -> the name of its directional derivative."""
    taken = set(equation.values)
    return {name: fresh(f"{name}_dot", taken) for name in equation.values}


def _movements(equation: Statements, moving: Mapping[Variable, Variable]) -> dict[Node, Node]:
    """Each value of the step -> its change; values that do not change are omitted."""
    roots = [node for _, node in equation.statements]
    order = list(topological(roots))
    varying = varying_nodes(order, equation.without_derivative)
    own = set(roots)
    known, named = set(order), set(own)
    coefficients: dict[Node, tuple[float, Node]] = {}
    found: dict[Node, Node] = {}
    for node in order:
        if node not in varying:
            continue
        if isinstance(node, Variable):
            found[node] = moving[node]
        elif isinstance(node, Apply):
            term = _movement(node, found)
            if term is None:
                continue
            done = simplified([term], known, named, coefficients)[term]
            if isinstance(done, Constant) and done.value == 0:
                continue
            found[node] = done
            known.add(done)
            if node in own:
                named.add(done)
    return found


def _movement(node: Apply, found: Mapping[Node, Node]) -> Node | None:
    """The change of an operation's result, from the changes of its arguments."""
    row = OPS[node.op]
    total: Node | None = None
    for position, argument in enumerate(node.args):
        moved = found.get(argument)
        if moved is None:
            continue
        if row.movement is not None:
            term = row.movement(moved, node, *node.args)[position]
        elif row.shape is elementwise:
            assert row.derivative is not None, f"{node.op} has no derivative"
            term = row.derivative(moved, node, *node.args)[position]
        else:
            term = apply(node.op, *node.args[:position], moved, *node.args[position + 1 :])
        if term is not None:
            total = term if total is None else total + term
    return None if total is None else _widen(total, node)


def _widen(term: Node, node: Node) -> Node:
    """Broadcast a change that all units share to the size of its value."""
    shape = shape_of(node)
    if shape_of(term) == shape:
        return term
    if len(shape) == 1:
        return apply("spread", term, length(shape[0]))
    return apply("where", apply("gt", node, node), node, term)  # a matrix, of one number


def _statements(
    equation: Statements, names: Mapping[str, str], found: Mapping[Node, Node]
) -> list[tuple[str, Node]]:
    """Each named value, followed by its change. A returned value that does not change has a change
    of zeros."""
    statements: list[tuple[str, Node]] = []
    for name, root in equation.statements:
        statements.append((name, root))
        if root in found or name in equation.results:
            statements.append((names[name], found.get(root) or _widen(constant(0), root)))
    return statements
