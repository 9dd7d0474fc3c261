"""Copies that bring numbers into the order in which kernels read them.

Comes in: a table of copies in words of 64 bits. Goes out: the address of a compiled function that
does them all; next: `frame` writes the table. A weight becomes panels (as many units side by side
as a vector has lanes), a state rows of whole vectors, and what starts at nothing zeros:

    to[p * panel_stride + k * row_stride + lane] = from[u * unit_stride + k * k_stride],
        u = p * lanes + lane < units  and  k < length,    for k < height; 0 elsewhere

`from` may be no address, which is all zeros, and `more` is a second source that is added. The
panels of every copy are dealt to the jobs, so threads share the work.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

from llvmlite import ir

from unrolled.engines.cpu import jit
from unrolled.engines.cpu.loops import loop
from unrolled.engines.cpu.tabled import TabledFunction
from unrolled.engines.cpu.target import Target, host
from unrolled.engines.cpu.tiles import I64

FIELDS = ("to", "from", "more", "units", "length", "height", "unit_stride", "k_stride", "panels",
          "panel_stride", "row_stride")  # fmt: skip


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

    def entry(self) -> None:
        with loop(self.builder, *self.share(self.known["panels"])) as panel:
            self._panel(panel)

    def _panel(self, panel: ir.Value) -> None:
        """One panel of one copy: zeros, whole vectors, squares turned over, or number by number."""
        builder, known = self.builder, self.known
        self.unit = builder.mul(panel, I64(self.lanes))
        self.left = builder.sub(known["units"], self.unit)
        self.to = self.at("to", builder.mul(panel, known["panel_stride"]))
        begin = builder.mul(self.unit, known["unit_stride"])
        self.source = self.at("from", begin)
        self.second = self.at("more", begin)
        self.has_second = builder.icmp_signed("!=", known["more"], I64(0))
        is_given = builder.icmp_signed("!=", known["from"], I64(0))
        is_whole = builder.icmp_signed(">=", self.left, I64(self.lanes))
        length = builder.select(is_given, known["length"], I64(0))
        is_line = builder.icmp_signed("==", known["unit_stride"], I64(1))
        is_square = builder.and_(builder.icmp_signed("==", known["k_stride"], I64(1)),
                                 builder.not_(self.has_second))  # fmt: skip
        lines = builder.select(builder.and_(is_whole, is_line), length, I64(0))
        whole = builder.and_(length, I64(-self.lanes))
        turn = builder.and_(is_whole, builder.and_(is_square, builder.not_(is_line)))
        squares = builder.select(turn, whole, I64(0))
        with loop(self.builder, I64(0), lines) as k:
            self._line(k)
        with loop(self.builder, I64(0), builder.sdiv(squares, I64(self.lanes))) as block:
            self._square(builder.mul(block, I64(self.lanes)))
        with loop(self.builder, builder.add(lines, squares), length) as k:
            self._numbers(k)
        with loop(self.builder, length, known["height"]) as k:
            self._store(self.zero, k)

    def _line(self, k: ir.Value) -> None:
        """A vector whose numbers lie side by side."""
        at = self.builder.mul(k, self.known["k_stride"])

        def load(source: ir.Value) -> ir.Value:
            pointer = self.builder.gep(source, [at], source_etype=self.element)
            return self.builder.load(pointer, align=4, typ=self.vector)

        self._store(self._with_second(load), k)

    def _numbers(self, k: ir.Value) -> None:
        """A vector number by number; behind the last unit its number again, and then zero."""
        builder, known = self.builder, self.known
        at = builder.mul(k, known["k_stride"])

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

        self._store(self._with_second(load), k)

    def _with_second(self, load: Callable[[ir.Value], ir.Value]) -> ir.Value:
        builder = self.builder
        value = load(self.source)
        before = builder.block
        with builder.if_then(self.has_second):
            total = builder.fadd(value, load(self.second))
            inside = builder.block
        result = builder.phi(self.vector)
        result.add_incoming(value, before)
        result.add_incoming(total, inside)
        return result

    def _square(self, k: ir.Value) -> None:
        """As many units as a vector has lanes by as many k: rows become columns, in log2 steps."""
        builder = self.builder
        rows = []
        for lane in range(self.lanes):
            number = builder.add(builder.mul(I64(lane), self.known["unit_stride"]), k)
            pointer = builder.gep(self.source, [number], source_etype=self.element)
            rows.append(builder.load(pointer, align=4, typ=self.vector))
        for row, value in enumerate(turned(builder, rows)):
            self._store(value, builder.add(k, I64(row)))

    def _store(self, value: ir.Value, k: ir.Value) -> None:
        at = self.builder.mul(k, self.known["row_stride"])
        pointer = self.builder.gep(self.to, [at], source_etype=self.element)
        self.builder.store(value, pointer, align=4)


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
