"""Replace operations by simpler ones for engines. In: terms. Out: equivalent terms; next: the plan,
and exports to languages without vectors.
"""

from __future__ import annotations

from collections.abc import Sequence

from unrolled.equations.nodes import Apply, Node, apply, rebuild, topological


def softmax_of(x: Node) -> Apply:
    """Softmax by an exponential and two reductions; the largest unit keeps it from overflowing."""
    raised = apply("exp", x - apply("max", x))
    return raised / apply("sum", raised)


def expanded(statements: Sequence[tuple[str, Node]]) -> list[tuple[str, Node]]:
    """The statements without softmax, and without bounds on derivatives."""
    done: dict[Node, Node] = {}
    for node in topological(node for _, node in statements):
        if not isinstance(node, Apply):
            done[node] = node
        elif node.op == "softmax":
            done[node] = softmax_of(done[node.args[0]])
        else:
            done[node] = rebuild(node, tuple(done[argument] for argument in node.args))
    return [(name, done[node]) for name, node in statements]
