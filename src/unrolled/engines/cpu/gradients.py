"""The gradients of the weights, summed chunk by chunk. In: the left sides that a kernel has left,
and the right sides they meet. Out: an array for each of the caller's, in its form; next:
`backward`.

A matrix's gradient is a sum of outer products, which `outer` adds straight into the rows where the
caller's array holds the matrix. A vector's is a sum over the jobs, each of which has added up its
own.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from unrolled.engines.cpu import arrange, outer
from unrolled.engines.cpu.arrays import Array
from unrolled.engines.cpu.forward import Left
from unrolled.engines.cpu.frame import Call
from unrolled.engines.cpu.run import Run, Source, padded
from unrolled.engines.cpu.schedule import token_rows
from unrolled.engines.plan import Kind, Place

if TYPE_CHECKING:
    from unrolled.engines.cpu.backward import Backward

# So many multiplications are worth a second thread.
WORTH_THREADS = 500_000

# Rows of a right side: (address, distance from row to row, how many); address 0 means zeros.
Rows = tuple[int, int, int]


class Sums:
    """The gradients so far."""

    def __init__(self, run: Run, frame: Backward, left: Left, call: Call, outputs: Array) -> None:
        self.run, self.frame, self.left, self.call, self.outputs = run, frame, left, call, outputs
        self.arrays: list[Array | None] = [None] * len(run.arrays)
        self.begun: set[Source] = set()
        self.alive: list[Array] = []  # gathered rows, until they have been read
        covered: dict[int, int] = {}
        for matrix in {made.matrix for made in frame.made.outers}:
            source, rows = run.fit.sources[matrix][0], run.fit.shape(matrix)[0]
            covered[source.array] = covered.get(source.array, 0) + rows
        for number, rows in covered.items():
            shape = run.arrays[number].shape
            whole = rows == shape[0] and run.schedule.tokens
            make = run.library.empty if whole else run.library.zeros
            self.arrays[number] = make(*shape)

    def add(self, first: int, last: int) -> None:
        """One chunk: right sides into panels, then all the products."""
        if not self.frame.made.outers:
            return
        run, bits = self.run, self.run.fit.program.bits
        span = run.schedule.span(first, last)
        copies, products = [], []
        for right, units in self.frame.rights.items():
            copies += self._copies(right, units, self._rows(right, first, last))
        work = 0
        for made in self.frame.made.outers:
            units, columns = run.fit.shape(made.matrix)
            work += units * columns
            products += self._product(made.matrix, made.left, made.right, span)
        jobs = run.library.threads if work * (span.stop - span.start) > WORTH_THREADS else 1
        for table, module, fields in (
            (copies, arrange.arrange(bits).address("arrange"), arrange.FIELDS),
            (products, outer.outer(bits).address("outer"), outer.FIELDS),
        ):
            words = np.array([jobs, len(table) // len(fields), *table], np.int64)
            address = int(words.__array_interface__["data"][0])
            run.library.parallel(module, address, jobs, jobs)
        self.alive.clear()

    def _product(self, matrix: str, left: Place, right: Place, span: slice) -> list[int]:
        """One entry of the table of `outer`."""
        run, known = self.run, self.call.known
        units, columns = run.fit.shape(matrix)
        source = run.fit.sources[matrix][0]
        panel = known["buffered"] * run.fit.lanes
        total = self.arrays[source.array]
        to = run.library.pointer(total) + source.row * columns * self.frame.bytes
        is_fresh = source not in self.begun
        self.begun.add(source)
        return [known[f"panel {left.name}"], panel, units, known[f"right {right.name}"], panel,
                columns, to, span.stop - span.start, int(is_fresh)]  # fmt: skip

    def _copies(self, right: Place, units: int, parts: Iterable[Rows]) -> list[int]:
        """Entries of the table of `arrange`: rows, one part behind the other, into panels."""
        lanes, known = self.run.fit.lanes, self.call.known
        room = known["buffered"] * lanes
        panels = padded(units, lanes) // lanes
        to, table = known[f"right {right.name}"], []
        for address, width, count in parts:
            table += [to, address, 0, units, count, count, 1, width, panels, room, lanes]
            to += count * lanes * self.frame.bytes
        return table

    def _rows(self, right: Place, first: int, last: int) -> list[Rows]:
        """Where the right side's numbers for a chunk's tokens are, in the order of the tokens."""
        known, schedule = self.call.known, self.run.schedule
        span = schedule.span(first, last)
        count = span.stop - span.start
        if right.name == self.run.fit.input_name:
            return [self._slice("x", self.frame.x_width, span.start, count)]
        if right.kind is Kind.BEFORE:
            return self._before(right.name, first, last)
        if right.name in self.left.frame.columns:
            size, column = self.left.frame.columns[right.name]
            width = self.left.frame.widths[size]
            start = known[f"buffer {size}"] + (column + span.start * width) * self.frame.bytes
            return [(start, width, count)]
        name = right.name.removeprefix("state ")
        return [self._slice(self.run.fit.state_at(name), self._width(name), span.start, count)]

    def _before(self, name: str, first: int, last: int) -> list[Rows]:
        """The state before each token of a chunk: of the same sequence, one step earlier."""
        schedule, width = self.run.schedule, self._width(name)
        parts: list[Rows] = []
        if first == 0:
            span = schedule.span(0, 1)
            number = list(self.run.fit.states).index(name)
            address = 0 if self.left.is_zero[number] else self.call.known[f"initial {name}"]
            if address and not schedule.is_dense:
                start = self.left.initial(self.run, name)
                address = self._gathered(start, token_rows(schedule, 0))
            parts.append((address, width, span.stop - span.start))
            first = 1
        if first < last:
            here, before = schedule.before(first, last)
            count = here.stop - here.start
            if isinstance(before, slice):
                part = self._slice(self.run.fit.state_at(name), width, before.start, count)
            else:
                tokens = self.left.state(self.run, name, self.outputs)
                part = self._gathered(tokens, before), width, count
            # a dense sequence that is read from its end has its first step last
            parts = [part, *parts] if schedule.reverse else [*parts, part]
        return parts

    def _slice(self, known: str, width: int, first: int, count: int) -> Rows:
        return self.call.known[known] + first * width * self.frame.bytes, width, count

    def _gathered(self, rows: Array, index: Array) -> int:
        self.alive.append(self.run.library.take(rows, index))
        return self.run.library.pointer(self.alive[-1])

    def _width(self, state: str) -> int:
        return padded(self.run.fit.states[state], self.run.fit.lanes)

    def result(self) -> list[Array | None]:
        """In the caller's forms; vectors are summed over the jobs."""
        if not self.frame.added:
            return self.arrays
        run, jobs = self.run, self.run.schedule.jobs
        total = self.call.view("added", jobs, self.frame.added_width).sum(0)
        parts: dict[int, list[tuple[int, int, str]]] = {}
        for name in self.frame.added:
            for source in run.fit.sources[name]:
                parts.setdefault(source.array, []).append((source.row, len(parts), name))
        used: set[int] = set()
        for number, given in parts.items():
            self.arrays[number] = self._vector(number, sorted(given), total, used)
        return self.arrays

    def _vector(
        self, number: int, parts: list[tuple[int, int, str]], total: Array, used: set[int]
    ) -> Array:
        """One of the caller's arrays of vectors; where its parts stand together they are it."""
        run, shape = self.run, self.run.arrays[number].shape
        places = [self.frame.added[name] for _, _, name in parts]
        (start, _), stop = places[0], sum(places[-1])
        length = sum(units for _, units in places)
        size = int(np.prod(shape, dtype=np.int64))
        if len(parts) == 1 and not run.fit.shape(parts[0][2]):
            return total[start:stop].sum().reshape(shape)  # a number, over its units too
        if length == size == stop - start and start not in used:
            used.add(start)  # who changes one gradient in place does not mean another
            return total[start:stop].reshape(shape)
        result = run.library.zeros(size)
        for (row, _, _), (column, units) in zip(parts, places, strict=True):
            result[row : row + units] = total[column : column + units]
        return result.reshape(shape)
