"""How one step is laid out for a kernel. In: a graph (`lower`). Out: a `Plan`; next: an engine.

A step becomes *stages*. Within a stage every unit is computed on its own, in vector registers; a
product with a matrix and a sum over the units need whole vectors, so their operand is stored by an
earlier stage. An LSTM has one stage; a GRU that resets before the product has two; a layer norm
adds one for each mean.

What a kernel reads and writes lies in named *places*, each with a base address and a stride that
the caller gives. A TOKEN is one time step of one sequence, so a place per token serves dense and
ragged batches alike; BEFORE is the state of the token before (or the initial state); NOW and NEXT
are two rows for each sequence that take turns; ROW is scratch for each sequence; UNIT is one vector
for all; NUMBER is a single number; ADD gathers a sum over tokens, for each thread apart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

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
from unrolled.equations.ops import shape_of

WIDEST = 4  # accumulators side by side in one tile: what the register file of AVX2 and up can hold


class Kind(StrEnum):
    TOKEN = "token"
    BEFORE = "before"
    NOW = "now"
    NEXT = "next"
    ROW = "row"
    UNIT = "unit"
    NUMBER = "number"
    ADD = "add"


@dataclass(frozen=True)
class Place:
    """Where a value lies; `size` is the name of its length, "1" for one number per row. `clear`
    asks for zeros where a row is padded to whole vectors."""

    kind: Kind
    name: str
    size: str
    clear: bool = False


@dataclass(frozen=True)
class Matrix:
    """A weight as a product uses it; `transposed` says that its rows are summed over."""

    name: str
    transposed: bool = False


@dataclass(frozen=True)
class Block:
    """Accumulators `first`, `first + 1` ... each get the products of their matrices with the
    operands: as their first value (`fresh`), or added to what they hold. Several operands lie side
    by side in memory, and are one long operand."""

    operands: tuple[Place, ...]
    first: int
    matrices: tuple[tuple[Matrix, ...], ...]
    fresh: bool


@dataclass(frozen=True)
class Store:
    node: Node
    place: Place


@dataclass
class Group:
    """One size of one stage: products into accumulators, then values unit by unit, then stores."""

    size: str
    accumulators: list[Node] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    values: list[Node] = field(default_factory=list)
    stores: list[Store] = field(default_factory=list)


@dataclass(frozen=True)
class Reduction:
    """The sum over the units of what lies in `operand`, one number for each row."""

    operand: Place
    place: Place


@dataclass
class Stage:
    """Sums over units first, then what is one number per row, then the groups of whole vectors."""

    reductions: list[Reduction] = field(default_factory=list)
    scalars: Group = field(default_factory=lambda: Group(ONE))
    groups: dict[str, Group] = field(default_factory=dict)


@dataclass
class Plan:
    """A kernel on paper. `leaves` says where each variable and each stored value is read."""

    stages: list[Stage]
    leaves: dict[Node, Place]
    hoisted: list[tuple[Matrix, Place]]

    @cached_property
    def places(self) -> list[Place]:
        """Every place, in a fixed order: the kernel's arguments."""
        found: dict[Place, None] = dict.fromkeys(self.leaves.values())
        for stage in self.stages:
            for reduction in stage.reductions:
                found.update(dict.fromkeys((reduction.operand, reduction.place)))
            for group in (stage.scalars, *stage.groups.values()):
                found.update(dict.fromkeys(o for block in group.blocks for o in block.operands))
                found.update(dict.fromkeys(store.place for store in group.stores))
        return list(found)

    def of_kind(self, kind: Kind) -> list[Place]:
        """The places of one kind."""
        return self._by_kind.get(kind, [])

    @cached_property
    def _by_kind(self) -> dict[Kind, list[Place]]:
        return {kind: [p for p in self.places if p.kind is kind] for kind in Kind}

    @cached_property
    def blocks(self) -> list[tuple[Group, Block]]:
        return [(g, b) for stage in self.stages for g in stage.groups.values() for b in g.blocks]


Target = tuple[Node, Place]


