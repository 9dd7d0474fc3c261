"""The gradients of the weights, summed chunk by chunk. In: the left sides that a kernel has left,
and the right sides they meet. Out: an array for each of the caller's, in its form; next:
`backward`.

A matrix's gradient is a sum of outer products, which `outer` adds straight into the rows where the
caller's array holds the matrix. A vector's is a sum over the jobs, each of which has added up its
own. `Products` is what the sizes decide, found once; `Sums` are those of one call.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence

from unrolled.engines.cpu import arrange, outer
from unrolled.engines.cpu.arrays import Array
from unrolled.engines.cpu.forward import Left
from unrolled.engines.cpu.frame import WORTH_THREADS, Call, Frame, Table, Word, address_of, entry
from unrolled.engines.cpu.run import Fit, Run, Source, padded
from unrolled.engines.cpu.schedule import token_rows
from unrolled.engines.directions import Outer
from unrolled.engines.plan import Kind, Place


class Products:
    """The tables of one chunk's copies and products; where the sums of vectors stand."""

    def __init__(self, fit: Fit, frame: Frame, units: int, outers: Sequence[Outer]) -> None:
        self.fit, self.bytes = fit, frame.bytes
        self.x_width = padded(units, fit.lanes) if fit.input_is_hidden else units
        self.rights: dict[Place, int] = {}
        for product in outers:
            is_input = product.right.name == fit.input_name
            self.rights[product.right] = units if is_input else fit.length(product.right.size)
        for right, length in self.rights.items():
            wide = padded(length, fit.lanes)
            frame.region(f"right {right.name}", "buffered", wide, step=fit.lanes)
        copies: list[Word] = []
        for right in self.rights:
            for part in ("first", "rest") if right.kind is Kind.BEFORE else ("rest",):
                copies += self._copy(right, part)
        products: list[Word] = []
        begun: set[str] = set()
        for product in outers:
            products += self._product(product, product.matrix not in begun)
            begun.add(product.matrix)
        self.copies = len(copies) // len(arrange.FIELDS)
        self.table = Table(
            [("jobs", 0), ("", self.copies), *copies, ("jobs", 0), ("", len(outers)), *products]
        )
        self.work = sum(math.prod(fit.shape(product.matrix)) for product in outers)
        self.covered = _covered(fit, begun)

    def _copy(self, right: Place, part: str) -> list[Word]:
        """Rows of the right side into panels: a chunk's first step, or the rest of it."""
        name, lanes, units = f"{part} {right.name}", self.fit.lanes, self.rights[right]
        return entry(arrange.FIELDS, {
            "to": (f"to {name}", 0), "from": (f"from {name}", 0), "more": 0, "units": units,
            "length": (f"count {name}", 0), "height": (f"count {name}", 0), "unit_stride": 1,
            "k_stride": (f"width {right.name}", 0), "panels": padded(units, lanes) // lanes,
            "panel_stride": ("panel", 0), "row_stride": lanes,
        })  # fmt: skip

    def _product(self, product: Outer, is_first: bool) -> list[Word]:
        units, columns = self.fit.shape(product.matrix)
        source = self.fit.sources[product.matrix][0]
        return entry(outer.FIELDS, {
            "a": (f"panel {product.left.name}", 0), "a_panel": ("panel", 0), "units": units,
            "b": (f"right {product.right.name}", 0), "b_panel": ("panel", 0), "columns": columns,
            "c": (f"sum {source.array}", source.row * columns * self.bytes),
            "tokens": ("count", 0), "fresh": ("fresh", 0) if is_first else 0,
        })  # fmt: skip


def _covered(fit: Fit, matrices: set[str]) -> dict[int, int]:
    """How many rows of each of the caller's arrays get a sum."""
    covered: dict[int, int] = {}
    for matrix in matrices:
        number = fit.sources[matrix][0].array
        covered[number] = covered.get(number, 0) + fit.shape(matrix)[0]
    return covered


class Vectors:
    """Where the sums of vectors stand in a job's row, array by array of the caller's."""

    def __init__(self, fit: Fit, added: Mapping[str, tuple[int, int]]) -> None:
        parts: dict[int, list[tuple[Source, str]]] = {}
        for name in added:
            for source in fit.sources[name]:
                parts.setdefault(source.array, []).append((source, name))
        self.numbers: dict[int, slice] = {}  # single numbers, to be summed over their units too
        self.slices: dict[int, slice] = {}
        self.gathered: dict[int, list[tuple[slice, slice]]] = {}
        for array, given in parts.items():
            given.sort(key=lambda part: part[0].row)
            moves = []
            for source, name in given:
                column, units = added[name]
                here = slice(source.row, source.row + units)
                moves.append((here, slice(column, column + units)))
            whole = slice(moves[0][1].start, moves[-1][1].stop)
            together = all(a.stop == b.start for (_, a), (_, b) in itertools.pairwise(moves))
            if not fit.shape(given[0][1]):
                self.numbers[array] = whole
            elif together and moves[0][0].start == 0:
                self.slices[array] = whole
            else:
                self.gathered[array] = moves

    def sums(self, run: Run, total: Array, arrays: list[Array | None]) -> None:
        """From the sums over the jobs to the caller's arrays."""
        used: set[int] = set()
        for number, part in self.numbers.items():
            arrays[number] = total[part].sum()
        for number, part in self.slices.items():
            found = total[part]
            # who changes one gradient in place does not mean another
            arrays[number] = run.library.copy(found) if part.start in used else found
            used.add(part.start)
        for number, moves in self.gathered.items():
            found = run.library.zeros(math.prod(run.arrays[number].shape))
            for here, there in moves:
                found[here] = total[there]
            arrays[number] = found
        for number in (*self.numbers, *self.slices, *self.gathered):
            arrays[number] = _filled(run, arrays[number], run.arrays[number].shape)


