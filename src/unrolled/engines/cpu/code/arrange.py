"""Copies that bring numbers into the order in which kernels read them, and results back.

In: a table of copies in words of 64 bits. Out: the address of a compiled function that
does them all; next: `frame` writes the table. A weight becomes panels (as many units side by side
as a vector has lanes), a state rows of whole vectors, and what starts at nothing zeros:

    to[p * panel_stride + k * row_stride + lane] = from[u * unit_stride + row(k) * k_stride],
        u = p * lanes + lane < units  and  k < length,    for k < height; 0 elsewhere

`row(k)` is k, or the k-th of the whole numbers at `index`. `from` may be no address, which is all
zeros. Where there are more `sources` than one, the second, and further ones `apart` from one
another, are added. `to` is written only where u < `room`. Threads share the work: of every copy the
panels are dealt to the jobs, or the rows where the numbers of a row lie side by side, so that each
side is read and written in long runs.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

from llvmlite import ir

from unrolled.engines.cpu.code.tabled import TabledFunction
from unrolled.engines.cpu.machine import jit
from unrolled.engines.cpu.machine.loops import I64, POINTER, least, loop, most, parts
from unrolled.engines.cpu.machine.target import Target, host

FIELDS = ("to", "from", "second", "apart", "sources", "units", "length", "height", "unit_stride",
          "k_stride", "index", "panels", "panel_stride", "row_stride", "room")  # fmt: skip
# Rows at a time where a row's numbers lie side by side: each panel then gets a run of 2 KB.
BLOCK = 32


@functools.cache
def arrange(bits: int) -> jit.Kernels:
    """`arrange(table, first_job, last_job)` for float32 or float64 on this machine."""
    return jit.load(f"arrange {bits}", lambda: module(bits, host()), ("arrange",), optimise=False)


def module(bits: int, target: Target) -> ir.Module:
    """The function in a module of its own."""
    result = ir.Module("arrange")
    _Writer(result, bits, target).write()
    return result


class _Writer(TabledFunction):
    fields = FIELDS

    def __init__(self, result: ir.Module, bits: int, target: Target) -> None:
        super().__init__(result, bits, target)
        self.sum = self.builder.alloca(self.vector)

    def entry(self) -> None:
        """Rows whose numbers lie side by side: block by block; others, panel by panel."""
        builder, known = self.builder, self.known
        self.is_line = builder.icmp_signed("==", known["unit_stride"], I64(1))
        step = builder.select(self.is_line, I64(BLOCK), known["height"])
        blocks = builder.select(self.is_line, parts(builder, known["height"], BLOCK), I64(1))
        first, last = self.share(blocks)
        first = builder.select(self.is_line, first, I64(0))
        last = builder.select(self.is_line, last, I64(1))
        begin, end = self.share(known["panels"])
        begin = builder.select(self.is_line, I64(0), begin)
        end = builder.select(self.is_line, known["panels"], end)
        with loop(builder, first, last) as block:
            row = builder.mul(block, step)
            self.rows = row, least(builder, builder.add(row, step), known["height"])
            with loop(builder, begin, end) as panel:
                self._panel(panel)

    def _panel(self, panel: ir.Value) -> None:
        """Some rows of a panel: zeros, whole vectors, squares turned over, or number by number."""
        builder, known = self.builder, self.known
        unit = builder.mul(panel, I64(self.lanes))
        self.left = builder.sub(known["units"], unit)
        self.room = builder.sub(known["room"], unit)
        self.has_room = builder.icmp_signed(">=", self.room, I64(self.lanes))
        self.to = self.at("to", builder.mul(panel, known["panel_stride"]))
        begin = builder.mul(unit, known["unit_stride"])
        self.source, self.second = self.at("from", begin), self.at("second", begin)
        self.has_index = builder.icmp_signed("!=", known["index"], I64(0))
        lines, squares, length = self._parts()
        with loop(self.builder, self.rows[0], lines) as k:
            self._store_vector(self._line(k), k)
        with loop(self.builder, I64(0), builder.sdiv(squares, I64(self.lanes))) as block:
            self._square(builder.mul(block, I64(self.lanes)))
        with loop(self.builder, most(builder, lines, squares), length) as k:
            self._numbers(k)
        with loop(self.builder, most(builder, self.rows[0], length), self.rows[1]) as k:
            self._store(self.zero, k)

    def _parts(self) -> tuple[ir.Value, ir.Value, ir.Value]:
        """Up to which k the rows are whole vectors, up to which they stand in squares, and up to
        which they are given."""
        builder, known = self.builder, self.known
        is_given = builder.icmp_signed("!=", known["from"], I64(0))
        is_whole = builder.icmp_signed(">=", self.left, I64(self.lanes))
        length = builder.select(is_given, known["length"], I64(0))
        length = least(builder, length, self.rows[1])
        is_alone = builder.icmp_signed("==", known["sources"], I64(1))
        is_flat = builder.icmp_signed("==", known["k_stride"], I64(1))
        is_square = builder.and_(is_flat, builder.and_(is_alone, builder.not_(self.has_index)))
        lines = builder.select(builder.and_(is_whole, self.is_line), length, self.rows[0])
        turn = builder.and_(is_whole, builder.and_(is_square, builder.not_(self.is_line)))
        squares = builder.select(turn, builder.and_(length, I64(-self.lanes)), I64(0))
        return lines, squares, length

    def _row(self, k: ir.Value) -> ir.Value:
        """Where the k-th row of the source begins."""
        builder = self.builder
        before = builder.block
        with builder.if_then(self.has_index):
            index = builder.inttoptr(self.known["index"], POINTER)
            found = builder.load(builder.gep(index, [k], source_etype=I64), typ=I64)
            inside = builder.block
        row = builder.phi(I64)
        row.add_incoming(k, before)
        row.add_incoming(found, inside)
        return builder.mul(row, self.known["k_stride"])

    def _line(self, k: ir.Value) -> ir.Value:
        """A vector whose numbers lie side by side."""
        at = self._row(k)

        def load(source: ir.Value) -> ir.Value:
            pointer = self.builder.gep(source, [at], source_etype=self.element)
            return self.builder.load(pointer, align=4, typ=self.vector)

        return self._summed(load)

    def _numbers(self, k: ir.Value) -> None:
        """A vector number by number; behind the last unit its number again, and then zero."""
        builder, known = self.builder, self.known
        at = self._row(k)

        def load(source: ir.Value) -> ir.Value:
            value = self.zero
            for lane in range(self.lanes):
                is_unit = builder.icmp_signed("<", I64(lane), self.left)
                unit = builder.select(is_unit, I64(lane), builder.sub(self.left, I64(1)))
                number = builder.add(builder.mul(unit, known["unit_stride"]), at)
                pointer = builder.gep(source, [number], source_etype=self.element)
                found = builder.load(pointer, typ=self.element)
                found = builder.select(is_unit, found, ir.Constant(self.element, 0.0))
                value = builder.insert_element(value, found, ir.IntType(32)(lane))
            return value

        self._store(self._summed(load), k)

    def _summed(self, load: Callable[[ir.Value], ir.Value]) -> ir.Value:
        """What the sources hold, added up."""
        builder, known = self.builder, self.known
        builder.store(load(self.source), self.sum)
        with loop(builder, I64(1), known["sources"]) as source:
            apart = builder.mul(builder.sub(source, I64(1)), known["apart"])
            more = load(builder.gep(self.second, [apart], source_etype=self.element))
            builder.store(builder.fadd(builder.load(self.sum, typ=self.vector), more), self.sum)
        return builder.load(self.sum, typ=self.vector)

    def _square(self, k: ir.Value) -> None:
        """As many units as a vector has lanes by as many k: rows become columns, in log2 steps."""
        builder = self.builder
        rows = []
        for lane in range(self.lanes):
            number = builder.add(builder.mul(I64(lane), self.known["unit_stride"]), k)
            pointer = builder.gep(self.source, [number], source_etype=self.element)
            rows.append(builder.load(pointer, align=4, typ=self.vector))
        for row, value in enumerate(turned(builder, rows)):
            self._store_vector(value, builder.add(k, I64(row)))

    def _place(self, k: ir.Value) -> ir.Value:
        at = self.builder.mul(k, self.known["row_stride"])
        return self.builder.gep(self.to, [at], source_etype=self.element)

    def _store_vector(self, value: ir.Value, k: ir.Value) -> None:
        """There is room for all units, so for a vector of them."""
        self.builder.store(value, self._place(k), align=4)

    def _store(self, value: ir.Value, k: ir.Value) -> None:
        """A vector, or as many of its numbers as there is room for."""
        builder, to = self.builder, self._place(k)
        with builder.if_else(self.has_room) as (whole, numbers):
            with whole:
                builder.store(value, to, align=4)
            with numbers:
                builder.store(value, self.sum)
                with loop(builder, I64(0), self.room) as lane:
                    one = builder.gep(self.sum, [lane], source_etype=self.element)
                    there = builder.gep(to, [lane], source_etype=self.element)
                    builder.store(builder.load(one, typ=self.element), there)


def turned(builder: ir.IRBuilder, rows: list[ir.Value]) -> list[ir.Value]:
    """A square of vectors, its rows made columns: in step s neighbours at a distance of s swap."""
    count = len(rows)
    rows = [*rows]
    step = 1
    while step < count:
        for i in range(count):
            if i & step:
                continue
            a, b = rows[i], rows[i + step]
            low = [lane if not lane & step else count + lane - step for lane in range(count)]
            high = [lane + step if not lane & step else count + lane for lane in range(count)]
            rows[i] = _shuffled(builder, a, b, low)
            rows[i + step] = _shuffled(builder, a, b, high)
        step *= 2
    return rows


def _shuffled(builder: ir.IRBuilder, a: ir.Value, b: ir.Value, lanes: list[int]) -> ir.Value:
    mask = ir.Constant(ir.VectorType(ir.IntType(32), len(lanes)), lanes)
    return builder.shuffle_vector(a, b, mask)