def plan(
    targets: Sequence[Target],
    leaves: Mapping[Variable, Place],
    hoist: Callable[[Variable], bool],
    rank: Mapping[str, int],
    side_by_side: Sequence[Place] = (),
) -> Plan:
    """Lay out the computation of the targets. Products with an operand that `hoist` picks are left
    to the caller, who has them ready in a place of their own; the caller also promises that the
    places of one size in `side_by_side` lie so, in that order. `rank` orders the matrices."""
    rewriting = _Rewriting(targets, leaves, hoist, rank)
    return _Layout(rewriting, side_by_side).run()


class _Rewriting:
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
        self.hoisted: list[tuple[Matrix, Place]] = []
        self.products: dict[Node, list[tuple[Matrix, Node]]] = {}
        self.reductions: dict[Node, Node] = {}
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
        if node.op in ("sum", "mean"):
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
        place = Place(Kind.TOKEN, f"hoisted {matrix.name}", size)
        new = variable(place.name, "value", (size,))
        if new not in self.leaves:
            self.leaves[new] = place
            self.hoisted.append((matrix, place))
        return new

    def _reduction(self, node: Apply) -> Node:
        operand = self.rewrite(node.args[0])
        new = next((v for v, known in self.reductions.items() if known is operand), None)
        if new is None:
            new = variable(f"reduced {len(self.reductions)}", "value", (ONE,))
            self.reductions[new] = operand
        if node.op == "sum":
            return new
        return apply("div", new, Length(shape_of(operand)[0]))


def _matrix(node: Node) -> Matrix:
    if isinstance(node, Apply) and node.op == "transpose":
        inner = node.args[0]
        assert isinstance(inner, Variable)
        return Matrix(inner.name, transposed=True)
    assert isinstance(node, Variable)
    return Matrix(node.name)


