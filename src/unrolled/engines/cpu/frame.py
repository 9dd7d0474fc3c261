"""A kernel's arguments as far as the cell, its sizes and its packing decide them: found once.

In: a `Kernel`, and what `forward` and `backward` say about places, memory and copies. Out: `Frame`,
and for every call a `Call`: the same words, with this call's addresses added; next: `forward`.

Every word is a number that never changes plus one that a call knows: the address of an array, or of
a piece of leased memory, or how many rows there are. So a call looks up a few addresses, adds them,
and has all its words; a place, a packed weight, a copy cost it nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unrolled.engines.cpu import rows
from unrolled.engines.cpu.arrange import FIELDS, arrange
from unrolled.engines.cpu.arrays import Array, Library
from unrolled.engines.cpu.memory import Lease
from unrolled.engines.cpu.program import Kernel
from unrolled.engines.cpu.schedule import Schedule
from unrolled.engines.cpu.tiles import tiles

# So many multiplications are worth a second thread.
WORTH_THREADS = 500_000

# What a call knows by name, and a number that is added to it; the name "" stands for nothing.
Word = tuple[str, int]


def entry(names: Sequence[str], fields: Mapping[str, Word | int]) -> list[Word]:
    """One entry of a table, its fields in order."""
    words = (fields[name] for name in names)
    return [("", word) if isinstance(word, int) else word for word in words]


@dataclass(frozen=True)
class Region:
    """Memory that a call needs: `numbers` for each of the "tokens", "rows" or "jobs", or "once".
    "buffered" counts the tokens of a chunk, and such a region holds the tokens from the chunk's
    first one on, at a distance of `step`. `number`: which piece of its lease."""

    per: str
    numbers: int
    number: int
    step: int


class Table:
    """Words, of which every call knows a part: numbers, and which known number is added to each."""

    def __init__(self, words: Sequence[Word]) -> None:
        self.known = list(dict.fromkeys(name for name, _ in words))
        number = {name: position for position, name in enumerate(self.known)}
        self.numbers = np.array([word for _, word in words], np.int64)
        self.which = np.array([number[name] for name, _ in words], np.intp)

    def fill(self, found: list[int]) -> NDArray[np.int64]:
        """The words, from the known numbers in the order of `known`."""
        return self.numbers + np.array(found, np.int64)[self.which]


class Frame:
    """The words of one kernel's calls, and the copies that come before it."""

    def __init__(self, kernel: Kernel, bits: int) -> None:
        self.kernel, self.bits = kernel, bits
        self.bytes = bits // 8
        self.arrange = arrange(bits).address("arrange")
        self.address = kernel.address
        self.position = kernel.words.position
        self.kept: dict[str, Region] = {}  # what backward reads
        self.passing: dict[str, Region] = {}
        self._words: list[Word] = [("", 0)] * len(kernel.words)
        self._copies: list[Word] = []
        self._products: list[Word] = []
        self.work = 0
        self.word("tiles", "", kernel.tiles.address)
        self.word("table", "steps")
        for name in ("jobs", "base", "offsets", "active"):
            self.word(name, name)

    def word(self, name: str, known: str, number: int = 0) -> None:
        """Set one word, if this kernel has it."""
        if name in self.position:
            self._words[self.position[name]] = known, number

    def place(self, part: str, known: str, stride: int, column: int = 0) -> None:
        """Where a place lies: in this column of the array that the call knows by that name."""
        self.word(f"at {part}", known, column * self.bytes)
        self.word(f"stride {part}", "", stride)

    def region(
        self, name: str, per: str, numbers: int, *, kept: bool = False, step: int = 0
    ) -> None:
        regions = self.kept if kept else self.passing
        regions[name] = Region(per, numbers, len(regions), step or numbers)

    def copy(
        self, to: Word, source: Word | None, more: Word | None = None, **fields: Word | int
    ) -> None:
        """One entry of the table of `arrange`; offsets of `to`, `source` and `more` in numbers."""
        for name, word in (("to", to), ("from", source), ("more", more)):
            fields[name] = ("", 0) if word is None else (word[0], word[1] * self.bytes)
        self._copies += entry(FIELDS, fields)

    def product(
        self, a: Word, b: str, c: Word, units: int, length: int, **fields: Word | int
    ) -> None:
        """One entry of the table of `rows`, for the tokens of a chunk; offsets of `a` and `c` in
        numbers."""
        self.work += units * length
        fields |= {"a": (a[0], a[1] * self.bytes), "b": (b, 0), "c": (c[0], c[1] * self.bytes)}
        fields |= {"rows": ("count", 0), "length": length}
        self._products += entry(rows.FIELDS, fields)

    def widen(self, to: str, source: str, units: int, width: int, lanes: int) -> None:
        """Copy rows of `units` numbers into rows of whole vectors."""
        self.copy(
            (to, 0), (source, 0), units=units, length=("rows", 0),
            height=("rows", 0), unit_stride=1, k_stride=units, panels=width // lanes,
            panel_stride=lanes, row_stride=width,
        )  # fmt: skip

    def finish(self) -> None:
        """No more words: lay them out for the sum."""
        count = len(self._copies) // len(FIELDS)
        self.table = Table([*self._words, ("jobs", 0), ("", count), *self._copies])
        count = len(self._products) // len(rows.FIELDS)
        header: list[Word] = [("threads", 0), ("", count), ("", tiles(self.bits).address)]
        self.products = Table([*header, *self._products]) if count else None
        self.buffered = [
            (self.table.known.index(name), region.step * self.bytes)
            for name, region in (self.kept | self.passing).items()
            if region.per == "buffered" and name in self.table.known
        ]


