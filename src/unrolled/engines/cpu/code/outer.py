"""Sums of outer products: the gradients of matrices, over a chunk of tokens.

In: a table of products in words of 64 bits. Out: the address of a compiled function that
does them all; next: `backward` writes the table.

    C[u, v] (+)= sum over tokens t of A[t, u] * B[t, v]

Both sides lie in panels: of a vector of units (or columns) the numbers of every token, one token
behind the other. So a tile of a few units by a few vectors of columns reads both as two streams.
Blocks of units are dealt to the jobs, which never write the same row. C is a plain matrix, written
only where it has rows and columns.
"""

from __future__ import annotations

import functools

from llvmlite import ir

from unrolled.engines.cpu.code.tabled import TabledFunction
from unrolled.engines.cpu.code.tiles import ROWS, SIGNATURE, STREAMS, accumulators, write_tile
from unrolled.engines.cpu.machine import jit
from unrolled.engines.cpu.machine.loops import I1, I64, POINTER, VOID, least, loop, parts
from unrolled.engines.cpu.machine.target import Target, host

I32 = ir.IntType(32)
FIELDS = ("a", "a_panel", "units", "b", "b_panel", "columns", "c", "tokens", "fresh")
# Tokens at a time: what is read of B then stays near while all units go by.
BLOCK = 768


@functools.cache
def outer(bits: int) -> jit.Kernels:
    """`outer(table, first_job, last_job)` for float32 or float64 on this machine."""
    return jit.load(f"outer {bits}", lambda: module(bits, host()), ("outer",), optimise=False)


def module(bits: int, target: Target) -> ir.Module:
    """The function and its tiles in a module of their own."""
    result = ir.Module("outer")
    _Writer(result, bits, target).write()
    return result


def shape(lanes: int, target: Target) -> tuple[int, int]:
    """Units and vectors of columns of a tile: their product fills the registers. A block of units
    never reaches into the next panel."""
    rows = min(lanes, ROWS if target.vector_bytes == 64 else ROWS // 2)
    room = accumulators(target)
    return rows, min(STREAMS, room // rows)


class _Writer(TabledFunction):
    fields = FIELDS

    def __init__(self, result: ir.Module, bits: int, target: Target) -> None:
        super().__init__(result, bits, target)
        self.rows, self.vectors = shape(self.lanes, target)
        self.tiles = []
        for vectors in range(1, self.vectors + 1):
            tile = ir.Function(result, SIGNATURE, f"tile_{vectors}")
            tile.linkage = "internal"
            write_tile(tile, self.rows, vectors, self.vector, distance=self.lanes)
            self.tiles.append(tile)
        self.scratch = self.tile_scratch()
        kind = ir.FunctionType(VOID, [POINTER, I32, I32, I32])
        self.prefetch = ir.Function(result, kind, "llvm.prefetch.p0")

    def entry(self) -> None:
        builder = self.builder
        begin, end = self.share(parts(builder, self.known["units"], self.rows))
        with loop(builder, I64(0), parts(builder, self.known["tokens"], BLOCK)) as part:
            self._part(builder.mul(part, I64(BLOCK)), begin, end)

    def _part(self, token: ir.Value, begin: ir.Value, end: ir.Value) -> None:
        """Some tokens: a few vectors of columns after another, all of the job's units for each."""
        builder, known = self.builder, self.known
        length = least(builder, builder.sub(known["tokens"], token), I64(BLOCK))
        vectors = parts(builder, known["columns"], self.lanes)
        old = builder.or_(builder.icmp_signed("==", known["fresh"], I64(0)),
                          builder.icmp_signed("!=", token, I64(0)))  # fmt: skip
        with loop(builder, I64(0), parts(builder, vectors, self.vectors)) as group:
            first = builder.mul(group, I64(self.vectors))
            wide = least(builder, builder.sub(vectors, first), I64(self.vectors))
            at = builder.add(builder.mul(first, known["b_panel"]),
                             builder.mul(token, I64(self.lanes)))  # fmt: skip
            b = self.at("b", at)
            with loop(builder, begin, end) as block:
                unit = builder.mul(block, I64(self.rows))
                self._fetch(unit, first)
                self._tile(unit, token, b, wide, length)
                self._add(unit, first, wide, old)

    def _fetch(self, unit: ir.Value, first: ir.Value) -> None:
        """Ask for what of C the tile will be added to: its rows lie far apart."""
        builder, known = self.builder, self.known
        column = builder.mul(first, I64(self.lanes))
        to = self.at("c", builder.add(builder.mul(unit, known["columns"]), column))
        for r in range(self.rows):
            row = builder.gep(
                to, [builder.mul(known["columns"], I64(r))], source_etype=self.element
            )
            for n in range(self.vectors):
                at = builder.gep(row, [I64(n * self.lanes)], source_etype=self.element)
                builder.call(self.prefetch, [at, I32(1), I32(3), I32(1)])

    def _tile(
        self, unit: ir.Value, token: ir.Value, b: ir.Value, wide: ir.Value, length: ir.Value
    ) -> None:
        """One tile's products, into scratch."""
        builder, known = self.builder, self.known
        panel = builder.sdiv(unit, I64(self.lanes))
        inside = builder.srem(unit, I64(self.lanes))
        number = builder.add(builder.mul(panel, known["a_panel"]),
                             builder.add(builder.mul(token, I64(self.lanes)), inside))  # fmt: skip
        a = self.at("a", number)
        done = builder.append_basic_block("tiled")
        switch = builder.switch(wide, done)
        for vectors, tile in enumerate(self.tiles, 1):
            case = builder.append_basic_block(f"vectors_{vectors}")
            switch.add_case(I64(vectors), case)
            builder.position_at_end(case)
            c = builder.gep(self.scratch, [I64(0)], source_etype=self.vector)
            builder.call(tile, [a, I64(1), b, known["b_panel"], length, c, I1(0)])
            builder.branch(done)
        builder.position_at_end(done)

    def _add(self, unit: ir.Value, first: ir.Value, wide: ir.Value, old: ir.Value) -> None:
        """Scratch to the rows and columns that C has: whole vectors, or number by number."""
        builder, known = self.builder, self.known
        rows = least(builder, builder.sub(known["units"], unit), I64(self.rows))
        with loop(builder, I64(0), rows) as r, loop(builder, I64(0), wide) as n:
            column = builder.mul(builder.add(first, n), I64(self.lanes))
            number = builder.add(builder.mul(builder.add(unit, r), known["columns"]), column)
            to = self.at("c", number)
            slot = builder.add(builder.mul(n, I64(ROWS)), r)
            source = builder.gep(self.scratch, [slot], source_etype=self.vector)
            left = builder.sub(known["columns"], column)
            whole = builder.icmp_signed(">=", left, I64(self.lanes))
            with builder.if_else(whole) as (vector, numbers):
                with vector:
                    self._sum(source, to, self.vector, old)
                with numbers, loop(builder, I64(0), left) as lane:
                    one, other = (builder.gep(p, [lane], source_etype=self.element)
                                  for p in (source, to))  # fmt: skip
                    self._sum(one, other, self.element, old)

    def _sum(self, source: ir.Value, to: ir.Value, type_: ir.Type, old: ir.Value) -> None:
        """What was there is nothing where C is new: it is not read as a number."""
        builder = self.builder
        value = builder.load(source, align=4, typ=type_)
        zero = ir.Constant(type_, 0.0 if type_ is self.element else [0.0] * self.lanes)
        before = builder.select(old, builder.load(to, align=4, typ=type_), zero)
        builder.store(builder.fadd(before, value), to, align=4)
