"""The invariants of a plan, checked before code is written. In: a `Plan` and the shapes of its
weights. Out: nothing, or PlanError; next: the engine.

What holds: a stage reads what an earlier part has written, or what the caller gives; scratch is
never given. A place has one value: it is stored once, and nothing that a caller gives is stored
to. Every value follows from what its group has; every accumulator is begun by one block, to which
others add; operands, matrices, values and places that meet have one size.
"""

from __future__ import annotations

from collections.abc import Mapping

from unrolled.engines.plan.plan import Block, Group, Kind, Place, Plan, Stage
from unrolled.equations.nodes import ONE, Apply, Constant, Length, Node, Shape
from unrolled.equations.ops import shape_of
from unrolled.errors import PlanError

READ_ONLY = frozenset({Kind.BEFORE, Kind.NOW, Kind.UNIT, Kind.NUMBER})
WRITE_ONLY = frozenset({Kind.NEXT, Kind.ADD, Kind.PANEL})


def verify(plan: Plan, weights: Mapping[str, Shape]) -> None:
    """Raise PlanError where an invariant is broken."""
    _Verifier(plan, weights).run()


class _Verifier:
    """Goes through a plan in the order in which a kernel does."""

    def __init__(self, plan: Plan, weights: Mapping[str, Shape]) -> None:
        self.plan, self.weights = plan, weights
        self.at = ""
        self.stored: dict[Place, str] = {}
        self.ready: set[Place] = set()
        for number, stage in enumerate(plan.stages):
            for reduction in stage.reductions:
                self._store(reduction.place, f"stage {number}")
            for group in (stage.scalars, *stage.groups.values()):
                for store in group.stores:
                    self._store(store.place, f"stage {number}")

    def run(self) -> None:
        for number, stage in enumerate(self.plan.stages):
            self._stage(stage, number)

    def _stage(self, stage: Stage, number: int) -> None:
        self.at = f"stage {number}, its sums"
        for reduction in stage.reductions:
            self._read(reduction.operand)
            self._demand(reduction.place.size == ONE, f"{_name(reduction.place)} is not a number")
        self.ready.update(reduction.place for reduction in stage.reductions)
        self.at = f"stage {number}, its numbers"
        self._group(stage.scalars, ONE)
        self.ready.update(store.place for store in stage.scalars.stores)
        for size, group in stage.groups.items():
            self.at = f"stage {number}, {size}"
            self._demand(size == group.size and size != ONE, f"a group of {group.size}")
            self._group(group, size)
        for group in stage.groups.values():
            self.ready.update(store.place for store in group.stores)

    def _group(self, group: Group, size: str) -> None:
        self._products(group, size)
        known: set[Node] = set(group.accumulators)
        for node in group.values:
            self._demand(shape_of(node) == (size,), f"{_text(node)} is of {shape_of(node)}")
            assert isinstance(node, Apply)
            for argument in node.args:
                self._value(argument, known, size)
            known.add(node)
        for store in group.stores:
            self._value(store.node, known, size)
            self._demand(store.place.size == size, f"{_name(store.place)} is of another size")

    def _products(self, group: Group, size: str) -> None:
        if size == ONE:
            self._demand(not group.accumulators, "a product gives a single number")
        begun: set[int] = set()
        for block in group.blocks:
            numbers = range(block.first, block.first + len(block.matrices))
            self._demand(numbers.stop <= len(group.accumulators), "a block is too wide")
            for number in numbers:
                self._demand((number not in begun) == block.fresh,
                             f"accumulator {number} is begun twice or added to before")  # fmt: skip
            begun.update(numbers)
            self._block(block, size)
        self._demand(len(begun) == len(group.accumulators), "an accumulator without a product")

    def _block(self, block: Block, size: str) -> None:
        for operand in block.operands:
            self._read(operand)
        for matrices in block.matrices:
            self._demand(len(matrices) == len(block.operands), "operands without a matrix")
            for matrix, operand in zip(matrices, block.operands, strict=True):
                shape = self.weights.get(matrix.name, ())
                if matrix.blocks > 1:
                    shape = (shape[0], shape[0])
                rows_and_columns = shape[::-1] if matrix.transposed else shape
                self._demand(rows_and_columns == (size, operand.size),
                             f"{matrix.name} of {shape} meets {_name(operand)}")  # fmt: skip

    def _value(self, node: Node, known: set[Node], size: str) -> None:
        """A value is in a register, in memory, or a number made of such."""
        if node in known or isinstance(node, Constant | Length):
            return
        place = self.plan.leaves.get(node)
        if place is not None:
            self._read(place)
            self._demand(place.size in (size, ONE), f"{_name(place)} is of another size")
            return
        is_number = isinstance(node, Apply) and shape_of(node) == ()
        self._demand(is_number, f"{_text(node)} is never computed")
        assert isinstance(node, Apply)
        for argument in node.args:
            self._value(argument, known, size)

    def _read(self, place: Place) -> None:
        self._demand(place.kind not in WRITE_ONLY, f"{_name(place)} is read")
        is_given = place not in self.stored and place.kind is not Kind.ROW
        self._demand(
            is_given or place in self.ready, f"{_name(place)} is read before it is written"
        )

    def _store(self, place: Place, where: str) -> None:
        self.at = where
        self._demand(place.kind not in READ_ONLY, f"{_name(place)} is stored to")
        self._demand(place not in self.stored, f"{_name(place)} is stored twice")
        self.stored[place] = where

    def _demand(self, holds: bool, sentence: str) -> None:
        if not holds:
            raise PlanError(
                f"{self.at}: {sentence}; this is a mistake in unrolled, and the layer works with "
                f'engine="torch"'
            )


def _name(place: Place) -> str:
    return f"{place.kind} {place.name!r} ({place.size})"


def _text(node: Node) -> str:
    return node.op if isinstance(node, Apply) else repr(node)