class Call:
    """One kernel on one batch: its memory, and its words."""

    def __init__(
        self,
        frame: Frame,
        library: Library,
        schedule: Schedule,
        known: dict[str, int],
        buffered: int = 0,
    ) -> None:
        self.frame, self.library, self.schedule = frame, library, schedule
        self.known = known
        known |= schedule.known
        known["buffered"] = buffered
        self.kept = self._lease(frame.kept) if frame.kept else None
        self.passing = self._lease(frame.passing)

    def _lease(self, regions: Mapping[str, Region]) -> Lease:
        known = self.known
        lease = self.library.lease([r.numbers * known[r.per] for r in regions.values()])
        known.update(zip(regions, lease.addresses, strict=True))
        return lease

    def write(self, first_token: int = 0) -> None:
        """The words, for a chunk that begins with this token."""
        found = [self.known[name] for name in self.frame.table.known]
        for number, row in self.frame.buffered if first_token else ():
            found[number] -= first_token * row
        self.words = self.frame.table.fill(found)
        self.address = address_of(self.words)

    def view(self, region: str, rows: int, width: int) -> Array:
        """A passing region as an array of rows."""
        return view_of(self.frame.passing, self.passing, region, rows, width)

    def arrange(self) -> None:
        """Do the copies."""
        jobs, table = self.schedule.jobs, self.address + 8 * len(self.frame.kernel.words)
        self.library.parallel(self.frame.arrange, table, jobs, jobs)

    def multiply(self, count: int) -> None:
        """The products of rows, for so many tokens."""
        frame, known = self.frame, self.known
        assert frame.products is not None
        threads = self.library.threads if frame.work * count > WORTH_THREADS else 1
        known |= {"count": count, "threads": threads}
        words = frame.products.fill([known[name] for name in frame.products.known])
        function = rows.rows(frame.bits).address("rows")
        self.library.parallel(function, address_of(words), threads, threads)

    def run(self, first: int, last: int) -> None:
        """The steps first ... last - 1."""
        position = self.frame.position
        self.words[position["first"]] = first
        self.words[position["steps"]] = last - first
        jobs = self.schedule.jobs
        self.library.parallel(self.frame.address, self.address, jobs, jobs)


def address_of(words: NDArray[np.int64]) -> int:
    return int(words.__array_interface__["data"][0])


def view_of(
    regions: Mapping[str, Region], lease: Lease | None, region: str, rows: int, width: int
) -> Array:
    """A leased region as an array of rows."""
    assert lease is not None
    return lease.piece(regions[region].number, rows * width).reshape(rows, width)
