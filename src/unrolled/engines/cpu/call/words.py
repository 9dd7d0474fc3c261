"""The words that compiled code reads. In: a call's steps. Out: tables of numbers, and rules for
those that depend on the batch; next: `bind`.

A word is a number, to which is added what a `Known` finds in a batch: a number, and perhaps one of
the addresses that a call brings.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from unrolled.engines.cpu.call.batch import Now
from unrolled.engines.cpu.call.call import (
    Accumulate,
    Buffer,
    Clear,
    CopyLast,
    CopyPanels,
    CopyRows,
    Multiply,
    Pack,
    Per,
    Reduce,
    RunKernel,
    Step,
    View,
)
from unrolled.engines.cpu.code.arguments import parts
from unrolled.engines.cpu.program import Kernel
from unrolled.engines.plan.plan import Kind

HALF = 2  # bytes of a number in bfloat16
Words = NDArray[np.int64]
Known = Callable[[Now], tuple[int, int]]  # which address (0: none), and a number
Word = int | tuple[Known, int]
Entry = Mapping[str, Word]


class WordTable:
    """The words of one launch."""

    def __init__(self, words: Iterable[Word]) -> None:
        where: dict[Known | None, int] = {None: 0}  # the first adds nothing
        numbers, which = [], []
        for word in words:
            known, number = (None, word) if isinstance(word, int) else word
            numbers.append(number)
            which.append(where.setdefault(known, len(where)))
        self.numbers, self.which = np.array(numbers, np.int64), np.array(which, np.intp)
        self.known = [known for known in where if known is not None]

    def at(self, now: Now) -> tuple[Words, Words]:
        """Every word's number, and the address that is added to it."""
        found = np.array([(0, 0), *[known(now) for known in self.known]], np.int64)
        positions, numbers = found.T
        return self.numbers + numbers.take(self.which), positions.take(self.which)


