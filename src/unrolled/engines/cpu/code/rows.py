"""Products of many rows with packed weights, for all time steps at once.

In: a table of products in words of 64 bits. Out: the address of a compiled function that
does them all; next: `forward` (the input's products) and `backward` (the derivative by the input).

    C[r, p * lanes + lane] (+)= sum over k of A[r, k] * B[p][k][lane]

Rows are tokens, and B is a weight in the panels of `run`, so a single sequence reads it once for a
few steps rather than at every one. Rows are dealt to the jobs. C has whole vectors.
"""

from __future__ import annotations

import functools

from llvmlite import ir

from unrolled.engines.cpu.code.tabled import TabledFunction
from unrolled.engines.cpu.code.tiles import ROWS, SIGNATURE, STREAMS, index, most_rows
from unrolled.engines.cpu.machine import jit
from unrolled.engines.cpu.machine.loops import I1, I64, POINTER, least, loop, parts
from unrolled.engines.cpu.machine.target import Target, host

FIELDS = ("a", "a_stride", "rows", "b", "panels", "length", "c", "c_stride", "add")


@functools.cache
def rows(bits: int, *, half: bool = False) -> jit.Kernels:
    """`rows(table, first_job, last_job)` for float32 or float64 on this machine; with `half` for
    weights of bfloat16."""
    name = f"rows {bits}{' of pairs' if half else ''}"
    return jit.load(name, lambda: module(bits, host(), half=half), ("rows",), optimise=False)


def module(bits: int, target: Target, *, half: bool = False) -> ir.Module:
    """The function in a module of its own; its tiles are those of `tiles`, or of `half_tiles`."""
    result = ir.Module("rows")
    _Writer(result, bits, target, half).write()
    return result


class _Writer(TabledFunction):
    fields = FIELDS
    more_header = ("tiles",)

    def __init__(self, result: ir.Module, bits: int, target: Target, half: bool) -> None:
        super().__init__(result, bits, target)
        self.half = half
        self.most = most_rows(STREAMS, target)
        self.scratch = self.tile_scratch()

    def entry(self) -> None:
        builder, panels = self.builder, self.known["panels"]
        begin, end = self.share(self.known["rows"])
        with loop(builder, I64(0), parts(builder, panels, STREAMS)) as group:
            panel = builder.mul(group, I64(STREAMS))
            wide = least(builder, builder.sub(panels, panel), I64(STREAMS))
            count = builder.sub(end, begin)
            with loop(builder, I64(0), parts(builder, count, self.most)) as part:
                row = builder.add(begin, builder.mul(part, I64(self.most)))
                few = least(builder, builder.sub(end, row), I64(self.most))
                self._tile(row, few, panel, wide)

    def _tile(self, row: ir.Value, few: ir.Value, panel: ir.Value, wide: ir.Value) -> None:
        """A few rows by a few panels, and its vectors to their places."""
        builder, known = self.builder, self.known
        high = parts(builder, known["length"], 2) if self.half else known["length"]
        stream = builder.mul(high, I64(self.lanes))
        a = self.at("a", builder.mul(row, known["a_stride"]))
        b = self.at("b", builder.mul(panel, stream))
        slot = builder.add(builder.mul(wide, I64(index(0, 1))), few)
        words = builder.inttoptr(self.header["tiles"], POINTER)
        word = builder.load(builder.gep(words, [slot], source_etype=I64), typ=I64)
        tile = builder.inttoptr(word, SIGNATURE.as_pointer())
        scratch = builder.gep(self.scratch, [I64(0)], source_etype=self.vector)
        builder.call(tile, [a, known["a_stride"], b, stream, known["length"], scratch, I1(0)])
        with loop(builder, I64(0), few) as r, loop(builder, I64(0), wide) as n:
            number = builder.add(builder.mul(n, I64(ROWS)), r)
            source = builder.gep(self.scratch, [number], source_etype=self.vector)
            column = builder.mul(builder.add(panel, n), I64(self.lanes))
            offset = builder.mul(builder.add(row, r), known["c_stride"])
            to = self.at("c", builder.add(offset, column))
            self._store(builder.load(source, align=4, typ=self.vector), to)

    def _store(self, value: ir.Value, to: ir.Value) -> None:
        """Beside what is there, or instead of it: it is then not read as a number."""
        builder = self.builder
        old = builder.icmp_signed("!=", self.known["add"], I64(0))
        before = builder.select(old, builder.load(to, align=4, typ=self.vector), self.zero)
        builder.store(builder.fadd(before, value), to, align=4)
