"""What one call does, as data: the grammar. A call is made by `forward` or `backward` from a plan
and sizes, checked by `verify`, printed by `text`, run in NumPy by `interpret`; next: `bind` gives
it a batch and addresses, and compiled code walks what comes out.

A call knows no batch. *Tokens* are the steps of all sequences together, *rows* the sequences,
*jobs* the blocks of rows that threads share. Where products are done for many time steps at once,
the steps are cut into *chunks*, whose buffers stay in the cache; a buffer per chunk holds the
chunk's tokens alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from unrolled.engines.plan.plan import Place, Plan


class Owner(StrEnum):
    """Whose memory it is: the caller's, to be read (GIVEN) or written (RESULT); leased, for as long
    as backward may read it (KEPT), for the call (PASSING), or for as long as the weights stay the
    same (PACKED)."""

    GIVEN = "given"
    RESULT = "result"
    KEPT = "kept"
    PASSING = "passing"
    PACKED = "packed"


class Per(StrEnum):
    """Of what a buffer has a row each."""

    TOKEN = "token"
    CHUNK = "token of a chunk"
    ROW = "row"
    JOB = "job"
    ONCE = "once"


@dataclass(frozen=True, eq=False)
class Buffer:
    """Rows of `width` numbers. Where `panel` is set, a token's numbers do not lie side by side, but
    in panels of so many units, each of which holds all tokens of the chunk. With `half` they are
    stored in bfloat16: values that only the kernel reads and writes, and matrices."""

    name: str
    owner: Owner
    per: Per
    width: int
    panel: int = 0
    half: bool = False

    def room(self, rows: int) -> int:
        """How many whole numbers have room for so many rows."""
        numbers = self.width * rows
        return -(-numbers // 2) if self.half else numbers

    @property
    def step(self) -> int:
        """From one row to the next, in numbers."""
        return self.panel or self.width


@dataclass(frozen=True)
class View:
    """A buffer from this column on."""

    buffer: Buffer
    column: int = 0


@dataclass(frozen=True)
class Clear:
    """to = 0"""

    to: Buffer

    @property
    def reads(self) -> tuple[View, ...]:
        return ()

    @property
    def writes(self) -> tuple[View, ...]:
        return (View(self.to),)


@dataclass(frozen=True)
class CopyRows:
    """Row by row: `units` numbers, the sum of all sources, and zeros up to `fill` numbers. A given
    array that is not there is all zeros."""

    to: View
    sources: tuple[View, ...]
    units: int
    fill: int

    @property
    def reads(self) -> tuple[View, ...]:
        return self.sources

    @property
    def writes(self) -> tuple[View, ...]:
        return (self.to,)


@dataclass(frozen=True)
class CopyLast:
    """Each row's last state; where no step is done, its start."""

    to: Buffer
    state: Buffer
    start: Buffer
    units: int

    @property
    def reads(self) -> tuple[View, ...]:
        return View(self.state), View(self.start)

    @property
    def writes(self) -> tuple[View, ...]:
        return (View(self.to),)


@dataclass(frozen=True)
class CopyPanels:
    """A chunk's tokens, `units` numbers each, into panels. With `start` it is the state before each
    token: of the same row one step earlier, or the start."""

    to: Buffer
    source: View
    units: int
    start: Buffer | None = None

    @property
    def reads(self) -> tuple[View, ...]:
        return self.source, *((View(self.start),) if self.start else ())

    @property
    def writes(self) -> tuple[View, ...]:
        return (View(self.to),)


@dataclass(frozen=True)
class Pack:
    """A matrix in panels of as many units as a vector has lanes: a vector for each of `length`,
    then zeros up to `height`. Panels lie `distance` apart. `transposed`: units are the columns. In
    bfloat16 two vectors are one, of pairs: see `code/pairs`."""

    to: View
    matrix: View
    units: int
    length: int
    height: int
    distance: int
    transposed: bool

    @property
    def reads(self) -> tuple[View, ...]:
        return (self.matrix,)

    @property
    def writes(self) -> tuple[View, ...]:
        return (self.to,)


