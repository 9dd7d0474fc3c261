"""What a call does, launch after launch, and the words of all of it, laid out for one batch.

In: a `Frame`, a `Schedule`, the names of the arrays that a call will be given. Out: `Script`; next:
`forward` and `backward` write one, and every call runs it.

A call knows the addresses of its arrays and of its leased memory, and compiled code adds them to
the script's words and launches: so what a shape decides costs a call of that shape nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from unrolled.engines.cpu.call.frame import Copies, Frame, Region, Table
from unrolled.engines.cpu.code import rows
from unrolled.engines.cpu.code.team import MEMBERS
from unrolled.engines.cpu.machine.launches import Launch, Launches
from unrolled.engines.cpu.machine.threads import cores
from unrolled.engines.plan.schedule import Schedule

# So many multiplications are worth a second thread.
WORTH_THREADS = 500_000
# And so many vectors that are copied.
WORTH_COPIES = 1500
# A wait of a team's members for one another takes about two tenths of a microsecond: so each should
# read so many vectors of weights between two, and there should be some steps to wake them up for.
WORTH_MEMBER = 400
WORTH_STEPS = 16


class Script:
    """Launches, the first of which packs the weights, and their words. `kept`, `passing`, `packed`:
    how many numbers to lease, piece by piece; the last that passes is room for the words. `room`:
    what passes and packed weights, where a call leases both.

    A call brings addresses: those of what it was given, and of what it leased, kept, passing
    (without the room for words) and packed."""

    def __init__(
        self,
        launches: Sequence[Launch],
        words: NDArray[np.int64],
        pieces: Sequence[tuple[int, ...]],
        bytes: int,
    ) -> None:
        self.words, self.all = words, Launches(launches, words)
        self.kept, passing, self.packed = pieces
        room = words.shape[1] * 8 // bytes
        self.passing, self.room = (*passing, room), (*passing, *self.packed, room)

    @cached_property
    def once_packed(self) -> Launches:
        """The launches after the first."""
        return Launches(self.all.each[1:], self.words)


class Writer:
    """`buffered`: the most tokens of a chunk."""

    def __init__(self, frame: Frame, schedule: Schedule, threads: int, buffered: int) -> None:
        self.frame, self.schedule, self.threads = frame, schedule, threads
        self.counts = schedule.known | {"buffered": buffered}
        self.where = dict(frame.brought)  # an address that a call brings, and a distance
        self._positions, self._offsets = frame.positions.copy(), np.zeros_like(frame.positions)
        for name, number in self.counts.items():
            self.set(name, number)
        self.launches: list[Launch] = []
        self._numbers: list[NDArray[np.int64]] = []
        self._which: list[NDArray[np.int64]] = []
        self._length = 0

    def set(self, name: str, number: int, known: str = "") -> None:
        """From here on, a name stands for this number, or lies so many bytes behind another."""
        position, offset = self.where[known]
        self._put(name, position, offset + number)

    def _put(self, name: str, position: int, offset: int) -> None:
        self.where[name] = position, offset
        number = self.frame.names.get(name)
        if number is not None:
            self._positions[number], self._offsets[number] = position, offset

    def begin_chunk(self, first: int, last: int) -> None:
        """From here on, the steps first ... last - 1, whose tokens begin at "chunk" and a region's
        name; where only they have room, the region's own name is where the first token would be."""
        self.set("chunk first", first)
        self.set("chunk steps", last - first)
        span = self.schedule.span(first, last)
        self.set("count", span.stop - span.start)
        for name, chunk, is_buffered, step in self.frame.by_token:
            position, distance = self.where[name][0], span.start * step
            self._put(chunk, position, 0 if is_buffered else distance)
            if is_buffered:
                self._put(name, position, -distance)

    def launch(self, function: int, table: Table, jobs: int, *, is_team: bool = False) -> None:
        """Call a compiled function with these words, on as many threads as there are jobs."""
        self.set("share", jobs)
        self._numbers.append(table.numbers + self._offsets.take(table.which))
        self._which.append(self._positions.take(table.which))
        self.launches.append(Launch(function, 8 * self._length, jobs, jobs, is_team))
        self._length += len(table.numbers)

    def copy(self) -> None:
        """The copies before the kernel, first of all the weights'."""
        packing, before = self.frame.packing, self.frame.before
        self.launch(packing.function, self.frame.packs, self._jobs(packing))
        self.launch(before.function, self.frame.copies, self._jobs(before))

    def run(self) -> None:
        """The kernel, for the chunk that has begun: a single sequence by a team."""
        members = 1
        if self.schedule.rows == 1 and self.schedule.steps >= WORTH_STEPS:
            most = min(self.threads, cores(), MEMBERS)
            members = min(most, self.frame.reads // (self.frame.kernel.waits * WORTH_MEMBER))
        if members > 1:
            self.set("team of the job", 0, "team")
            self.launch(self.frame.kernel.address, self.frame.words, members, is_team=True)
        else:
            self.set("team of the job", 0)
            self.launch(self.frame.kernel.address, self.frame.words, self.schedule.jobs)

    def multiply(self) -> None:
        """The frame's products, for the chunk that has begun."""
        frame, count = self.frame, self.where["count"][1]
        if frame.products is not None:
            function = rows.rows(frame.bits).address("rows")
            self.launch(function, frame.products, self.worth(frame.work * count))

    def worth(self, multiplications: int) -> int:
        """On how many threads to do so many multiplications."""
        return self.threads if multiplications > WORTH_THREADS else 1

    def _jobs(self, copies: Copies) -> int:
        vectors = copies.vectors + copies.vectors_by_token * self.schedule.tokens
        return self.threads if vectors > WORTH_COPIES else 1

    def finish(self) -> Script:
        """The copies after the kernel, and no more launches."""
        after = self.frame.after
        if after.words:
            self.launch(after.function, self.frame.results, self._jobs(after))
        words = np.array([np.concatenate(self._numbers), np.concatenate(self._which)], np.int64)
        frame = self.frame
        pieces = [self._pieces(regions) for regions in (frame.kept, frame.passing, frame.packed)]
        return Script(self.launches, words, pieces, frame.bytes)

    def _pieces(self, regions: Mapping[str, Region]) -> tuple[int, ...]:
        return tuple(region.numbers * self.counts[region.per] for region in regions.values())
