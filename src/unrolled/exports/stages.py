"""Divide a step into stages of loops. In: an equation's statements. Out: `Stages`; next: `loops`.

A language without vectors computes unit by unit. A product with a matrix and a sum over the units
need their complete operand, so they end a stage: values that use them are in the next one. Within a
stage all values of one size are computed in one loop. Products that are added (W x + U h) are
accumulated in one array.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from unrolled.equations.apart import apart
from unrolled.equations.expand import expanded
from unrolled.equations.nodes import (
    ONE,
    Apply,
    Node,
    Variable,
    apply,
    arguments,
    rebuild,
    topological,
    variable,
)
from unrolled.equations.ops import REDUCTIONS as OVER_UNITS
from unrolled.equations.ops import shape_of
from unrolled.equations.verify import is_condition

Statements = Sequence[tuple[str, Node]]
REDUCTIONS = (*sorted(OVER_UNITS), "total")


@dataclass(frozen=True)
class Product:
    """A matrix (turned over, or not) times a vector."""

    matrix: Node
    transposed: bool
    vector: Node


@dataclass
class Stage:
    """Values that are computed together, in this order."""

    sums: list[Variable] = field(default_factory=list)
    reductions: list[Apply] = field(default_factory=list)
    scalars: list[Apply] = field(default_factory=list)
    vectors: dict[str, list[Apply]] = field(default_factory=dict)
    matrices: list[Apply] = field(default_factory=list)


@dataclass
class Stages:
    """`sums` says which products an array of sums holds; `stored` are the values that are kept in
    arrays of their own, because another stage, loop or product reads them, or by their name."""

    statements: list[tuple[str, Node]]
    sums: dict[Variable, list[Product]]
    stages: list[Stage]
    stored: set[Node]
    uses: Counter[Node]


def in_stages(statements: Statements, kept: Collection[str]) -> Stages:
    """`kept` are the names whose values are wanted as arrays."""
    gathered = _Gathered(expanded(apart(statements, slices=True)))
    return _cut(gathered.statements, gathered.sums, kept)


class _Gathered:
    """Each product becomes a value of its own; those that are added to each other become one."""

    def __init__(self, statements: Statements) -> None:
        self.sums: dict[Variable, list[Product]] = {}
        roots = [node for _, node in statements]
        self.named = set(roots)
        order = list(topological(roots))
        self.uses = Counter(a for node in order for a in arguments(node))
        self.inner = {
            a for node in order if _is(node, "add") for a in arguments(node)
            if _is(a, "add") and self._is_inner(a)
        }  # fmt: skip
        self.owners: dict[Node, str] = {}
        for name, root in statements:
            for node in topological([root]):
                self.owners.setdefault(node, name)
        self.taken = {name for name, _ in statements}
        self.done: dict[Node, Node] = {}
        self.level: dict[Node, int] = {}
        for node in order:
            self.done[node] = self._rewrite(node)
        self.statements = [(name, self.done[node]) for name, node in statements]

    def _is_inner(self, node: Node) -> bool:
        return self.uses[node] == 1 and node not in self.named

    def _rewrite(self, node: Node) -> Node:
        before = [self.level[a] for a in arguments(node)]
        self.level[node] = max(before, default=0)
        if not isinstance(node, Apply):
            return node
        if node.op == "matmul":
            self.level[node] += 1
            return self._sum(node, [node])
        if node.op in REDUCTIONS or is_sliced(node):
            self.level[node] += 1
        if node.op == "add" and node not in self.inner:
            return self._add(node)
        return rebuild(node, tuple(self.done[a] for a in node.args))

    def _add(self, node: Apply) -> Node:
        """A sum of terms: its products of one level first, added up in one array."""
        terms = list(self._terms(node))
        groups: dict[int, list[Apply]] = {}
        for term in terms:
            if isinstance(term, Apply) and term.op == "matmul" and self._is_inner(term):
                groups.setdefault(self.level[term], []).append(term)
        new: list[Node] = []
        for products in groups.values():
            for product in products:  # what was made for each alone
                self.sums.pop(_as_variable(self.done[product]))
            new.append(self._sum(node, products))
        grouped = {product for products in groups.values() for product in products}
        new += [self.done[term] for term in terms if term not in grouped]
        total = new[0]
        for term in new[1:]:
            total = apply("add", total, term)
        return total

    def _terms(self, node: Apply) -> Sequence[Node]:
        terms: list[Node] = []
        for a in node.args:
            terms += self._terms(a) if a in self.inner and isinstance(a, Apply) else [a]
        return terms

    def _sum(self, owner: Node, products: Sequence[Apply]) -> Variable:
        base = f"net_{self.owners[owner].removeprefix('net_')}"
        name, count = base, 1
        while name in self.taken or any(v.name == name for v in self.sums):
            count += 1
            name = f"{base}_{count}"
        found = variable(name, "sum", shape_of(products[0]))
        self.sums[found] = [self._product(product) for product in products]
        return found

    def _product(self, product: Apply) -> Product:
        matrix, vector = self.done[product.args[0]], self.done[product.args[1]]
        transposed = False
        while isinstance(matrix, Apply) and matrix.op == "transpose":
            matrix, transposed = matrix.args[0], not transposed
        return Product(matrix, transposed, vector)


def _is(node: Node, op: str) -> bool:
    return isinstance(node, Apply) and node.op == op


def _as_variable(node: Node) -> Variable:
    assert isinstance(node, Variable)
    return node


def operands(node: Node, sums: dict[Variable, list[Product]]) -> list[Node]:
    """What a value is made of; a sum is made of its products' operands."""
    if isinstance(node, Variable) and node in sums:
        return [n for product in sums[node] for n in (product.matrix, product.vector)]
    return list(arguments(node))


