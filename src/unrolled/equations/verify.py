"""The invariants of an equation, checked after every pass. In: an `Equation`. Out: nothing, or
EquationError that names the statement.

What holds: every operation stands in the table with its number of arguments; conditions and values
are not mixed; the left of a product is a matrix of weights; shapes agree; every variable is given;
every name is said once; every result has a name and, for a new state, the shape of the old one.
"""

from __future__ import annotations

from unrolled.equations.equation import Equation
from unrolled.equations.nodes import (
    Apply,
    Constant,
    Eye,
    Length,
    Node,
    Variable,
    topological,
)
from unrolled.equations.ops import OPS, ShapeMismatch, shape_of
from unrolled.errors import EquationError

ROLES = ("input", "state", "weight", "value", "cotangent")


def verify(equation: Equation) -> None:
    """Raise EquationError where an invariant is broken."""
    given = set(equation.given)
    names = [v.name for v in equation.given if v.role != "state"]
    names += [name for name, _ in equation.statements]
    repeated = sorted({name for name in names if names.count(name) > 1})
    _demand(not repeated, equation, f"{repeated} named more than once")
    for name in names:
        _demand(name.isidentifier(), equation, f"{name!r} is not a name")
    for v in equation.given:
        _demand(v.role in ROLES, equation, f"{v.name} has the role {v.role!r}")
    for name, root in equation.statements:
        for node in topological([root]):
            try:
                _verify_node(node, given)
            except (ShapeMismatch, EquationError) as error:
                raise EquationError(
                    f"{equation.name}, in the statement of {name}: {error}"
                ) from None
    for result in equation.results:
        _demand(result in equation.locals, equation, f"the result {result} has no statement")
        if result in equation.states:
            same = shape_of(equation.locals[result]) == equation.states[result]
            _demand(same, equation, f"the new {result} has another shape than the old one")


def _demand(holds: bool, equation: Equation, sentence: str) -> None:
    if not holds:
        raise EquationError(f"{equation.name}: {sentence}")


def _verify_node(node: Node, given: set[Variable]) -> None:
    if isinstance(node, Variable) and node not in given:
        raise EquationError(f"{node.name} is not given")
    if isinstance(node, Apply):
        _verify_operation(node)
    elif not isinstance(node, Variable | Constant | Length | Eye):
        raise EquationError(f"{node!r} is no node")
    shape_of(node)


def _verify_operation(node: Apply) -> None:
    row = OPS.get(node.op)
    if row is None:
        raise EquationError(f"{node.op!r} is not an operation")
    if len(node.args) != row.arity:
        raise EquationError(f"{node.op} takes {row.arity} arguments, not {len(node.args)}")
    for position, argument in enumerate(node.args):
        wants = node.op in ("and", "or", "not") or (node.op == "where" and position == 0)
        if is_condition(argument) != wants:
            raise EquationError(f"{node.op} mixes a condition and a value")
    if node.op in ("pow", "leaky_relu") and not isinstance(node.args[1], Constant):
        raise EquationError(f"the second argument of {node.op} is not a constant")
    if node.op == "spread" and not isinstance(node.args[1], Length):
        raise EquationError("spread needs a length")
    if node.op == "matmul" and varies(node.args[0]):
        raise EquationError("the left of a product varies from step to step")


def is_condition(node: Node) -> bool:
    return isinstance(node, Apply) and OPS[node.op].is_condition


def varies(node: Node) -> bool:
    """Whether a node depends on anything but weights and constants."""
    return any(
        isinstance(below, Variable) and below.role != "weight" for below in topological([node])
    )
