"""A call on one batch, down to addresses. In: a `Call`, a `Schedule`, a number of threads. Out:
`Bound`: which memory to lease, and launches that compiled code walks; next: `engine`.

Compiled code adds the addresses of a call to the words that are prepared here, so everything that
depends only on the shape costs later calls nothing. A `Template` has what is the same for all
batches.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from weakref import WeakKeyDictionary

import numpy as np

from unrolled.engines.cpu.call.batch import Now
from unrolled.engines.cpu.call.call import (
    Accumulate,
    Call,
    Clear,
    CopyPanels,
    CopyRows,
    Multiply,
    Owner,
    Pack,
    Per,
    RunKernel,
    Step,
)
from unrolled.engines.cpu.call.words import Dictionary, Word, Words, WordTable, share
from unrolled.engines.cpu.code import arrange, outer, pairs, rows
from unrolled.engines.cpu.code.half_tiles import half_tiles
from unrolled.engines.cpu.code.team import MEMBERS
from unrolled.engines.cpu.code.tiles import tiles
from unrolled.engines.cpu.machine.launches import Launch, Launches
from unrolled.engines.cpu.machine.threads import cores
from unrolled.engines.cpu.program import Kernel
from unrolled.engines.plan.schedule import Schedule

# So many multiplications are worth a second thread.
WORTH_THREADS = 500_000
# And so many vectors that are copied.
WORTH_COPIES = 1500
# A wait of a team's members for one another takes about two tenths of a microsecond: so each should
# read so many vectors of weights between two, and there should be some steps to wake them up for.
WORTH_MEMBER = 400
WORTH_STEPS = 16


class Bound:
    """Launches, of which the first, `packing` many, pack the weights. `kept`, `passing`, `packed`:
    how many numbers to lease, piece by piece; the last that passes is room for the words. `room`:
    what passes and packed weights, where a call leases both.

    A call brings addresses in the order of its buffers' owners: given, result, kept, passing
    (without the room for words), packed."""

    def __init__(
        self, launches: Sequence[Launch], words: Words, pieces: Mapping[Owner, tuple[int, ...]],
        bytes: int, packing: int,
    ) -> None:  # fmt: skip
        self.words, self.all, self.packing = words, Launches(launches, words), packing
        self.kept, self.packed = pieces[Owner.KEPT], pieces[Owner.PACKED]
        room = words.shape[1] * 8 // bytes
        self.passing = *pieces[Owner.PASSING], room
        self.room = (*pieces[Owner.PASSING], *self.packed, room)

    @cached_property
    def once_packed(self) -> Launches:
        """The launches after these."""
        return Launches(self.all.each[self.packing :], self.words)

    @cached_property
    def pack(self) -> Launches:
        """These launches alone."""
        return Launches(self.all.each[: self.packing], self.words)


@dataclass(frozen=True, eq=False)
class LaunchGroup:
    """Neighbouring steps of one sort: one launch. `work`: multiplications for each token of the
    chunk; `vectors`, `by_token`: how many a copy writes, beside those by row."""

    sort: type[Step]
    table: WordTable
    function: int
    work: int = 0
    vectors: int = 0
    by_token: int = 0

    def jobs(self, now: Now, threads: int) -> int:
        """On how many threads a copy or a product is to be done."""
        if self.work:
            return threads if self.work * now.count > WORTH_THREADS else 1
        vectors = self.vectors + self.by_token * now.schedule.tokens
        return threads if vectors > WORTH_COPIES else 1


class Template:
    """A call's launches as far as no batch decides them."""

    def __init__(self, call: Call, kernel: Kernel, bits: int) -> None:
        self.call, self.kernel, self.bits = call, kernel, bits
        self.positions = {b: n for n, b in enumerate(call.owned(*Owner), 1)}
        self.words = Dictionary(call.lanes, bits)
        self.reads = sum(pack.room(1) for pack in call.kernel.packs) // call.lanes
        once = sorted(call.once, key=lambda step: _sort(step) is not Pack)
        self.once, self.before, self.each_chunk, self.after = (
            [self._group(sort, [*steps]) for sort, steps in itertools.groupby(part, _sort)]
            for part in (once, call.before, call.each_chunk, call.after)
        )
        self._bound: WeakKeyDictionary[Schedule, dict[int, Bound]] = WeakKeyDictionary()

    def on(self, schedule: Schedule, threads: int) -> Bound:
        """The call on this batch, laid out once for a number of threads."""
        bound = self._bound.get(schedule)
        if bound is None:
            bound = self._bound[schedule] = {}
        if threads not in bound:
            bound[threads] = _bind(self, schedule, threads)
        return bound[threads]

    def _group(self, sort: type[Step], steps: Sequence[Step]) -> LaunchGroup:
        if sort is RunKernel:
            words = self.words.kernel(self.call.kernel, self.kernel)
            return LaunchGroup(sort, WordTable(words), self.kernel.address)
        entries = [entry for step in steps for entry in self.words.entries(step)]
        header: list[Word] = [(share, 0), len(entries)]
        fields: tuple[str, ...]
        if sort is Multiply:
            half = any(isinstance(step, Multiply) and step.packed.half for step in steps)
            header.append((half_tiles() if half else tiles(self.bits)).address)
            fields, address = rows.FIELDS, rows.rows(self.bits, half=half).address("rows")
        elif sort is Pack:
            fields, address = pairs.FIELDS, pairs.pairs().address("pairs")
        elif sort is Accumulate:
            fields, address = outer.FIELDS, outer.outer(self.bits).address("outer")
        else:
            fields, address = arrange.FIELDS, arrange.arrange(self.bits).address("arrange")
        table = WordTable(
            [*header, *(entry.get(field, 0) for entry in entries for field in fields)]
        )
        work = _work(self.call.each_chunk if sort is CopyPanels else steps)
        return LaunchGroup(sort, table, address, work, *_vectors(steps, self.call.lanes))


