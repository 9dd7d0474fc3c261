"""Operations that engines compute by simpler ones. In: terms. Out: the same, taken apart; next: the
plan, and exports to languages without vectors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from unrolled.equations.nodes import (
    Apply,
    Node,
    apply,
    constant,
    eye,
    length,
    rebuild,
    topological,
)
from unrolled.equations.ops import shape_of
from unrolled.equations.verify import varies


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


def apart(statements: Sequence[tuple[str, Node]]) -> list[tuple[str, Node]]:
    """The statements without vectors that are joined or cut: W @ concat(a, b) is a sum of products
    with the columns of W for each; and what is left are products with rows of the identity."""
    done: dict[Node, Node] = {}
    for node in topological(node for _, node in statements):
        if not isinstance(node, Apply):
            done[node] = node
            continue
        args = tuple(done[argument] for argument in node.args)
        operand = node.args[-1]
        if node.op == "matmul" and isinstance(operand, Apply) and operand.op == "concat":
            done[node] = _products(args[0], operand, done)
        elif node.op in ("concat", "part", "pad") and varies(node) and len(shape_of(node)) == 1:
            done[node] = _selected(node, args)
        else:
            done[node] = rebuild(node, args)
    return [(name, done[node]) for name, node in statements]


def _products(matrix: Node, vector: Node, done: Mapping[Node, Node]) -> Node:
    """A matrix times a vector, by the parts of which it is joined."""
    if not isinstance(vector, Apply) or vector.op != "concat":
        return apply("matmul", matrix, done[vector])
    (one,), (other,) = map(shape_of, vector.args)
    first, second = vector.args
    return apply(
        "add",
        _products(_columns(matrix, None, one), first, done),
        _products(_columns(matrix, one, other), second, done),
    )


def _columns(matrix: Node, after: str | None, size: str) -> Node:
    start = constant(0) if after is None else length(after)
    return apply("transpose", apply("part", apply("transpose", matrix), start, length(size)))


def _selected(node: Apply, args: tuple[Node, ...]) -> Node:
    """The same by products with rows, or columns, of the identity."""
    if node.op == "part":
        rows = apply("part", eye(shape_of(node.args[0])[0]), *args[1:])
        return apply("matmul", rows, args[0])
    (total,), ((one, *_), *others) = shape_of(node), map(shape_of, node.args[:2])
    if node.op == "pad":
        rows = apply("part", eye(total), args[1], length(one))
        return apply("matmul", apply("transpose", rows), args[0])
    first, second = (
        apply("matmul", apply("transpose", apply("part", eye(total), start, length(size))), vector)
        for start, size, vector in (
            (constant(0), one, args[0]), (length(one), others[0][0], args[1])
        )
    )  # fmt: skip
    return first + second
