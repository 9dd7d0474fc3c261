"""A pass over an equation: the state can be reset before a step. In and out: an `Equation`.

The result has an additional input, a number at each step. If it is positive, the states before the
step are replaced by their initial values, zero or the cell's `initial_state`, and no derivative is
propagated, as between two sequences.
"""

from __future__ import annotations

from dataclasses import replace

from unrolled.equations.derive import fresh
from unrolled.equations.equation import Equation
from unrolled.equations.nodes import (
    ONE,
    Apply,
    Node,
    apply,
    constant,
    rebuild,
    topological,
    variable,
)
from unrolled.equations.verify import verify


def with_reset(equation: Equation) -> Equation:
    """The step with a reset before it."""
    taken = set(equation.values)
    reset = variable(fresh("reset", taken), "input", (ONE,))
    is_new = apply("gt", reset, constant(0))
    statements: list[tuple[str, Node]] = []
    done: dict[Node, Node] = {}
    for v in equation.given:
        if v.role == "state":
            start = constant(equation.initial_state.get(v.name, 0.0))
            done[v] = apply("where", is_new, start, v)
            statements.append((fresh(f"{v.name}_start", taken), done[v]))
    for node in topological(node for _, node in equation.statements):
        if isinstance(node, Apply):
            done[node] = rebuild(node, tuple(done[argument] for argument in node.args))
        else:
            done.setdefault(node, node)
    result = replace(
        equation,
        name=f"{equation.name}, reset",
        given=(*equation.given, reset),
        statements=(*statements, *((name, done[node]) for name, node in equation.statements)),
    )
    verify(result)
    return result
