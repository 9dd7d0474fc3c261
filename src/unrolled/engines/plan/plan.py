"""The layout of a step for a kernel. In: a graph (`lower`). Out: a `Plan`; next: an engine.

A step becomes *stages*. Within a stage every unit is computed on its own, in vector registers; a
product with a matrix and a sum over the units need whole vectors, so their operand is stored by an
earlier stage. An LSTM has one stage; a GRU that resets before the product has two; a layer norm
adds one for each mean.

What a kernel reads and writes lies in named *places*, each with a base address and a stride that
the caller gives. A TOKEN is one time step of one sequence, so a place per token serves dense and
ragged batches alike; BEFORE is the state of the token before (or the initial state); NOW and NEXT
are two rows for each sequence that take turns; ROW is scratch for each sequence; UNIT is one vector
for all; NUMBER is a single number; ADD gathers a sum over tokens, for each thread apart. PANEL is
a TOKEN laid out for `outer`: of a vector of units all tokens, and then those of the next vector.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

from unrolled.equations.nodes import (
    ONE,
    Node,
)

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
    PANEL = "panel"


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
    """A weight as a product uses it; `transposed` says that its rows are summed over. With more
    than one of `blocks` it holds the blocks of a block-diagonal matrix, one above the other."""

    name: str
    transposed: bool = False
    blocks: int = 1


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
    """The sum ("max", "min": the largest, the smallest) over the units of what lies in `operand`,
    one number for each row."""

    operand: Place
    place: Place
    op: str = "sum"


@dataclass
class Stage:
    """Sums over units first, then what is one number per row, then the groups of whole vectors."""

    reductions: list[Reduction] = field(default_factory=list)
    scalars: Group = field(default_factory=lambda: Group(ONE))
    groups: dict[str, Group] = field(default_factory=dict)


@dataclass
class Plan:
    """The plan of a kernel. `leaves` says where each variable and each stored value is read;
    `hoisted`: products done before it: a matrix, its operand, and where the kernel finds them;
    `halved`: places that hold bfloat16, which the kernel widens as it reads and rounds as it
    writes. Of a state before a step that is where it lies after the first one. If the `reset` byte
    of a row is set, its states are reset: the places of `anew` then have these values before the
    step, and after it if they are NEXT."""

    stages: list[Stage]
    leaves: dict[Node, Place]
    hoisted: list[tuple[Matrix, Place, Place]]
    halved: frozenset[Place] = frozenset()
    reset: Place | None = None
    anew: Mapping[Place, float] = field(default_factory=dict)

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
        found.update(dict.fromkeys(self.anew))
        return [*found, *([] if self.reset is None else [self.reset])]

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
