"""The gradients of the weights, summed chunk by chunk. In: the left sides that a kernel has left,
and the right sides they meet. Out: their part of a script; next: `backward`.

A matrix's gradient is a sum of outer products, which `outer` adds straight into the rows where the
caller's array holds the matrix. A vector's is a sum over the jobs, each of which has added up its
own. `covered` counts how many numbers of each of the caller's arrays get a sum.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from unrolled.engines.cpu.call.forward import Forward
from unrolled.engines.cpu.call.frame import Copies, Frame, Table, Word, entry
from unrolled.engines.cpu.call.run import Fit, padded
from unrolled.engines.cpu.call.script import Writer
from unrolled.engines.cpu.code import outer
from unrolled.engines.plan.directions import Outer
from unrolled.engines.plan.plan import Kind, Place
from unrolled.engines.plan.schedule import Ragged


class Products:
    """What follows a chunk of the backward kernel: right sides into panels, then the products."""

    def __init__(self, fit: Fit, frame: Frame, left: Forward, outers: Sequence[Outer]) -> None:
        self.fit, self.left, self.bits = fit, left, frame.bits
        self.rights: dict[Place, int] = {}
        for product in outers:
            is_input = product.right.name == fit.input_name
            units = left.input_units if is_input else fit.length(product.right.size)
            self.rights[product.right] = units
        copies = Copies(frame.bits)
        for right, units in self.rights.items():
            wide = padded(units, fit.lanes)
            frame.region(f"right {right.name}", "buffered", wide, step=fit.lanes)
            for part in ("first", "rest") if right.kind is Kind.BEFORE else ("rest",):
                self._copy(copies, right, part)
        self.copies = copies.finish(frame.names)
        products: list[Word] = []
        self.covered: dict[int, int] = {}
        begun: set[str] = set()
        for product in outers:
            products += self._product(product, product.matrix not in begun)
            begun.add(product.matrix)
        for matrix in begun:
            number, numbers = fit.sources[matrix][0].array, math.prod(fit.shape(matrix))
            self.covered[number] = self.covered.get(number, 0) + numbers
        self.sums = Table([("share", 0), ("", len(outers)), *products], frame.names)
        self.work = sum(math.prod(fit.shape(product.matrix)) for product in outers)

    def _copy(self, copies: Copies, right: Place, part: str) -> None:
        """Rows of the right side into panels: those of a chunk's first step, or the rest."""
        name, lanes, units = f"{part} {right.name}", self.fit.lanes, self.rights[right]
        copies.add(
            (f"to {name}", 0), (f"from {name}", 0), units=units, length=(f"count {name}", 0),
            height=(f"count {name}", 0), unit_stride=1, k_stride=self._width(right),
            index=(f"index {name}", 0), panels=padded(units, lanes) // lanes,
            panel_stride=("panel", 0), row_stride=lanes,
        )  # fmt: skip

    def _product(self, product: Outer, is_first: bool) -> list[Word]:
        units, columns = self.fit.shape(product.matrix)
        source = self.fit.sources[product.matrix][0]
        return entry(outer.FIELDS, {
            "a": (f"chunk panel {product.left.name}", 0), "a_panel": ("panel", 0), "units": units,
            "b": (f"chunk right {product.right.name}", 0), "b_panel": ("panel", 0),
            "columns": columns, "tokens": ("count", 0), "fresh": ("fresh", 0) if is_first else 0,
            "c": (f"sum {source.array}", source.row * columns * self.bits // 8),
        })  # fmt: skip

    def write(self, writer: Writer, first: int, last: int, *, fresh: bool) -> None:
        """A chunk's launches; `fresh`: the first of all, which finds nothing to add to."""
        if not self.rights:
            return
        writer.set("fresh", int(fresh))
        writer.set("panel", writer.where["buffered"][1] * self.fit.lanes)
        start = writer.schedule.span(first, last).start
        for right in self.rights:
            if right.kind is Kind.BEFORE:
                self._before(writer, right, first, last)
            else:
                at, column = self._place(right)
                rows = (column + start * self._width(right)) * self.bits // 8
                self._part(writer, f"rest {right.name}", at, rows, writer.where["count"][1])
        jobs = writer.worth(self.work * writer.where["count"][1])
        writer.launch(writer.frame.before.function, self.copies, jobs)
        writer.launch(outer.outer(self.bits).address("outer"), self.sums, jobs)

    def _place(self, right: Place) -> tuple[str, int]:
        """The array that holds a right side's rows, and its column there."""
        if right.name == self.fit.input_name:
            return "x", 0
        if right.name in self.left.columns:
            size, column = self.left.columns[right.name]
            return f"buffer {size}", column
        return self.left.states[right.name.removeprefix("state ")], 0

    def _width(self, right: Place) -> int:
        """How far apart the rows of a right side lie."""
        at, _ = self._place(right)
        if at == "x":
            return self.left.x_width
        if at.startswith("buffer "):
            return self.left.widths[at.removeprefix("buffer ")]
        return self.fit.padded(right.size)

    def _before(self, writer: Writer, right: Place, first: int, last: int) -> None:
        """The state before each token of a chunk: of the same sequence, one step earlier."""
        schedule, name, row = writer.schedule, right.name, self._width(right) * self.bits // 8
        begin = schedule.span(first, last).start
        start, state = f"initial {name}", self.left.states[name]
        if first == 0:
            span = schedule.span(0, 1)
            index = schedule.first_rows.ctypes.data if isinstance(schedule, Ragged) else 0
            here = span.start - begin
            self._part(writer, f"first {name}", start, 0, span.stop - span.start, here, index)
        else:
            self._part(writer, f"first {name}", start, 0, 0)
        after = max(first, 1)
        if after >= last:
            self._part(writer, f"rest {name}", state, 0, 0)
            return
        span, before = schedule.span(after, last), schedule.before(after, last)
        rows, index = (0, before) if isinstance(schedule, Ragged) else (before * row, 0)
        here = span.start - begin
        self._part(writer, f"rest {name}", state, rows, span.stop - span.start, here, index)

    def _part(
        self, writer: Writer, name: str, at: str, start: int, count: int, to: int = 0,
        index: int = 0,
    ) -> None:  # fmt: skip
        """So many rows from this address on, or those at the index, to the token `to`."""
        region = name.partition(" ")[2]
        distance = to * self.fit.lanes * self.bits // 8
        writer.set(f"to {name}", distance, f"chunk right {region}")
        writer.set(f"from {name}", start, at)
        writer.set(f"count {name}", count)
        writer.set(f"index {name}", index)


class Vectors:
    """Derivatives by vectors of weights: each job adds up its own, in one row for all of them; then
    the rows are added. `numbers`: arrays of a single number, and over how many units to sum."""

    def __init__(self, fit: Fit, frame: Frame, added: Mapping[str, Place]) -> None:
        self.covered: dict[int, int] = {}
        self.numbers: dict[int, int] = {}
        width = padded(sum(fit.padded(place.size) for place in added.values()), fit.lanes)
        frame.region("added", "jobs", width)
        frame.before.add(
            ("added", 0), None, units=width, length=0, height=("jobs", 0), unit_stride=1,
            k_stride=0, panels=width // fit.lanes, panel_stride=fit.lanes, row_stride=width,
        )  # fmt: skip
        column = 0
        for name, place in added.items():
            units = fit.length(place.size)
            frame.place(place.name, "added", width, column)
            for source in fit.sources[name]:
                frame.after.add(
                    (f"sum {source.array}", source.row), ("added", column),
                    ("added", column + width), apart=width, sources=("jobs", 0), units=units,
                    length=1, height=1, unit_stride=1, k_stride=0, room=units,
                    panels=-(-units // fit.lanes), panel_stride=fit.lanes, row_stride=0,
                )  # fmt: skip
                self.covered[source.array] = self.covered.get(source.array, 0) + units
                if not fit.shape(name):
                    self.numbers[source.array] = units
            column += fit.padded(place.size)
