"""What both directions of a run share: a cell whose sizes are known, on one batch of sequences.

In: a `Program`, sizes, where its weights stand in the caller's arrays; then a `Library`, a
`Schedule` and these arrays. Out: `Fit`, which keeps every frame that was made, and `Run`; next:
`forward`, `backward`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from unrolled.engines.cpu.call.frame import Frame, Word
from unrolled.engines.cpu.call.script import Script
from unrolled.engines.cpu.machine.arrays import Array, Library
from unrolled.engines.cpu.machine.memory import Lease
from unrolled.engines.cpu.program import Program
from unrolled.engines.plan.plan import Block, Kind, Matrix, Place, Plan
from unrolled.engines.plan.schedule import Schedule
from unrolled.equations.nodes import ONE

T = TypeVar("T")

# What a chunk's hoisted products, or left sides, may take: the second-level caches of two cores.
CHUNK_BYTES = 2 << 20
# But a product over few tokens would spend its time on reading and writing the gradient it adds to.
LEAST_TOKENS = 2048


@dataclass(frozen=True)
class Source:
    """Where a weight begins: in row `row` of the caller's array `array`."""

    array: int
    row: int = 0


# Each weight's sources; a vector may have two, whose sum it is.
Sources = Mapping[str, tuple[Source, ...]]