def _cut(
    statements: list[tuple[str, Node]], sums: dict[Variable, list[Product]], kept: Collection[str]
) -> Stages:
    order = _ordered([node for _, node in statements], sums)
    level: dict[Node, int] = {}
    uses: Counter[Node] = Counter()
    for node in order:
        parts = operands(node, sums)
        uses.update(parts)
        level[node] = max((level[p] for p in parts), default=0) + _is_crossing(node, sums)
    stored = {node for name, node in statements if name in kept and _is_computed(node)}
    for node in order:
        for part in operands(node, sums):
            apart = level[part] != level[node] or shape_of(part) != shape_of(node)
            if _is_computed(part) and not is_condition(part) and (
                apart or _is_crossing(node, sums)
            ):  # fmt: skip
                stored.add(part)
    stages = [Stage() for _ in range(1 + max(level.values(), default=0))]
    for node in order:
        if isinstance(node, Variable) and node in sums:
            stages[level[node]].sums.append(node)
        elif isinstance(node, Apply) and not is_condition(node):
            _put(stages[level[node]], node)
    return Stages(statements, sums, stages, stored, uses)


def _ordered(roots: Sequence[Node], sums: dict[Variable, list[Product]]) -> list[Node]:
    order: dict[Node, None] = {}

    def visit(node: Node) -> None:
        if node in order:
            return
        for part in operands(node, sums):
            visit(part)
        order[node] = None

    for root in roots:
        visit(root)
    return list(order)


def _is_crossing(node: Node, sums: dict[Variable, list[Product]]) -> bool:
    """Whether this needs its complete operands."""
    if isinstance(node, Variable):
        return node in sums
    return isinstance(node, Apply) and (node.op in (*REDUCTIONS, "outer") or is_sliced(node))


def is_sliced(node: Node) -> bool:
    """Whether this moves the units of a vector to other places."""
    return _is_computed(node) and len(shape_of(node)) == 1 and (
        _is(node, "part") or _is(node, "pad") or _is(node, "concat")
    )  # fmt: skip


def _is_computed(node: Node) -> bool:
    return isinstance(node, Apply)


def _put(stage: Stage, node: Apply) -> None:
    shape = shape_of(node)
    if node.op in REDUCTIONS:
        stage.reductions.append(node)
    elif len(shape) == 2:
        stage.matrices.append(node)
    elif shape in ((), (ONE,)):
        stage.scalars.append(node)
    else:
        stage.vectors.setdefault(shape[0], []).append(node)