def _sort(step: Step) -> type[Step]:
    """What is launched together."""
    if isinstance(step, Pack) and step.to.buffer.half:
        return Pack
    return type(step) if isinstance(step, RunKernel | Multiply | Accumulate | CopyPanels) else Clear


def _work(steps: Sequence[Step]) -> int:
    """Multiplications for each token; those of the outer products, where there are some."""
    outer_products = [s.units * s.columns for s in steps if isinstance(s, Accumulate)]
    return sum(outer_products) or sum(s.units * s.length for s in steps if isinstance(s, Multiply))


def _vectors(steps: Sequence[Step], lanes: int) -> tuple[int, int]:
    """How many vectors copies write, once and for each token."""
    once, by_token = 0, 0
    for step in steps:
        if isinstance(step, Pack):
            once += -(-step.units // lanes) * step.height
        elif isinstance(step, CopyRows) and step.to.buffer.per is Per.TOKEN:
            by_token += -(-step.fill // lanes)
        elif isinstance(step, CopyRows) and step.to.buffer.per is Per.ONCE:
            once += -(-step.fill // lanes)
    return once, by_token


def _bind(template: Template, schedule: Schedule, threads: int) -> Bound:
    """Launch after launch: packing, the copies before, chunk by chunk, the copies after."""
    call = template.call
    now = Now(call, schedule, template.positions, template.bits // 8)
    members = _members(template, schedule, threads)
    launches: list[Launch] = []
    numbers: list[Words] = []
    positions: list[Words] = []

    def launch(group: LaunchGroup) -> None:
        now.jobs, now.is_team = group.jobs(now, threads), False
        if group.sort is RunKernel:
            now.jobs, now.is_team = (members, True) if members > 1 else (schedule.jobs, False)
        begin = 8 * sum(map(len, numbers))
        for words, more in zip((numbers, positions), group.table.at(now), strict=True):
            words.append(more)
        launches.append(Launch(group.function, begin, now.jobs, now.jobs, now.is_team))

    for group in (*template.once, *template.before):
        launch(group)
    for first, last in reversed(now.chunks) if call.kernel.descending else now.chunks:
        now.begin(first, last)
        for group in template.each_chunk:
            launch(group)
    for group in template.after:
        launch(group)
    words = np.array([np.concatenate(numbers), np.concatenate(positions)], np.int64)
    pieces = {owner: tuple([b.room(now.rows_per(b.per)) for b in call.owned(owner)])
              for owner in (Owner.KEPT, Owner.PASSING, Owner.PACKED)}  # fmt: skip
    return Bound(launches, words, pieces, template.bits // 8, len(template.once))


def _members(template: Template, schedule: Schedule, threads: int) -> int:
    """How many threads share a single sequence, unit by unit."""
    if schedule.rows != 1 or schedule.steps < WORTH_STEPS:
        return 1
    most = min(threads, cores(), MEMBERS)
    return min(most, template.reads // (template.kernel.waits * WORTH_MEMBER))