def _filled(run: Run, found: Array, shape: Sequence[int]) -> Array:
    """In the form of the caller's array, which may be longer than what depends on it."""
    if found.shape == shape:
        return found
    size = math.prod(shape)
    if math.prod(found.shape) < size:
        whole = run.library.zeros(size)
        whole[: len(found)] = found
        found = whole
    return found.reshape(shape)


class Sums:
    """The gradients so far."""

    def __init__(
        self, run: Run, products: Products, left: Left, call: Call, outputs: Array
    ) -> None:
        self.run, self.products, self.left, self.call = run, products, left, call
        self.outputs = outputs
        self.known = call.known
        self.known |= {"panel": call.known["buffered"] * run.fit.lanes, "fresh": 1}
        self.arrays: list[Array | None] = [None] * len(run.arrays)
        self.alive: list[Array] = []  # gathered rows, until they have been read
        for number, rows in products.covered.items():
            shape = run.arrays[number].shape
            make = (
                run.library.empty
                if rows == shape[0] and call.schedule.tokens
                else run.library.zeros
            )
            self.arrays[number] = make(*shape)
            self.known[f"sum {number}"] = run.library.pointer(self.arrays[number])

    def add(self, first: int, last: int) -> None:
        """One chunk: right sides into panels, then all the products."""
        products, library, known = self.products, self.run.library, self.known
        if not products.rights:
            return
        span = self.run.schedule.span(first, last)
        known["count"] = span.stop - span.start
        for right in products.rights:
            self._right(right, first, last)
        known["jobs"] = library.threads if products.work * known["count"] > WORTH_THREADS else 1
        words = products.table.fill([known[name] for name in products.table.known])
        copies, bits = address_of(words), self.run.fit.program.bits
        sums = copies + 8 * (2 + products.copies * len(arrange.FIELDS))
        library.parallel(
            arrange.arrange(bits).address("arrange"), copies, known["jobs"], known["jobs"]
        )
        library.parallel(outer.outer(bits).address("outer"), sums, known["jobs"], known["jobs"])
        known["fresh"], known["jobs"] = 0, self.run.schedule.jobs
        self.alive.clear()

    def _right(self, right: Place, first: int, last: int) -> None:
        """Say where a right side's rows for a chunk's tokens are."""
        fit, known = self.run.fit, self.known
        start = self.run.schedule.span(first, last).start
        name, here, column = right.name, right.name.removeprefix("state "), 0
        if right.kind is Kind.BEFORE:
            self._before(name, first, last)
            return
        if name == fit.input_name:
            at, width = "x", self.products.x_width
        elif name in self.left.frame.columns:
            size, column = self.left.frame.columns[name]
            at, width = f"buffer {size}", self.left.frame.widths[size]
        else:
            at, width = fit.state_at(here), self._width(here)
        known[f"width {name}"] = width
        address = known[at] + (column + start * width) * self.products.bytes
        self._part("rest", name, known[f"right {name}"], address, known["count"])

    def _before(self, name: str, first: int, last: int) -> None:
        """The state before each token of a chunk: of the same sequence, one step earlier."""
        fit, schedule, known = self.run.fit, self.run.schedule, self.known
        width = known[f"width {name}"] = self._width(name)
        row, token = width * self.products.bytes, fit.lanes * self.products.bytes
        begin, to = schedule.span(first, last).start, known[f"right {name}"]
        self._part("first", name, to, 0, 0)
        if first == 0:
            span = schedule.span(0, 1)
            address = 0
            if not self.left.is_zero[fit.state_names.index(name)]:
                address = known[f"initial {name}"]
                if not schedule.is_dense:
                    start = self.left.initial(self.run, name)
                    address = self._gathered(start, token_rows(schedule, 0))
            there = to + (span.start - begin) * token
            self._part("first", name, there, address, span.stop - span.start)
            first = 1
        if first >= last:
            self._part("rest", name, to, 0, 0)
            return
        here, before = schedule.before(first, last)
        if isinstance(before, slice):
            address = known[fit.state_at(name)] + before.start * row
        else:
            tokens = self.left.state(self.run, name, self.outputs)
            address = self._gathered(tokens, before)
        there = to + (here.start - begin) * token
        self._part("rest", name, there, address, here.stop - here.start)

    def _part(self, part: str, name: str, to: int, address: int, count: int) -> None:
        known = self.known
        known[f"to {part} {name}"] = to
        known[f"from {part} {name}"] = address
        known[f"count {part} {name}"] = count

    def _gathered(self, rows: Array, index: Array) -> int:
        self.alive.append(self.run.library.take(rows, index))
        return self.run.library.pointer(self.alive[-1])

    def _width(self, state: str) -> int:
        return padded(self.run.fit.states[state], self.run.fit.lanes)

    def result(self, vectors: Vectors, width: int) -> list[Array | None]:
        """In the caller's forms; vectors are summed over the jobs."""
        if width:
            total = self.call.view("added", self.run.schedule.jobs, width).sum(0)
            vectors.sums(self.run, total, self.arrays)
        return self.arrays
