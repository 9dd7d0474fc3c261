"""A pass over an equation: the same values, said shorter. In and out: an `Equation`.

Shared terms are shared already (nodes are interned). Here numbers are folded, what does nothing
(`+ 0`, `* 1`, `- -`) is dropped, a common factor of two terms is taken out, and in a sum the affine
terms (products with a matrix, then vectors of weights) are gathered to the front, so that an engine
finds `W x + U h + b` together whatever stood between them. Named hyper-parameters are not folded:
they print under their name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from unrolled.equations.equation import Equation
from unrolled.equations.nodes import (
    Apply,
    Constant,
    Node,
    apply,
    constant,
    is_one,
    rebuild,
    topological,
)
from unrolled.equations.ops import OPS, shape_of
from unrolled.equations.verify import varies


def simplify(equation: Equation) -> Equation:
    """Simplify every statement; names stay on the values they named."""
    done = simplified([node for _, node in equation.statements])
    statements = tuple((name, done[node]) for name, node in equation.statements)
    return replace(equation, statements=statements)


def simplified(roots: list[Node]) -> dict[Node, Node]:
    """Every node below the roots -> its simpler equal."""
    done: dict[Node, Node] = {}
    keep, named = set(roots), set[Node]()
    for node in topological(roots):
        if isinstance(node, Apply):
            new = rebuild(node, tuple(done[argument] for argument in node.args))
            done[node] = _settle(new, shape_of(node), named)
        else:
            done[node] = node
        if node in keep:
            named.add(done[node])
    return done


def _settle(node: Node, shape: tuple[str, ...], named: set[Node]) -> Node:
    """Apply the rules below until none changes the node; a named value is not taken apart."""
    while isinstance(node, Apply):
        rule = _RULES.get(node.op)
        new = _fold(node) or (rule(node, named) if rule else None)
        # a rule may not narrow a value: 1 * (a one-unit sum) + 0 * h is as wide as h
        if new is None or new is node or shape_of(new) != shape:
            return node
        node = new
    return node


def _fold(node: Apply) -> Node | None:
    values = [a.value for a in node.args if isinstance(a, Constant) and a.name is None]
    if len(values) < len(node.args) or OPS[node.op].is_condition or node.op == "where":
        return None
    with np.errstate(all="ignore"):
        return constant(float(OPS[node.op].compute(*map(np.float64, values))))


def _add(node: Apply, named: set[Node]) -> Node | None:
    a, b = node.args
    if is_one(a, 0):
        return b
    if is_one(b, 0):
        return a
    if negated := _negated(b):
        return a - negated
    if negated := _negated(a):
        return b - negated
    return _common_factor(node, named) or _gather(node, named)


def _sub(node: Apply, named: set[Node]) -> Node | None:
    a, b = node.args
    if is_one(b, 0):
        return a
    if is_one(a, 0):
        return -b
    if negated := _negated(b):
        return a + negated
    return _common_factor(node, named)


def _negated(node: Node) -> Node | None:
    return node.args[0] if isinstance(node, Apply) and node.op == "neg" else None


def _mul(node: Apply, named: set[Node]) -> Node | None:
    a, b = node.args
    if is_one(a, 1):
        return b
    if is_one(b, 1):
        return a
    if is_one(a, -1):
        return -b
    if is_one(b, -1):
        return -a
    if negated := _negated(a):
        return -(negated * b)
    if negated := _negated(b):
        return -(a * negated)
    return None


def _div(node: Apply, named: set[Node]) -> Node | None:
    a, b = node.args
    if is_one(b, 1):
        return a
    if negated := _negated(a):
        return -(negated / b)
    return None


def _neg(node: Apply, named: set[Node]) -> Node | None:
    (a,) = node.args
    if negated := _negated(a):
        return negated
    if isinstance(a, Apply) and a.op == "sub":
        return a.args[1] - a.args[0]
    return None


def _pow(node: Apply, named: set[Node]) -> Node | None:
    base, exponent = node.args
    return base if is_one(exponent, 1) else None


def _transpose(node: Apply, named: set[Node]) -> Node | None:
    (a,) = node.args
    return a.args[0] if isinstance(a, Apply) and a.op == "transpose" else None


def _spread(node: Apply, named: set[Node]) -> Node | None:
    value, _ = node.args
    return value if shape_of(value) == shape_of(node) else None


def _sum(node: Apply, named: set[Node]) -> Node | None:
    (a,) = node.args
    return a if shape_of(a) == ("1",) else None


def _where(node: Apply, named: set[Node]) -> Node | None:
    condition, a, b = node.args
    return a if a is b else None


def _common_factor(node: Apply, named: set[Node]) -> Node | None:
    """a * b + a * c -> a * (b + c), and the same with -."""
    left, right = node.args
    if not (isinstance(left, Apply) and isinstance(right, Apply)):
        return None
    if left.op != "mul" or right.op != "mul" or left in named or right in named:
        return None
    for factor in left.args:
        for other in right.args:
            if factor is other:
                rest = apply(node.op, _other(left, factor), _other(right, factor))
                return factor * _settle(rest, shape_of(rest), named)
    return None


def _other(product: Apply, factor: Node) -> Node:
    a, b = product.args
    return b if a is factor else a


def _gather(node: Apply, named: set[Node]) -> Node | None:
    """Reorder a sum of three or more terms: products first, then weights, then the rest."""
    terms = [term for side in node.args for term in _terms(side, named)]
    ordered = sorted(terms, key=_affinity)
    if ordered == terms or len(shape_of(node)) != 1:
        return None
    total = ordered[0]
    for term in ordered[1:]:
        total = total + term
    return total


def _terms(node: Node, named: set[Node]) -> list[Node]:
    if isinstance(node, Apply) and node.op == "add" and node not in named:
        return [term for side in node.args for term in _terms(side, named)]
    return [node]


def _affinity(node: Node) -> int:
    if isinstance(node, Apply) and node.op == "matmul":
        return 0
    return 2 if varies(node) else 1


_RULES: dict[str, Callable[[Apply, set[Node]], Node | None]] = {
    "add": _add,
    "sub": _sub,
    "mul": _mul,
    "div": _div,
    "neg": _neg,
    "pow": _pow,
    "transpose": _transpose,
    "spread": _spread,
    "sum": _sum,
    "mean": _sum,
    "where": _where,
}
