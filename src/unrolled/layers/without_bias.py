"""`bias=False` for any cell. In: an `Equation`. Out: the same without the vectors that are only
added to a product; next: `Recurrent`.
"""

from __future__ import annotations

from dataclasses import replace

from unrolled.engines.plan.lower import replace_nodes
from unrolled.equations.equation import Equation
from unrolled.equations.nodes import Apply, Node, constant, topological
from unrolled.equations.simplify import simplify
from unrolled.equations.verify import verify


def without_bias(equation: Equation) -> Equation:
    """Take out each vector of weights that is only ever a term beside a product with a matrix."""
    nodes = list(topological(node for _, node in equation.statements))
    uses: dict[Node, list[Apply]] = {}
    for node in _whole(nodes):
        for term in _terms(node):
            uses.setdefault(term, []).append(node)
    biases = {
        v
        for v in equation.given
        if v.role == "weight" and v in uses and all(_has_product(node) for node in uses[v])
    }
    zeros: dict[Node, Node] = dict.fromkeys(biases, constant(0))
    done = replace_nodes([node for _, node in equation.statements], zeros)
    bare = simplify(
        replace(
            equation,
            given=tuple(v for v in equation.given if v not in biases),
            statements=tuple((name, done[node]) for name, node in equation.statements),
            initial={
                k: v for k, v in equation.initial.items() if k not in {b.name for b in biases}
            },
        )
    )
    verify(bare)
    return bare


def _whole(nodes: list[Node]) -> list[Apply]:
    """Every operation, but a sum within a sum is only a part of it."""
    applied = [node for node in nodes if isinstance(node, Apply)]
    inner = {a for node in applied if node.op == "add" for a in node.args}
    return [node for node in applied if node.op != "add" or node not in inner]


def _terms(node: Node) -> set[Node]:
    """The terms of a sum; of any other operation the arguments."""
    if not isinstance(node, Apply):
        return {node}
    if node.op != "add":
        return set(node.args)
    nested = (_terms(a) if isinstance(a, Apply) and a.op == "add" else {a} for a in node.args)
    return set().union(*nested)


def _has_product(node: Apply) -> bool:
    return node.op == "add" and any(
        isinstance(term, Apply) and term.op == "matmul" for term in _terms(node)
    )