@dataclass(frozen=True)
class Reduce:
    """to = the sum over all jobs of `units` numbers."""

    to: View
    source: View
    units: int

    @property
    def reads(self) -> tuple[View, ...]:
        return (self.source,)

    @property
    def writes(self) -> tuple[View, ...]:
        return (self.to,)


@dataclass(frozen=True)
class Multiply:
    """For each token of a chunk to = source @ packed, or += with `add`; `units`: whole vectors."""

    to: View
    source: View
    packed: Buffer
    units: int
    length: int
    add: bool

    @property
    def reads(self) -> tuple[View, ...]:
        return self.source, View(self.packed), *((self.to,) if self.add else ())

    @property
    def writes(self) -> tuple[View, ...]:
        return (self.to,)


@dataclass(frozen=True)
class Accumulate:
    """to[u, c] += the sum over a chunk's tokens of left[t, u] * right[t, c]; `first` begins with
    zeros at the first chunk. Both sides are read from unit `start` on, the first of a
    panel."""

    to: View
    left: Buffer
    right: Buffer
    units: int
    columns: int
    first: bool
    start: int = 0

    @property
    def reads(self) -> tuple[View, ...]:
        return View(self.left), View(self.right)

    @property
    def writes(self) -> tuple[View, ...]:
        return (self.to,)


@dataclass(frozen=True, eq=False)
class RunKernel:
    """The kernel over a chunk's steps. `bind` says where each place of the plan lies: one view, or
    two: BEFORE (the states, the start), NOW and NEXT (the two that take turns). `packs` and
    `lengths` belong to the plan's blocks: packed weights, and how long their operand is."""

    plan: Plan
    bind: Mapping[Place, tuple[View, ...]]
    packs: tuple[Buffer, ...]
    lengths: tuple[int, ...]
    sizes: Mapping[str, int]
    team: Buffer
    descending: bool

    @property
    def reads(self) -> tuple[View, ...]:
        """The packed weights, and every place that no stage of the plan fills."""
        filled = self.filled
        views = (view for place in self.bind if place not in filled for view in self.bind[place])
        return *views, *map(View, (*self.packs, self.team))

    @property
    def writes(self) -> tuple[View, ...]:
        return tuple(view for place in self.filled for view in self.bind[place])

    @cached_property
    def filled(self) -> dict[Place, None]:
        """The places in which the kernel stores values, in a fixed order."""
        found: dict[Place, None] = {}
        for stage in self.plan.stages:
            found |= dict.fromkeys(reduction.place for reduction in stage.reductions)
            for group in (stage.scalars, *stage.groups.values()):
                found |= dict.fromkeys(store.place for store in group.stores)
        return found


Copy = Clear | CopyRows | CopyLast | CopyPanels | Pack | Reduce
Step = Copy | Multiply | Accumulate | RunKernel


@dataclass(frozen=True, eq=False)
class Call:
    """`once` packs the weights; `before` and `after` stand around the chunks, which follow one
    another as the kernel's steps do. `columns`: how many numbers of each token are to stay in the
    cache during a chunk; None where there is but one chunk, of all steps."""

    buffers: tuple[Buffer, ...]
    once: tuple[Step, ...]
    before: tuple[Step, ...]
    each_chunk: tuple[Step, ...]
    after: tuple[Step, ...]
    columns: int | None
    lanes: int

    def owned(self, *owners: Owner) -> list[Buffer]:
        """The buffers of these owners, in the order of the owners."""
        return [b for owner in owners for b in self.buffers if b.owner is owner]

    @cached_property
    def kernel(self) -> RunKernel:
        return next(step for step in self.each_chunk if isinstance(step, RunKernel))

    def __iter__(self) -> Iterator[Step]:
        yield from (*self.once, *self.before, *self.each_chunk, *self.after)
