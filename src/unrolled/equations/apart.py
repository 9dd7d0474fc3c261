"""Rewrite concatenated and split vectors for engines, which only handle whole vectors. In:
statements. Out: the same with products and rows of matrices; next: the plan, and exports.

W @ concat(a, b) is a sum of products with the columns of W for each. A part of a sum of products,
`split(W @ x + b, 4)[0]`, is a sum of products with rows of the matrices, so a vector that is only
computed to be split costs nothing. Other cases (a part of a state, a concatenated vector used unit
by unit) become a product with rows of the identity, in which a NaN in one part spreads to the
others (0 times NaN is NaN). With `slices` they stay a slice or a concatenation.
"""

from __future__ import annotations

from collections.abc import Sequence

from unrolled.equations.lengths import rest_of, sum_of
from unrolled.equations.nodes import (
    Apply,
    Length,
    Node,
    apply,
    arguments,
    constant,
    eye,
    length,
    rebuild,
    topological,
)
from unrolled.equations.ops import OPS, bounded, elementwise, shape_of
from unrolled.equations.verify import varies


def apart(
    statements: Sequence[tuple[str, Node]], *, slices: bool = False
) -> list[tuple[str, Node]]:
    """The statements without vectors that are joined or cut; with `slices`, those stay that no
    product takes apart."""
    taking = _Taking(statements, slices)
    return [(name, taking.done[node]) for name, node in statements]


class _Taking:
    """`done`: every node -> the same, taken apart. `whole`: what is used as it is, and not only by
    its parts."""

    def __init__(self, statements: Sequence[tuple[str, Node]], slices: bool) -> None:
        self.slices = slices
        self.done: dict[Node, Node] = {}
        self._parts: dict[tuple[Node, str, str], Node] = {}
        order = list(topological(node for _, node in statements))
        self.whole = _used_whole(statements, order)
        for node in order:
            self.done[node] = self._taken(node)

    def _taken(self, node: Node) -> Node:
        if not isinstance(node, Apply):
            return node
        is_vector = varies(node) and len(shape_of(node)) == 1
        if node.op == "matmul" and is_vector:
            return self._product(self.done[node.args[0]], node.args[1])
        if node.op == "part" and is_vector:
            return self._part(node.args[0], *_place(node))
        args = tuple(self.done[argument] for argument in node.args)
        if node.op in ("concat", "pad") and is_vector and not self.slices:
            return _selected(node, args)
        return rebuild(node, args)

    # products ------------------------------------------------------------------------------------

    def _product(self, matrix: Node, vector: Node) -> Node:
        """A matrix times a vector, by the parts of which it is joined, or of which it is one."""
        if isinstance(vector, Apply) and vector.op == "concat":
            (one,), (other,) = map(shape_of, vector.args)
            first, second = vector.args
            return apply(
                "add",
                self._product(_columns(matrix, "", one), first),
                self._product(_columns(matrix, one, other), second),
            )
        if (
            not self.slices
            and isinstance(vector, Apply)
            and vector.op == "part"
            and not self._is_inside(vector.args[0])
        ):
            before, _ = _place(vector)
            wide = apply("pad", apply("transpose", matrix), _start(before),
                         length(shape_of(vector.args[0])[0]))  # fmt: skip
            return apply("matmul", apply("transpose", wide), self.done[vector.args[0]])
        return apply("matmul", matrix, self.done[vector])

    # parts ---------------------------------------------------------------------------------------

    def _is_inside(self, vector: Node) -> bool:
        """Whether a part of this is made of parts of what it is made of."""
        if not isinstance(vector, Apply) or not varies(vector):
            return not varies(vector)
        if vector.op in ("concat", "part", "spread"):
            return True
        rule = OPS[vector.op].shape
        is_pointwise = rule in (elementwise, bounded) or vector.op == "matmul"
        return is_pointwise and vector not in self.whole

    def _part(self, vector: Node, before: str, size: str) -> Node:
        key = vector, before, size
        if key not in self._parts:
            self._parts[key] = self._cut(vector, before, size)
        return self._parts[key]

    def _cut(self, vector: Node, before: str, size: str) -> Node:
        if shape_of(vector) == (size,):
            return self.done[vector]
        if not varies(vector):
            return apply("part", self.done[vector], _start(before), length(size))
        if not self._is_inside(vector):
            return self._rows(vector, before, size)
        assert isinstance(vector, Apply)
        if vector.op == "spread":
            return apply("spread", self.done[vector.args[0]], length(size))
        if vector.op == "part":
            outer, _ = _place(vector)
            return self._part(vector.args[0], sum_of(*filter(None, (outer, before))), size)
        if vector.op == "concat":
            return self._cut_joined(vector, before, size)
        if vector.op == "matmul":
            rows = apply("part", self.done[vector.args[0]], _start(before), length(size))
            return self._product(rows, vector.args[1])
        args = [self._part(a, before, size) if shape_of(a) == shape_of(vector) else self.done[a]
                for a in vector.args]  # fmt: skip
        return rebuild(vector, tuple(args))

    def _cut_joined(self, joined: Apply, before: str, size: str) -> Node:
        """A part of two vectors: of the one, of the other, or of both."""
        one = shape_of(joined.args[0])[0]
        first, second = joined.args
        if rest_of(one, before, size) is not None:
            return self._part(first, before, size)
        after = rest_of(before, one) if before else None
        if after is not None:
            return self._part(second, after, size)
        return self._rows(joined, before, size)

    def _rows(self, vector: Node, before: str, size: str) -> Node:
        """Some units of a vector that is there as a whole."""
        if self.slices:
            return apply("part", self.done[vector], _start(before), length(size))
        rows = apply("part", eye(shape_of(vector)[0]), _start(before), length(size))
        return apply("matmul", rows, self.done[vector])


def _used_whole(statements: Sequence[tuple[str, Node]], order: Sequence[Node]) -> set[Node]:
    """The vectors that something else than a part is made of. What is made only to be cut is used
    by its parts, and so is what it is made of unit by unit."""
    users: dict[Node, list[Node]] = {}
    for node in order:
        for argument in arguments(node):
            users.setdefault(argument, []).append(node)
    last = {node for _, node in statements if node not in users}
    whole: set[Node] = set()
    for node in reversed(order):
        for user in users.get(node, ()):
            is_cut = isinstance(user, Apply) and user.op == "part"
            is_unit_by_unit = isinstance(user, Apply) and OPS[user.op].shape is elementwise
            if not is_cut and not (is_unit_by_unit and user not in whole | last):
                whole.add(node)
    return whole | last


def _place(node: Apply) -> tuple[str, str]:
    """Which size a part has before it, and which it has."""
    start, units = node.args[1:]
    assert isinstance(units, Length)
    return start.size if isinstance(start, Length) else "", units.size


def _start(before: str) -> Node:
    return length(before) if before else constant(0)


def _columns(matrix: Node, before: str, size: str) -> Node:
    turned = apply("part", apply("transpose", matrix), _start(before), length(size))
    return apply("transpose", turned)


def _selected(node: Apply, args: tuple[Node, ...]) -> Node:
    """The same by products with columns of the identity."""
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
