"""Products and sums over units, cut out of a graph. In: targets. Out: `Rewriting`; next: `layout`.

What is left is computed unit by unit. Each product, and each sum over units, is now a variable of
of its own; the products of one sum, if nobody else uses them, are one variable: one accumulator.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from unrolled.engines.plan.plan import Kind, Matrix, Place, Target
from unrolled.equations.expand import softmax_of
from unrolled.equations.nodes import (
    ONE,
    Apply,
    Length,
    Node,
    Variable,
    apply,
    rebuild,
    topological,
    variable,
)
from unrolled.equations.ops import REDUCTIONS, shape_of


class Rewriting:
    """Cut products and sums over units out of the graph: each becomes a variable of its own."""

    def __init__(
        self,
        targets: Sequence[Target],
        leaves: Mapping[Variable, Place],
        hoist: Callable[[Variable], bool],
        rank: Mapping[str, int],
    ) -> None:
        self.leaves: dict[Node, Place] = dict(leaves.items())
        self.hoist = hoist
        self.hoisted: list[tuple[Matrix, Place, Place]] = []
        self._hoisted: dict[tuple[Matrix, Variable], Node] = {}
        self.products: dict[Node, list[tuple[Matrix, Node]]] = {}
        self.reductions: dict[Node, Node] = {}
        self.combined: dict[Node, str] = {}  # a reduction -> "sum", "max" or "min"
        self.done: dict[Node, Node] = {}
        self.rank = rank
        roots = [node for node, _ in targets]
        self.uses = Counter(roots)
        for node in topological(roots):
            if isinstance(node, Apply):
                self.uses.update(node.args)
        self.targets = [(self.rewrite(node), place) for node, place in targets]
        self.hoisted.sort(key=lambda pair: rank[pair[0].name])

    def rewrite(self, node: Node) -> Node:
        if node not in self.done:
            self.done[node] = self._rewrite(node)
        return self.done[node]

    def _rewrite(self, node: Node) -> Node:
        if not isinstance(node, Apply):
            return node
        if node.op == "matmul":
            return self._product([node], shape_of(node)[0])
        if node.op == "softmax":
            return self.rewrite(softmax_of(node.args[0]))
        if node.op in REDUCTIONS:
            return self._reduction(node)
        if node.op == "add" and len(shape_of(node)) == 1:
            return self._sum(node)
        return rebuild(node, tuple(map(self.rewrite, node.args)))

    def _sum(self, node: Apply) -> Node:
        """One accumulator for all the products of a sum that nobody else uses."""
        terms = list(self._terms(node))
        alone = {
            t.args[-1]: t
            for t in terms
            if isinstance(t, Apply) and self._is_in_loop(t) and self.uses[t] == 1
        }
        products = list(alone.values())  # one for each operand; a second one is on its own
        rest = [self.rewrite(t) for t in terms if t not in products]
        if products:
            rest.insert(0, self._product(products, shape_of(node)[0]))
        total = rest[0]
        for term in rest[1:]:
            total = apply("add", total, term)
        return total

    def _terms(self, node: Apply) -> Iterable[Node]:
        for argument in node.args:
            nested = isinstance(argument, Apply) and argument.op == "add"
            if nested and self.uses[argument] == 1 and shape_of(argument) == shape_of(node):
                assert isinstance(argument, Apply)
                yield from self._terms(argument)
            else:
                yield argument

    def _is_in_loop(self, node: Apply) -> bool:
        operand = node.args[-1]
        return node.op == "matmul" and not (isinstance(operand, Variable) and self.hoist(operand))

    def _product(self, nodes: Sequence[Node], size: str) -> Node:
        pairs = []
        for node in nodes:
            assert isinstance(node, Apply)
            matrix, operand = _matrix(node.args[0]), node.args[1]
            if isinstance(operand, Variable) and self.hoist(operand):
                return self._hoist(matrix, operand, size)
            pairs.append((matrix, self.rewrite(operand)))
        new = variable(f"product {len(self.products)}", "value", (size,))
        self.products[new] = pairs
        return new

    def _hoist(self, matrix: Matrix, operand: Variable, size: str) -> Node:
        if (matrix, operand) not in self._hoisted:
            name = f"hoisted {matrix.name}"
            if any(place.name == name for _, _, place in self.hoisted):  # it meets another input
                name = f"{name} {operand.name} {len(self.hoisted)}"
            place = Place(Kind.TOKEN, name, size)
            new = self._hoisted[matrix, operand] = variable(name, "value", (size,))
            self.leaves[new] = place
            self.hoisted.append((matrix, self.leaves[operand], place))
        return self._hoisted[matrix, operand]

    def _reduction(self, node: Apply) -> Node:
        operand, op = self.rewrite(node.args[0]), "sum" if node.op == "mean" else node.op
        known = (v for v, other in self.reductions.items() if other is operand)
        new = next((v for v in known if self.combined[v] == op), None)
        if new is None:
            new = variable(f"reduced {len(self.reductions)}", "value", (ONE,))
            self.reductions[new], self.combined[new] = operand, op
        if node.op != "mean":
            return new
        return apply("div", new, Length(shape_of(operand)[0]))


def _matrix(node: Node) -> Matrix:
    if isinstance(node, Apply) and node.op == "transpose":
        inner = node.args[0]
        assert isinstance(inner, Variable)
        return Matrix(inner.name, transposed=True)
    assert isinstance(node, Variable)
    return Matrix(node.name)