class Dictionary:
    """Says steps in words; what is known by the same rule is the same `Known`."""

    def __init__(self, lanes: int, bits: int) -> None:
        self.lanes, self.bytes = lanes, bits // 8
        self._wholes: dict[Buffer, Known] = {}
        self._chunks: dict[Buffer, Known] = {}

    def entries(self, step: Step) -> list[Entry]:
        """A step, entry by entry of a table; what is not said is 0."""
        match step:
            case Clear():
                return [self._clear(step)]
            case CopyRows():
                return [self._rows(step)]
            case CopyLast():
                return [self._last(step)]
            case CopyPanels():
                parts = (True, False) if step.start is not None else (False,)
                return [self._panels(step, is_first) for is_first in parts]
            case Pack():
                return [self._pack(step)]
            case Reduce():
                return [self._reduce(step)]
            case Multiply():
                return [self._multiply(step)]
            case Accumulate():
                return [self._accumulate(step)]
        raise AssertionError(f"a kernel has words of its own: {step}")

    def _view(self, view: View) -> Word:
        """From where the first token, row or job would lie."""
        buffer = view.buffer
        known = self._wholes.setdefault(buffer, lambda now: now.whole(buffer))
        return known, view.column * (HALF if buffer.half else self.bytes)

    def _chunk(self, view: View) -> tuple[Known, int]:
        """From a chunk's first token on."""
        buffer = view.buffer
        known = self._chunks.setdefault(buffer, lambda now: now.chunk(buffer))
        return known, view.column * self.bytes

    def _vectors(self, units: int) -> int:
        return -(-units // self.lanes)

    def _clear(self, step: Clear) -> Entry:
        width = step.to.width
        return {
            "to": self._view(View(step.to)), "sources": 1, "units": width,
            "height": _rows_per(step.to.per), "unit_stride": 1, "panels": self._vectors(width),
            "panel_stride": self.lanes, "row_stride": width, "room": width,
        }  # fmt: skip

    def _rows(self, step: CopyRows) -> Entry:
        first, *more = step.sources
        to, rows = step.to.buffer, _rows_per(step.to.buffer.per)
        return {
            "to": self._view(step.to), "from": self._view(first), "sources": len(step.sources),
            "second": self._view(more[0]) if more else 0, "units": step.units, "length": rows,
            "height": rows, "unit_stride": 1, "k_stride": first.buffer.width,
            "panels": self._vectors(step.fill), "panel_stride": self.lanes,
            "row_stride": to.width, "room": step.fill,
        }  # fmt: skip

    def _last(self, step: CopyLast) -> Entry:
        def at(now: Now) -> tuple[int, int]:
            return now.last_rows(step)[:2]

        def width(now: Now) -> tuple[int, int]:
            return 0, now.last_rows(step)[2]

        def index(now: Now) -> tuple[int, int]:
            return 0, now.last_rows(step)[3]

        rows = _rows_per(Per.ROW)
        return {
            "to": self._view(View(step.to)), "from": (at, 0), "sources": 1, "units": step.units,
            "length": rows, "height": rows, "unit_stride": 1, "k_stride": (width, 0),
            "index": (index, 0), "panels": self._vectors(step.units), "panel_stride": self.lanes,
            "row_stride": step.units, "room": step.units,
        }  # fmt: skip

    def _panels(self, step: CopyPanels, is_first: bool) -> Entry:
        distance = self.lanes * self.bytes

        def to(now: Now) -> tuple[int, int]:
            return now.positions[step.to], now.part(step, is_first=is_first)[0] * distance

        def source(now: Now) -> tuple[int, int]:
            return now.part(step, is_first=is_first)[2:4]

        def rows(now: Now) -> tuple[int, int]:
            return 0, now.part(step, is_first=is_first)[1]

        def index(now: Now) -> tuple[int, int]:
            return 0, now.part(step, is_first=is_first)[4]

        return {
            "to": (to, 0), "from": (source, 0), "sources": 1, "units": step.units,
            "length": (rows, 0), "height": (rows, 0), "unit_stride": 1,
            "k_stride": step.source.buffer.width, "index": (index, 0),
            "panels": self._vectors(step.units), "panel_stride": (_panel, 0),
            "row_stride": self.lanes, "room": step.to.width,
        }  # fmt: skip

    def _pack(self, step: Pack) -> Entry:
        panels, is_flat = self._vectors(step.units), step.transposed
        return {  # those of `pairs` are among the fields of `arrange`
            "to": self._view(step.to), "from": self._view(step.matrix), "sources": 1,
            "units": step.units, "length": step.length, "height": step.height,
            "unit_stride": 1 if is_flat else step.length, "k_stride": step.units if is_flat else 1,
            "panels": panels, "panel_stride": step.distance, "row_stride": self.lanes,
            "room": panels * self.lanes,
        }  # fmt: skip

    def _reduce(self, step: Reduce) -> Entry:
        width = step.source.buffer.width
        second = View(step.source.buffer, step.source.column + width)
        return {
            "to": self._view(step.to), "from": self._view(step.source),
            "second": self._view(second), "apart": width, "sources": _rows_per(Per.JOB),
            "units": step.units, "length": 1, "height": 1, "unit_stride": 1,
            "panels": self._vectors(step.units), "panel_stride": self.lanes, "room": step.units,
        }  # fmt: skip

    def _multiply(self, step: Multiply) -> Entry:
        return {
            "a": self._chunk(step.source), "a_stride": step.source.buffer.width,
            "rows": (_tokens, 0), "b": self._view(View(step.packed)),
            "panels": self._vectors(step.units), "length": step.length,
            "c": self._chunk(step.to), "c_stride": step.to.buffer.width, "add": int(step.add),
        }  # fmt: skip

    def _accumulate(self, step: Accumulate) -> Entry:
        def side(buffer: Buffer) -> Word:
            whole = self._chunk(View(buffer))
            if not step.start:
                return whole
            known, panels = whole[0], step.start // self.lanes

            def at(now: Now) -> tuple[int, int]:
                address, number = known(now)
                return address, number + panels * _panel(now)[1] * self.bytes

            return at, 0

        return {
            "a": side(step.left), "a_panel": (_panel, 0), "units": step.units,
            "b": side(step.right), "b_panel": (_panel, 0), "columns": step.columns,
            "c": self._view(step.to), "tokens": (_tokens, 0),
            "fresh": (_is_first, 0) if step.first else 0,
        }  # fmt: skip

    def kernel(self, step: RunKernel, kernel: Kernel) -> list[Word]:
        """The words of a kernel, in its own order."""

        def team(now: Now) -> tuple[int, int]:
            return (now.positions[step.team], 0) if now.is_team else (0, 0)

        said: dict[str, Word] = {
            "tiles": kernel.tiles.address, "first": (_first, 0), "steps": (_steps, 0),
            "jobs": _rows_per(Per.JOB), "table": (_all_steps, 0), "base": (_base, 0),
            "offsets": (_offsets, 0), "active": (_active, 0), "team": (team, 0),
        }  # fmt: skip
        said |= {f"size {size}": length for size, length in step.sizes.items()}
        for place, views in step.bind.items():
            for part, view in zip(parts(place, step.plan), views, strict=True):
                stride = (_most, 0) if place.kind is Kind.PANEL else view.buffer.width
                said |= {f"at {part}": self._view(view), f"stride {part}": stride}
        for number, (pack, length) in enumerate(zip(step.packs, step.lengths, strict=True)):
            said |= {f"pack {number}": self._view(View(pack)), f"length {number}": length}
        return [said[name] for name in kernel.words.position]


def _rows_per(per: Per) -> Word:
    return 1 if per is Per.ONCE else (_per(per), 0)


@functools.cache
def _per(per: Per) -> Known:
    return lambda now: (0, now.rows_per(per))


def share(now: Now) -> tuple[int, int]:
    """How many jobs the launch has."""
    return 0, now.jobs


def _tokens(now: Now) -> tuple[int, int]:
    return 0, now.count


def _most(now: Now) -> tuple[int, int]:
    return 0, now.most


def _panel(now: Now) -> tuple[int, int]:
    """From one panel of a chunk's buffer to the next."""
    return 0, now.most * now.call.lanes


def _is_first(now: Now) -> tuple[int, int]:
    """Whether it is the first chunk of a backward call."""
    return 0, int(now.last == now.schedule.steps)


def _first(now: Now) -> tuple[int, int]:
    return 0, now.first


def _steps(now: Now) -> tuple[int, int]:
    return 0, now.last - now.first


def _all_steps(now: Now) -> tuple[int, int]:
    return 0, now.schedule.steps


def _base(now: Now) -> tuple[int, int]:
    return 0, now.schedule.addresses[0]


def _offsets(now: Now) -> tuple[int, int]:
    return 0, now.schedule.addresses[1]


def _active(now: Now) -> tuple[int, int]:
    return 0, now.schedule.addresses[2]
