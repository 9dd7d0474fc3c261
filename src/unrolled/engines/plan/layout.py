"""Assign to every value a stage, and a place if another stage, row or step needs it. In: a graph's
targets. Out: a `Plan`; next: `directions`, and the engine.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from unrolled.engines.plan.plan import (
    WIDEST,
    Block,
    Group,
    Kind,
    Matrix,
    Place,
    Plan,
    Reduction,
    Stage,
    Store,
    Target,
)
from unrolled.engines.plan.rewrite import Rewriting
from unrolled.equations.nodes import ONE, Apply, Node, Variable
from unrolled.equations.ops import shape_of


def plan(
    targets: Sequence[Target],
    leaves: Mapping[Variable, Place],
    hoist: Callable[[Variable], bool],
    rank: Mapping[str, int],
    side_by_side: Sequence[Place] = (),
    halved: Collection[Place] = (),
) -> Plan:
    """Lay out the computation of the targets. Products with an operand that `hoist` picks are left
    to the caller, who has them ready in a place of their own; the caller also promises that the
    places of one size in `side_by_side` lie so, in that order. `rank` orders the matrices. What
    goes to a `halved` place and is read by the step itself has another place besides."""
    rewriting = Rewriting(targets, leaves, hoist, rank)
    return _Layout(rewriting, side_by_side, halved).run()


class _Layout:
    """Give every value a stage, and a place where another stage, row or step needs it."""

    def __init__(
        self, rewriting: Rewriting, side_by_side: Sequence[Place], halved: Collection[Place]
    ) -> None:
        self.source, self.halved = rewriting, halved
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
                Reduction(self._place_of(place, homes), homes[node], self.source.combined[node])
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
        result = Plan(stages, self.leaves | homes, self.source.hoisted)
        result.halved = frozenset(place for place in result.places if place in self.halved)
        return result

    def _order(self) -> list[Node]:
        """Arguments first, where the operand of a product or reduction counts as its argument."""
        order: dict[Node, None] = {}
        for target, _ in self.targets:
            waiting = [(target, False)]
            while waiting:
                node, is_ready = waiting.pop()
                if node in order:
                    continue
                if is_ready:
                    order[node] = None
                    continue
                waiting.append((node, True))
                waiting += [(before, False) for before in reversed(self._before(node))]
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
                  if place.kind in (Kind.TOKEN, Kind.ROW) and place not in self.halved
                  and not _widens(node, place)}  # fmt: skip
        for node in self.order:
            for before in self._before(node):
                if self._computed(before) and before not in homes and self._needs(node, before):
                    name = f"row {len(homes)}"
                    default = Place(Kind.ROW, name, shape_of(before)[0])
                    homes[before] = wanted.get(before, default)
        numbers = [node for node, place in self.targets
                   if self._computed(node) and _widens(node, place)]  # fmt: skip
        for node in [*self.source.reductions, *numbers]:
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
                if run and matrices is not None:  # blocks and whole matrices are packed apart
                    breaks = breaks or run[0][0].blocks != matrices[0].blocks
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
                        t[p].transposed and t[p].blocks == 1
                        for t in terms.values()
                        for p in (operand, last)
                        if p in t
                    )
                )
            ):
                merged[-1] += (operand,)
            else:
                merged.append((operand,))
        return merged


def _widens(node: Node, place: Place) -> bool:
    """Whether a single number goes to every unit of a place."""
    return (*shape_of(node), ONE)[0] != place.size