class Fit:
    """A program with all its sizes, and how the caller's arrays hold its weights."""

    def __init__(self, program: Program, sizes: Mapping[str, int], sources: Sources) -> None:
        step = program.narrow.step
        self.program, self.sizes, self.sources = program, sizes, sources
        self.lanes = program.lanes
        self.states = {name: sizes[shape[0]] for name, shape in step.states.items()}  # units
        self.output = next(iter(step.states))
        self.input_name = next(iter(step.inputs))
        self.reads_input_by_unit = program.reads_input_by_unit
        arrays = {source.array for given in sources.values() for source in given}
        self.array_names = [f"array {number}" for number in range(1 + max(arrays, default=-1))]
        self.numbers = [0] * len(self.array_names)  # of each array, how many hold weights
        for weight, given in sources.items():
            for source in given:
                self.numbers[source.array] += math.prod(self.shape(weight))
        self.bytes = sum(self.numbers) * program.bits // 8
        self.frames: dict[tuple[object, ...], Any] = {}

    def state_at(self, name: str) -> str:
        """What a call knows as the address of a state's tokens: the first state is the output, and
        the user's, where its rows are whole vectors; the others are the engine's own."""
        is_users = name == self.output and self.states[name] % self.lanes == 0
        return "y" if is_users else f"state {name}"

    def length(self, size: str) -> int:
        return 1 if size == ONE else self.sizes[size]

    def padded(self, size: str) -> int:
        """A length rounded up to whole vectors."""
        return 1 if size == ONE else padded(self.sizes[size], self.lanes)

    def shape(self, weight: str) -> tuple[int, ...]:
        return tuple(self.length(size) for size in self.program.narrow.weights[weight])

    def once(self, key: tuple[object, ...], build: Callable[[], T]) -> T:
        """What follows from the fit and the key alone is found once."""
        found = self.frames.get(key)
        if found is None:
            found = self.frames[key] = build()
        return cast(T, found)

    # ------------------------------------------------------------------------------------- frames

    def weights(self, frame: Frame, plan: Plan, placed: Collection[Place] = ()) -> None:
        """Say where the step's weights lie: packed for products, in whole vectors, or as given; and
        where scratch does that has no place yet."""
        for size, length in self.sizes.items():
            frame.word(f"size {size}", "", length)
        for number, (_, block) in enumerate(plan.blocks):
            self._pack(frame, block, number)
        for place in plan.of_kind(Kind.UNIT):
            region, units = f"vector {place.name}", self.sizes[place.size]
            wide = padded(units, self.lanes)
            frame.pack(region, wide)
            frame.packing.add(
                (region, 0), *self._words(place.name), units=units, length=1, height=1,
                unit_stride=1, k_stride=0, panels=wide // self.lanes, panel_stride=self.lanes,
                row_stride=0,
            )  # fmt: skip
            frame.place(place.name, region, 0)
        for place in plan.of_kind(Kind.NUMBER):
            (source,) = self.sources[place.name]
            frame.word(f"at {place.name}", _array(source), source.row * frame.bytes)
        for place in plan.of_kind(Kind.ROW):
            if place in placed:
                continue
            width = self.padded(place.size)
            frame.region(f"scratch {place.name}", "rows", width)
            frame.place(place.name, f"scratch {place.name}", width)

    def _pack(self, frame: Frame, block: Block, number: int) -> None:
        """Panels of units, a vector wide; in a panel accumulator after accumulator, K vectors each.
        Operands side by side are whole vectors long: so are the rows that they meet."""
        lanes, count, operands = self.lanes, len(block.matrices), len(block.operands)
        length, units = self._length_and_units(block.matrices[0][0])
        height = length if operands == 1 else padded(length, lanes)
        stream = operands * height * lanes
        panels = -(-units // lanes)
        region = f"pack {number}"
        frame.pack(region, panels * count * stream)
        frame.reads += panels * count * stream // lanes
        frame.word(f"pack {number}", region)
        frame.word(f"length {number}", "", operands * height)
        for m, matrices in enumerate(block.matrices):
            for o, matrix in enumerate(matrices):
                at = region, m * stream + o * height * lanes
                self._panels(frame, at, matrix, height, count * stream)

    def panels(self, frame: Frame, region: str, matrix: Matrix) -> tuple[int, int]:
        """Pack one matrix alone, for `rows`; how many panels, and how long."""
        length, units = self._length_and_units(matrix)
        panels = -(-units // self.lanes)
        frame.pack(region, panels * length * self.lanes)
        self._panels(frame, (region, 0), matrix, length, length * self.lanes)
        return panels, length

    def _panels(self, frame: Frame, to: Word, matrix: Matrix, height: int, distance: int) -> None:
        """Copy a matrix into panels at this distance, `height` vectors each."""
        length, units = self._length_and_units(matrix)
        flat = matrix.transposed
        frame.packing.add(
            to, *self._words(matrix.name), units=units, length=length, height=height,
            unit_stride=1 if flat else length, k_stride=units if flat else 1,
            panels=-(-units // self.lanes), panel_stride=distance, row_stride=self.lanes,
        )  # fmt: skip

    def _length_and_units(self, matrix: Matrix) -> tuple[int, int]:
        rows, columns = self.shape(matrix.name)
        return (rows, columns) if matrix.transposed else (columns, rows)

    def _words(self, weight: str) -> tuple[Word, Word | None]:
        """A weight's source, and its second one."""
        row = self.shape(weight)[1] if len(self.shape(weight)) == 2 else 1
        words = [(_array(s), s.row * row) for s in self.sources[weight]]
        return words[0], words[1] if len(words) > 1 else None


def _array(source: Source) -> str:
    return f"array {source.array}"


class Run:
    """A fitted cell, what it runs on, and the arrays that hold its weights (contiguous).
    `addresses`: theirs, with which every call begins. `packs`: packed weights, by frame, where they
    are to serve for several calls."""

    __slots__ = ("addresses", "arrays", "fit", "library", "packs", "schedule")

    def __init__(
        self,
        fit: Fit,
        library: Library,
        schedule: Schedule,
        arrays: Sequence[Array],
        packs: dict[Frame, Lease] | None = None,
    ) -> None:
        self.fit, self.library, self.schedule, self.arrays = fit, library, schedule, arrays
        self.addresses = [*map(library.pointer, arrays)]
        self.packs = packs

    def window(self, first: int, last: int, packs: dict[Frame, Lease]) -> Run:
        """The same over some of the steps, and with the same packed weights."""
        window = self.schedule.window(first, last)
        return Run(self.fit, self.library, window, self.arrays, packs)

    def call(self, frame: Frame, script: Script, addresses: list[int]) -> None:
        """What a script says, with memory for what passes and, unless it was done, packing."""
        library = self.library
        if self.packs is None:
            room = library.lease(script.room)
            *leased, words = room.addresses
            library.parallel(script.all, words, *addresses, *leased)
            return
        room, packs = library.lease(script.passing), self.packs.get(frame)
        *leased, words = room.addresses
        if packs is not None:
            library.parallel(script.once_packed, words, *addresses, *leased, *packs.addresses)
            return
        packs = library.lease(script.packed)
        library.parallel(script.all, words, *addresses, *leased, *packs.addresses)
        self.packs[frame] = packs  # not before they are filled: another thread may be waiting

    def input(self, xs: Array) -> Array:
        """The input as the kernels read it: of whole vectors where it is read unit by unit."""
        if self.fit.reads_input_by_unit and xs.shape[-1] % self.fit.lanes:
            return self.library.widen(xs, padded(xs.shape[-1], self.fit.lanes))
        return xs

    def script(self, frame: Frame, write: Callable[[int], Script]) -> Script:
        """What calls of a frame do on this batch, written once for a number of threads."""
        threads = self.library.threads
        scripts = frame.scripts.get(self.schedule)
        if scripts is None:
            scripts = frame.scripts[self.schedule] = {}
        if threads not in scripts:
            scripts[threads] = write(threads)
        found: Script = scripts[threads]
        return found


def chunks(schedule: Schedule, columns: int, bytes: int) -> list[tuple[int, int]]:
    """The steps in runs whose buffers of so many columns stay in the cache."""
    tokens = CHUNK_BYTES // (bytes * max(1, columns))
    return schedule.chunks(max(LEAST_TOKENS, tokens))


def most_tokens(schedule: Schedule, runs: Sequence[tuple[int, int]]) -> int:
    spans = (schedule.span(first, last) for first, last in runs)
    return max((span.stop - span.start for span in spans), default=0)


def padded(units: int, lanes: int) -> int:
    return -(-units // lanes) * lanes
