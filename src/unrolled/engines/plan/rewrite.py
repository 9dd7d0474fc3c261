"""Take products and sums over units out of a graph. In: targets. Out: `Rewriting`; next: `layout`.

The rest is computed unit by unit. Each product, and each sum over units, becomes a variable; the
products of one sum, if nothing else uses them, become a single variable: one accumulator.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence

from unrolled.engines.plan.plan import Kind, Matrix, Place, Target
from unrolled.equations.expand import softmax_of
from unrolled.equations.nodes import (
    ONE,
    Apply,
    Constant,
    Length,
    Node,
    Variable,
    apply,
    rebuild,
    topological,
    variable,
)
from unrolled.equations.ops import REDUCTIONS, shape_of

Steps = Generator[Node, Node, Node]  # asks for nodes, is sent them rewritten, and returns one


def addends_of(total: Apply, is_inside: Callable[[Node], bool]) -> list[Node]:
    """What a sum adds up, from left to right; `is_inside`: an argument that is itself a part."""
    found: list[Node] = []
    waiting: list[Node] = [*reversed(total.args)]
    while waiting:
        node = waiting.pop()
        if is_inside(node):
            assert isinstance(node, Apply)
            waiting += reversed(node.args)
        else:
            found.append(node)
    return found


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
        self._reduced: dict[tuple[Node, str], Node] = {}  # operand, "sum" ... -> its reduction
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
        """Walks down a step of any depth: what waits for its arguments waits in a list."""
        waiting: list[tuple[Node, Steps]] = []
        while True:
            answer = self.done.get(node)
            if answer is None:
                waiting.append((node, self._rewrite(node)))
            while waiting:
                owner, steps = waiting[-1]
                try:
                    node = next(steps) if answer is None else steps.send(answer)
                    break
                except StopIteration as end:
                    self.done[owner] = answer = end.value
                    waiting.pop()
            else:
                assert answer is not None
                return answer

    def _rewrite(self, node: Node) -> Steps:
        if not isinstance(node, Apply):
            return node
        if node.op == "matmul":
            return (yield from self._product([node], shape_of(node)[0]))
        if node.op == "softmax":
            return (yield softmax_of(node.args[0]))
        if node.op in REDUCTIONS:
            return (yield from self._reduction(node))
        if node.op == "add" and len(shape_of(node)) == 1:
            return (yield from self._sum(node))
        args = []
        for argument in node.args:
            args.append((yield argument))
        return rebuild(node, tuple(args))

    def _sum(self, node: Apply) -> Steps:
        """One accumulator for all products of a sum that are used nowhere else."""
        terms = self._terms(node)
        alone = {
            t.args[-1]: t
            for t in terms
            if isinstance(t, Apply) and self._is_in_loop(t) and self.uses[t] == 1
        }
        products = list(alone.values())  # one for each operand; a second one is on its own
        taken: set[Node] = set(products)
        rest = []
        for term in terms:
            if term not in taken:
                rest.append((yield term))
        if products:
            rest.insert(0, (yield from self._product(products, shape_of(node)[0])))
        total = rest[0]
        for term in rest[1:]:
            total = apply("add", total, term)
        return total

    def _terms(self, node: Apply) -> list[Node]:
        def is_inside(argument: Node) -> bool:
            nested = isinstance(argument, Apply) and argument.op == "add"
            return nested and self.uses[argument] == 1 and shape_of(argument) == shape_of(node)

        return addends_of(node, is_inside)

    def _is_in_loop(self, node: Apply) -> bool:
        operand = node.args[-1]
        return node.op == "matmul" and not (isinstance(operand, Variable) and self.hoist(operand))

    def _product(self, nodes: Sequence[Node], size: str) -> Steps:
        pairs = []
        for node in nodes:
            assert isinstance(node, Apply)
            matrix, operand = _matrix(node.args[0]), node.args[1]
            if isinstance(operand, Variable) and self.hoist(operand):
                return self._hoist(matrix, operand, size)
            pairs.append((matrix, (yield operand)))
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

    def _reduction(self, node: Apply) -> Steps:
        operand, op = (yield node.args[0]), "sum" if node.op == "mean" else node.op
        new = self._reduced.get((operand, op))
        if new is None:
            new = variable(f"reduced {len(self.reductions)}", "value", (ONE,))
            self.reductions[new], self.combined[new] = operand, op
            self._reduced[operand, op] = new
        if node.op != "mean":
            return new
        return apply("div", new, Length(shape_of(operand)[0]))


def _matrix(node: Node) -> Matrix:
    transposed, blocks = False, 1
    if isinstance(node, Apply) and node.op == "transpose":
        node, transposed = node.args[0], True
    if isinstance(node, Apply) and node.op == "block_diagonal":
        node, number = node.args
        assert isinstance(number, Constant)
        blocks = int(number.value)
    assert isinstance(node, Variable)
    return Matrix(node.name, transposed, blocks)