class _Layout:
    """Give every value a stage, and a place where another stage, row or step needs it."""

    def __init__(self, rewriting: _Rewriting, side_by_side: Sequence[Place]) -> None:
        self.source = rewriting
        self.side_by_side = list(side_by_side)
        self.leaves = dict(rewriting.leaves)
        self.stage: dict[Node, int] = {}
        self.targets = rewriting.targets
        self.order = self._order()

    def run(self) -> Plan:
        for node in self.order:
            self.stage[node] = self._earliest(node)
        self._sink_products()
        homes = self._homes()
        count = 1 + max(
            (self.stage[node] for node in self.order if self._computed(node)), default=0
        )
        stages = [Stage() for _ in range(count)]
        for node, place in self.source.reductions.items():
            stages[self.stage[node]].reductions.append(
                Reduction(self._place_of(place, homes), homes[node])
            )
        for node in self.source.products:
            self._group(stages, node).accumulators.append(node)
        for node in self.order:
            if isinstance(node, Apply) and shape_of(node):
                self._group(stages, node).values.append(node)
        for node, home in homes.items():
            if node not in self.source.reductions:
                self._group(stages, node).stores.append(Store(node, home))
        for node, target in self.targets:
            if homes.get(node) != target:
                self._group(stages, node, target).stores.append(Store(node, target))
        for stage in stages:
            for group in stage.groups.values():
                self._arrange(group, homes)
        return Plan(stages, self.leaves | homes, self.source.hoisted)

    def _order(self) -> list[Node]:
        """Arguments first, where the operand of a product or reduction counts as its argument."""
        order: dict[Node, None] = {}

        def visit(node: Node) -> None:
            if node in order:
                return
            for before in self._before(node):
                visit(before)
            order[node] = None

        for node, _ in self.targets:
            visit(node)
        return list(order)

    def _before(self, node: Node) -> list[Node]:
        if node in self.source.products:
            return [operand for _, operand in self.source.products[node]]
        if node in self.source.reductions:
            return [self.source.reductions[node]]
        return list(node.args) if isinstance(node, Apply) else []

    def _computed(self, node: Node) -> bool:
        """Whether a stage computes this value; a number made of numbers is said where it is met."""
        return (
            (isinstance(node, Apply) and shape_of(node) != ())
            or node in self.source.products
            or node in self.source.reductions
        )

    def _is_crossing(self, node: Node) -> bool:
        return node in self.source.products or node in self.source.reductions

    def _earliest(self, node: Node) -> int:
        later = 1 if self._is_crossing(node) else 0
        return max(
            (self.stage[b] + later for b in self._before(node) if self._computed(b)), default=0
        )

    def _sink_products(self) -> None:
        """A product is computed where it is first used, rather than stored until then."""
        users: dict[Node, int] = {}
        for node in self.order:
            for before in self._before(node):
                needed = self.stage[node] - (1 if self._is_crossing(node) else 0)
                users[before] = min(users.get(before, needed), needed)
        for node, _ in self.targets:
            users.setdefault(node, self.stage[node])
        for node in self.source.products:
            self.stage[node] = max(self.stage[node], users[node])

    def _homes(self) -> dict[Node, Place]:
        """Values that are read outside the group that computes them, and where they lie."""
        homes: dict[Node, Place] = {}
        wanted = {node: place for node, place in reversed(self.targets)
                  if place.kind in (Kind.TOKEN, Kind.ROW)}  # fmt: skip
        for node in self.order:
            for before in self._before(node):
                if self._computed(before) and before not in homes and self._needs(node, before):
                    name = f"row {len(homes)}"
                    default = Place(Kind.ROW, name, shape_of(before)[0])
                    homes[before] = wanted.get(before, default)
        for node in self.source.reductions:
            homes.setdefault(node, Place(Kind.ROW, f"row {len(homes)}", ONE))
        return homes

    def _needs(self, node: Node, before: Node) -> bool:
        return (
            self._is_crossing(node)
            or self.stage[node] != self.stage[before]
            or shape_of(node) != shape_of(before)
        )

    def _group(self, stages: list[Stage], node: Node, target: Place | None = None) -> Group:
        size = target.size if target is not None else (*shape_of(node), ONE)[0]
        stage = stages[self.stage[node] if self._computed(node) else len(stages) - 1]
        if size == ONE:
            return stage.scalars
        return stage.groups.setdefault(size, Group(size))

    def _place_of(self, node: Node, homes: Mapping[Node, Place]) -> Place:
        return homes[node] if node in homes else self.leaves[node]

    def _arrange(self, group: Group, homes: Mapping[Node, Place]) -> None:
        """Order the accumulators so that those with the same operands stand side by side."""
        terms = {
            node: {self._place_of(operand, homes): matrix
                   for matrix, operand in self.source.products[node]}
            for node in group.accumulators
        }  # fmt: skip
        group.accumulators.sort(
            key=lambda node: (
                sorted(p.name for p in terms[node]),
                min(self.source.rank[m.name] for m in terms[node].values()),
            )
        )
        begun: set[Node] = set()
        for operands in self._merged(group, terms):
            run: list[tuple[Matrix, ...]] = []
            fresh = True
            for position, node in enumerate([*group.accumulators, None]):
                matrices = None
                if node is not None and operands[0] in terms[node]:
                    matrices = tuple(terms[node][operand] for operand in operands)
                breaks = matrices is None or (node not in begun) != fresh or len(run) == WIDEST
                if run and breaks:
                    first = position - len(run)
                    group.blocks.append(Block(operands, first, tuple(run), fresh))
                    run = []
                if matrices is not None:
                    fresh = node not in begun
                    run.append(matrices)
            begun.update(node for node in group.accumulators if operands[0] in terms[node])

    def _merged(
        self, group: Group, terms: Mapping[Node, Mapping[Place, Matrix]]
    ) -> list[tuple[Place, ...]]:
        """The operands of a group; those side by side that the same accumulators use are one."""
        users: dict[Place, list[Node]] = {}
        for node in group.accumulators:
            for operand in terms[node]:
                users.setdefault(operand, []).append(node)
        order = {place: number for number, place in enumerate(self.side_by_side)}
        merged: list[tuple[Place, ...]] = []
        for operand in sorted(users, key=lambda place: order.get(place, -1)):
            last = merged[-1][-1] if merged else None
            if (
                last is not None
                and operand in order
                and last in order
                and (
                    order[operand] == order[last] + 1
                    and operand.size == last.size
                    and users[operand] == users[last]
                    and all(
                        t[p].transposed for t in terms.values() for p in (operand, last) if p in t
                    )
                )
            ):
                merged[-1] += (operand,)
            else:
                merged.append((operand,))
        return merged
