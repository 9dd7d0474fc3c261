"""Matrices of bfloat16 in the order in which tiles read them.

In: a table of matrices in words of 64 bits. Out: the address of a compiled function that
packs them all; next: `bind` writes the table. Two numbers along k make one word of 32 bits, as
`vdpbf16ps` wants them, and as one load serves two steps of a product elsewhere:

    to[p * panel_stride + (k // 2) * 2 * lanes + 2 * lane + k % 2] = from[u * unit_stride + k * k_stride],
        u = p * lanes + lane < units  and  k < length,    for k < height, which is even; 0 elsewhere

Strides are in numbers of 16 bits. Panels are dealt to the jobs.
"""  # noqa: E501

from __future__ import annotations

import functools

from llvmlite import ir

from unrolled.engines.cpu.code.arrange import turned
from unrolled.engines.cpu.code.halves import BYTES, I16, I32
from unrolled.engines.cpu.code.tabled import TabledFunction
from unrolled.engines.cpu.machine import jit
from unrolled.engines.cpu.machine.loops import I64, POINTER, loop, parts
from unrolled.engines.cpu.machine.target import Target, host

FIELDS = ("to", "from", "units", "length", "height", "unit_stride", "k_stride", "panels",
          "panel_stride")  # fmt: skip


@functools.cache
def pairs() -> jit.Kernels:
    """`pairs(table, first_job, last_job)` for bfloat16 on this machine."""
    return jit.load("pairs", lambda: module(host()), ("pairs",), optimise=False)


def module(target: Target) -> ir.Module:
    """The function in a module of its own."""
    result = ir.Module("pairs")
    _Writer(result, 32, target).write()
    return result


class _Writer(TabledFunction):
    fields = FIELDS

    def __init__(self, result: ir.Module, bits: int, target: Target) -> None:
        super().__init__(result, bits, target)
        self.words = ir.VectorType(I32, self.lanes)

    def entry(self) -> None:
        """Panel by panel: squares of words turned over, whole rows, or number by number."""
        builder, known = self.builder, self.known
        begin, end = self.share(known["panels"])
        whole = builder.sdiv(known["length"], I64(2))
        is_line = builder.icmp_signed("==", known["unit_stride"], I64(1))
        is_flat = builder.icmp_signed("==", known["k_stride"], I64(1))
        with loop(builder, begin, end) as panel:
            self.unit = builder.mul(panel, I64(self.lanes))
            self.to = self._half("to", builder.mul(panel, known["panel_stride"]))
            left = builder.sub(known["units"], self.unit)
            is_whole = builder.icmp_signed(">=", left, I64(self.lanes))
            squares = builder.select(builder.and_(is_flat, is_whole),
                                     builder.sdiv(whole, I64(self.lanes)), I64(0))  # fmt: skip
            turn = builder.mul(squares, I64(self.lanes))
            lines = builder.select(builder.and_(is_line, is_whole), whole, turn)
            with loop(builder, I64(0), squares) as square:
                self._square(builder.mul(square, I64(self.lanes)))
            with loop(builder, turn, lines) as pair:
                self._line(pair)
            with loop(builder, lines, parts(builder, known["height"], 2)) as pair:
                self._numbers(pair, left)

    def _square(self, pair: ir.Value) -> None:
        """As many units as a vector has lanes by as many words: rows become columns."""
        builder = self.builder
        rows = []
        for lane in range(self.lanes):
            at = self._from(I64(lane), builder.mul(pair, I64(2)))
            rows.append(builder.load(at, align=BYTES, typ=self.words))
        for row, value in enumerate(turned(builder, rows)):
            builder.store(value, self._word_at(builder.add(pair, I64(row))), align=BYTES)

    def _line(self, pair: ir.Value) -> None:
        """Two rows whose units lie side by side."""
        builder, halves = self.builder, ir.VectorType(I16, self.lanes)
        low, high = (
            builder.zext(builder.load(self._from(I64(0), k), align=BYTES, typ=halves), self.words)
            for k in self._both(pair)
        )
        upper = builder.shl(high, ir.Constant(self.words, [16] * self.lanes))
        builder.store(builder.or_(low, upper), self._word_at(pair), align=BYTES)

    def _numbers(self, pair: ir.Value, left: ir.Value) -> None:
        """A word for each lane; zero behind the last unit, and behind the last k."""
        builder, known = self.builder, self.known
        with loop(builder, I64(0), I64(self.lanes)) as lane:
            for half, k in enumerate(self._both(pair)):
                is_there = builder.and_(builder.icmp_signed("<", lane, left),
                                        builder.icmp_signed("<", k, known["length"]))  # fmt: skip
                at = self._from(builder.select(is_there, lane, I64(0)),
                                builder.select(is_there, k, I64(0)))  # fmt: skip
                number = builder.load(at, align=BYTES, typ=I16)
                number = builder.select(is_there, number, I16(0))
                place = builder.add(builder.mul(lane, I64(2)), I64(half))
                to = builder.gep(self._word_at(pair), [place], source_etype=I16)
                builder.store(number, to, align=BYTES)

    def _both(self, pair: ir.Value) -> tuple[ir.Value, ir.Value]:
        first = self.builder.mul(pair, I64(2))
        return first, self.builder.add(first, I64(1))

    def _from(self, lane: ir.Value, k: ir.Value) -> ir.Value:
        """Where a unit of this panel has its k-th number."""
        builder, known = self.builder, self.known
        unit = builder.add(self.unit, lane)
        number = builder.add(builder.mul(unit, known["unit_stride"]),
                             builder.mul(k, known["k_stride"]))  # fmt: skip
        return self._half("from", number)

    def _word_at(self, pair: ir.Value) -> ir.Value:
        number = self.builder.mul(pair, I64(2 * self.lanes))
        return self.builder.gep(self.to, [number], source_etype=I16)

    def _half(self, field: str, number: ir.Value) -> ir.Value:
        pointer = self.builder.inttoptr(self.known[field], POINTER)
        return self.builder.gep(pointer, [number], source_etype=I16)
