"""What a kernel's calls say and do, as far as the cell, its sizes and its packing decide it.

In: a `Kernel`, and what `forward` and `backward` say about places, memory, copies and products.
Out: `Frame`; next: `script` lays it out for a batch.

Every word is a number that never changes plus one that is known by name: the address of an array
that a call is given, or of a piece of memory that it leases, or how many rows a batch has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from unrolled.engines.cpu.code import arrange, rows
from unrolled.engines.cpu.code.team import LINE, MEMBERS
from unrolled.engines.cpu.code.tiles import tiles
from unrolled.engines.cpu.program import Kernel
from unrolled.engines.plan.schedule import Schedule

# A name, and a number that is added to what it stands for; the name "" stands for nothing.
Word = tuple[str, int]


def entry(names: Sequence[str], fields: Mapping[str, Word | int]) -> list[Word]:
    """One entry of a table, its fields in order."""
    words = (fields[name] for name in names)
    return [("", word) if isinstance(word, int) else word for word in words]


@dataclass(frozen=True)
class Region:
    """Memory that a call needs: `numbers` for each of the "tokens", "rows" or "jobs", or "once".
    "buffered" counts the tokens of a chunk, and such a region holds the tokens from the chunk's
    first one on, at a distance of `step`."""

    per: str
    numbers: int
    step: int


class Table:
    """Words in the form in which a batch adds them up: numbers, and which of a frame's `names` is
    added to each. New names are entered there."""

    def __init__(self, words: Sequence[Word], names: dict[str, int]) -> None:
        self.numbers = np.array([word for _, word in words], np.int64)
        which = [names.setdefault(name, len(names)) for name, _ in words]
        self.which = np.array(which, np.intp)


class Copies:
    """A table of `arrange`."""

    def __init__(self, bits: int) -> None:
        self.function = arrange.arrange(bits).address("arrange")
        self.bytes = bits // 8
        self.words: list[Word] = []
        self.vectors, self.vectors_by_token = 0, 0  # how many are written

    def add(
        self, to: Word, source: Word | None, second: Word | None = None, **fields: Word | int
    ) -> None:
        """One copy; offsets of `to`, `source` and `second` in numbers. Unless said otherwise there
        is room for whole vectors, and a second source is the last one."""
        given: dict[str, Word | int] = {"apart": 0, "sources": 1 if second is None else 2,
                                        "index": 0, "room": 1 << 60}  # fmt: skip
        given |= fields
        for name, word in (("to", to), ("from", source), ("second", second)):
            given[name] = 0 if word is None else (word[0], word[1] * self.bytes)
        self.words += entry(arrange.FIELDS, given)
        panels, height = given["panels"], given["height"]
        if isinstance(panels, int) and isinstance(height, int):
            self.vectors += panels * height
        elif isinstance(panels, int) and height == ("tokens", 0):
            self.vectors_by_token += panels

    def widen(
        self, to: str, source: str, units: int, width: int, lanes: int, per: str = "rows"
    ) -> None:
        """Rows of `units` numbers, to rows of whole vectors."""
        self.add(
            (to, 0), (source, 0), units=units, length=(per, 0), height=(per, 0), unit_stride=1,
            k_stride=units, panels=width // lanes, panel_stride=lanes, row_stride=width,
        )  # fmt: skip

    def narrow(
        self, to: str, source: str, units: int, lanes: int, per: str, **fields: Word | int
    ) -> None:
        """Rows of whole vectors, to rows of `units` numbers."""
        self.add(
            (to, 0), (source, 0), None, units=units, length=(per, 0), height=(per, 0),
            unit_stride=1, panels=-(-units // lanes), panel_stride=lanes, row_stride=units,
            room=units, **fields,
        )  # fmt: skip

    def finish(self, names: dict[str, int]) -> Table:
        count = len(self.words) // len(arrange.FIELDS)
        return Table([("share", 0), ("", count), *self.words], names)


class Frame:
    """The words of one kernel's calls; how weights are packed, the copies before it, and those
    after it. Memory is of three kinds: packed weights, which serve for as long as the weights are
    the same; what backward reads; and what passes with the call."""

    def __init__(self, kernel: Kernel, bits: int) -> None:
        self.kernel, self.bits, self.bytes = kernel, bits, bits // 8
        self.position = kernel.words.position
        self.packed: dict[str, Region] = {}
        self.kept: dict[str, Region] = {}
        self.passing: dict[str, Region] = {}
        self.packing, self.before, self.after = Copies(bits), Copies(bits), Copies(bits)
        self.names: dict[str, int] = {}
        self.scripts: WeakKeyDictionary[Schedule, dict[int, Any]] = WeakKeyDictionary()
        self._words: list[Word] = [("", 0)] * len(kernel.words)
        self._products: list[Word] = []
        self.work = 0  # multiplications for each token outside the kernel
        self.reads = 0  # vectors of packed weights that the kernel reads at a step
        self.region("team", "once", MEMBERS * LINE // self.bytes)
        self.before.add(
            ("team", 0), None, units=LINE // self.bytes, length=0, height=MEMBERS, unit_stride=1,
            k_stride=0, panels=1, panel_stride=0, row_stride=LINE // self.bytes,
        )  # fmt: skip
        self.word("team", "team of the job")
        self.word("tiles", "", kernel.tiles.address)
        self.word("table", "steps")
        for name in ("first", "steps"):
            self.word(name, f"chunk {name}")
        for name in ("jobs", "base", "offsets", "active"):
            self.word(name, name)

    def word(self, name: str, known: str, number: int = 0) -> None:
        """Set one word, if this kernel has it."""
        if name in self.position:
            self._words[self.position[name]] = known, number

    def place(self, part: str, known: str, stride: int, column: int = 0) -> None:
        """Where a place lies: in this column of the array that is known by that name."""
        self.word(f"at {part}", known, column * self.bytes)
        self.word(f"stride {part}", "", stride)

    def region(
        self, name: str, per: str, numbers: int, *, kept: bool = False, step: int = 0
    ) -> None:
        regions = self.kept if kept else self.passing
        regions[name] = Region(per, numbers, step or numbers)

    def pack(self, name: str, numbers: int) -> None:
        """Memory for weights as the kernel reads them."""
        self.packed[name] = Region("once", numbers, numbers)

    def product(
        self, a: Word, b: str, c: Word, units: int, length: int, **fields: Word | int
    ) -> None:
        """One entry of the table of `rows`, for the tokens of a chunk; offsets of `a` and `c` in
        numbers."""
        self.work += units * length
        fields |= {"a": (a[0], a[1] * self.bytes), "b": (b, 0), "c": (c[0], c[1] * self.bytes)}
        fields |= {"rows": ("count", 0), "length": length}
        self._products += entry(rows.FIELDS, fields)

    def finish(self, given: Sequence[str]) -> None:
        """No more words. `given`: the names of what a call brings, beside its memory."""
        self.words = Table(self._words, self.names)
        self.packs = self.packing.finish(self.names)
        self.copies = self.before.finish(self.names)
        self.results = self.after.finish(self.names)
        count = len(self._products) // len(rows.FIELDS)
        header: list[Word] = [("share", 0), ("", count), ("", tiles(self.bits).address)]
        self.products = Table([*header, *self._products], self.names) if count else None
        brought = ["", *given, *self.kept, *self.passing, *self.packed]  # "" stands for a zero
        self.given = given
        self.brought = {name: (position, 0) for position, name in enumerate(brought)}
        self.positions = np.array([self.brought.get(n, (0, 0))[0] for n in self.names], np.int64)
        self.by_token = [
            (name, f"chunk {name}", region.per == "buffered", region.step * self.bytes)
            for name, region in (self.kept | self.passing).items()
            if region.per in ("tokens", "buffered")
        ]
