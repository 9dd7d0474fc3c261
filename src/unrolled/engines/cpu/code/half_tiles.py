"""The tiles of `tiles` for weights of bfloat16 that lie in pairs (`pairs`): two numbers along k in
each word of 32 bits.

In: a machine. Out: `Tiles`, called as the others are, with strides in words; next:
`emit` and `rows`. Sums are float32, and there are two ways:

- widened: a word shifted to the left is the even number, and without its lower half the odd one.
  The products are those of float32, in the same order: the results are the same to the last bit as
  with weights that were widened before.
- multiplied as they are, where the machine has `vdpbf16ps`: it adds two products of bfloat16 to
  each sum of float32. Rows are rounded to bfloat16 first, block by block, into memory of the tile's
  own. `lowered` writes the same with other instructions, for machines that do not have this one.
"""

from __future__ import annotations

import functools

from llvmlite import ir

from unrolled.engines.cpu.code import halves
from unrolled.engines.cpu.code.halves import BYTES, I16, I32
from unrolled.engines.cpu.code.lanes import Lanes
from unrolled.engines.cpu.code.peak import BFloat, dot
from unrolled.engines.cpu.code.tiles import (
    SIGNATURE,
    STREAMS,
    Begun,
    Tiles,
    begin_tile,
    loop_over,
    most_rows,
    name_of,
    names_of,
    odd_one,
    spread,
    tabled,
    turns_of,
)
from unrolled.engines.cpu.machine import jit
from unrolled.engines.cpu.machine.loops import I64, POINTER, least, loop, most, parts
from unrolled.engines.cpu.machine.target import Target, host

BLOCK = 512  # pairs of each row that are rounded at a time: 2 KB
ROUND = "llvm.x86.avx512bf16.cvtneps2bf16.512"


@functools.cache
def half_tiles(*, lowered: bool = False) -> Tiles:
    """The tiles on this machine; `lowered`: those of `vdpbf16ps`, without it."""
    target = host()
    names = names_of(target)
    kernels = jit.load(f"tiles of pairs {lowered}", lambda: module(target, lowered=lowered), names,
                       optimise=False)  # fmt: skip
    return tabled(kernels, target)


def module(target: Target, *, lowered: bool = False) -> ir.Module:
    """All tiles in one module."""
    result = ir.Module("tiles")
    vector = ir.VectorType(ir.FloatType(), target.lanes(32))
    for streams in range(1, STREAMS + 1):
        for rows in range(1, most_rows(streams, target) + 1):
            function = ir.Function(result, SIGNATURE, name_of(rows, streams))
            if target.multiplies_bfloat16 or lowered:
                _Dot(function, rows, streams, vector, lowered=lowered).write()
            else:
                _write_widened(function, rows, streams, vector)
    return result


def _write_widened(function: ir.Function, rows: int, streams: int, vector: ir.VectorType) -> None:
    tile = begin_tile(function, rows, streams, vector)
    builder, turns = tile.builder, turns_of(rows, streams)
    masks = _masks(builder, streams, vector)
    sums = [*tile.start, *([tile.zero] * len(tile.start) * (turns - 1))]

    def pair(values: list[ir.Value], k: ir.Value) -> list[ir.Value]:
        """The even number for the first sums; the odd one for the second, if there are two."""
        count = len(tile.start)
        first = _multiply_add(tile, vector, values[:count], k)
        second = _multiply_add(tile, vector, values[count:] or first, k, masks)
        return first + second if turns > 1 else second

    whole = builder.sdiv(tile.length, I64(2))
    k, (found,) = loop_over(builder, [sums], whole, pair)
    total = found[: len(tile.start)]
    if turns > 1:
        total = [builder.fadd(a, b) for a, b in zip(total, found[len(total) :], strict=True)]
    last = lambda values, k: _multiply_add(tile, vector, values, k)  # noqa: E731
    total = odd_one(builder, total, k, parts(builder, tile.length, 2), last)
    for value, pointer in zip(total, tile.c_at, strict=True):
        builder.store(value, pointer, align=4)
    builder.ret_void()


def _masks(builder: ir.IRBuilder, streams: int, vector: ir.VectorType) -> list[ir.Value]:
    """What leaves the upper halves of words, in memory: a register for it would be one too many,
    and so would be a mask that is the same for all streams."""
    words = ir.VectorType(I32, vector.count)
    with builder.goto_entry_block():
        room = builder.alloca(ir.ArrayType(words, streams))
        room.align = 64
        places = [builder.gep(room, [I64(n)], source_etype=words) for n in range(streams)]
        for place in places:
            at = builder.inttoptr(builder.ptrtoint(place, I64), POINTER)
            builder.store(ir.Constant(words, [-0x10000] * vector.count), at, align=4)
    return places


def _multiply_add(
    tile: Begun, vector: ir.VectorType, sums: list[ir.Value], pair: ir.Value,
    masks: list[ir.Value] | None = None,
) -> list[ir.Value]:  # fmt: skip
    """One step of k, the even or (with `masks`) the odd one of a pair: every row's number times
    every stream's vector."""
    builder, lanes = tile.builder, Lanes(tile.builder, vector)
    words = ir.VectorType(I32, vector.count)
    k = builder.add(builder.mul(pair, I64(2)), I64(0 if masks is None else 1))
    numbers = []
    for row in tile.a_rows:
        at = builder.gep(row, [k], source_etype=vector.element)
        numbers.append(spread(builder, builder.load(at, typ=vector.element), vector))
    offset = builder.mul(pair, I64(vector.count))
    if masks:  # no registers are left to hold the words: what adds 0 has them loaded again
        offset = builder.add(offset, builder.lshr(tile.length, I64(62)))
    result, streams = [*sums], len(tile.b_starts)
    for n, start in enumerate(tile.b_starts):
        at = builder.gep(start, [offset], source_etype=I32)
        word = builder.load(at, align=4, typ=words)
        if masks:
            bits = builder.and_(word, builder.load(masks[n], align=4, typ=words))
        else:
            bits = builder.shl(word, ir.Constant(words, [16] * vector.count))
        weight = builder.bitcast(bits, vector)
        for r, number in enumerate(numbers):
            result[r * streams + n] = lanes.fma(number, weight, sums[r * streams + n])
    return result


class _Dot:
    """A tile of `vdpbf16ps`, or with `lowered` of what it does."""

    def __init__(
        self,
        function: ir.Function,
        rows: int,
        streams: int,
        vector: ir.VectorType,
        *,
        lowered: bool,
    ) -> None:
        self.tile = begin_tile(function, rows, streams, vector)
        self.builder, self.vector, self.lowered = self.tile.builder, vector, lowered
        self.words = ir.VectorType(I32, vector.count)
        self.row = function.args[1]  # from one to the next
        with self.builder.goto_entry_block():
            room = self.builder.alloca(ir.ArrayType(I32, rows * BLOCK))
            room.align = 64
            self.room = self.builder.inttoptr(self.builder.ptrtoint(room, I64), POINTER)  # untyped

    def write(self) -> None:
        """Block after block of k: rows are rounded, and multiplied; sums wait in C in between."""
        builder, tile = self.builder, self.tile
        for value, pointer in zip(tile.start, tile.c_at, strict=True):
            builder.store(value, pointer, align=4)
        pairs = parts(builder, tile.length, 2)
        with loop(builder, I64(0), parts(builder, pairs, BLOCK)) as block:
            first = builder.mul(block, I64(BLOCK))
            count = least(builder, builder.sub(pairs, first), I64(BLOCK))
            with loop(builder, I64(0), I64(len(tile.a_rows))) as r:
                self._round(r, builder.mul(first, I64(2)), count)
            sums = [builder.load(at, align=4, typ=self.vector) for at in tile.c_at]
            step = functools.partial(self._step, first)
            _, (found,) = loop_over(builder, [sums], count, step)
            for value, pointer in zip(found, tile.c_at, strict=True):
                builder.store(value, pointer, align=4)
        builder.ret_void()

    def _round(self, r: ir.Value, k: ir.Value, count: ir.Value) -> None:
        """A row's numbers from k on into so many words: vector by vector, the rest one by one, and
        zero behind the last."""
        builder, tile, lanes = self.builder, self.tile, self.vector.count
        start = builder.add(builder.mul(self.row, r), k)
        row = builder.gep(tile.a_rows[0], [start], source_etype=self.vector.element)
        left = least(builder, builder.sub(tile.length, k), builder.mul(count, I64(2)))
        whole = builder.mul(builder.sdiv(left, I64(lanes)), I64(lanes))
        to = builder.gep(self.room, [builder.mul(r, I64(BLOCK))], source_etype=I32)
        with loop(builder, I64(0), builder.sdiv(whole, I64(lanes))) as part:
            number = builder.mul(part, I64(lanes))
            at = builder.gep(row, [number], source_etype=self.vector.element)
            value = builder.load(at, align=4, typ=self.vector)
            self._store(value, builder.gep(to, [number], source_etype=I16))
        one = ir.VectorType(ir.FloatType(), 1)
        with loop(builder, whole, left) as number:
            at = builder.gep(row, [number], source_etype=self.vector.element)
            value = builder.load(at, align=4, typ=one)
            halves.store(builder, value, builder.gep(to, [number], source_etype=I16))
        with loop(builder, most(builder, whole, left), builder.mul(count, I64(2))) as number:
            builder.store(I16(0), builder.gep(to, [number], source_etype=I16), align=BYTES)

    def _store(self, value: ir.Value, to: ir.Value) -> None:
        if self.lowered:
            halves.store(self.builder, value, to)
            return
        found = ir.VectorType(BFloat(), self.vector.count)
        kind = ir.FunctionType(found, [self.vector])
        module = self.builder.module
        function = module.globals.get(ROUND) or ir.Function(module, kind, ROUND)
        self.builder.store(self.builder.call(function, [value]), to, align=BYTES)

    def _step(self, first: ir.Value, sums: list[ir.Value], pair: ir.Value) -> list[ir.Value]:
        """A pair of k: every row's word times every stream's words."""
        builder, tile = self.builder, self.tile
        offset = builder.mul(builder.add(first, pair), I64(self.vector.count))
        weights = []
        for start in tile.b_starts:
            at = builder.gep(start, [offset], source_etype=I32)
            weights.append(builder.load(at, align=4, typ=self.words))
        result = []
        for r in range(len(tile.a_rows)):
            place = builder.add(pair, I64(r * BLOCK))
            word = builder.load(builder.gep(self.room, [place], source_etype=I32), typ=I32)
            both = spread(builder, word, self.words)
            for n, weight in enumerate(weights):
                result.append(self._dot(sums[r * len(weights) + n], both, weight))
        return result

    def _dot(self, value: ir.Value, a: ir.Value, b: ir.Value) -> ir.Value:
        """value + a1 b1 + a0 b0, the odd numbers first."""
        builder = self.builder
        if not self.lowered:
            pairs = ir.VectorType(BFloat(), 2 * self.vector.count)
            return dot(builder, value, builder.bitcast(a, pairs), builder.bitcast(b, pairs))
        lanes = Lanes(builder, self.vector)
        upper = ir.Constant(self.words, [-0x10000] * self.vector.count)
        by = ir.Constant(self.words, [16] * self.vector.count)
        odd = [builder.bitcast(builder.and_(x, upper), self.vector) for x in (a, b)]
        even = [builder.bitcast(builder.shl(x, by), self.vector) for x in (a, b)]
        return lanes.fma(even[0], even[1], lanes.fma(odd[0], odd[1], value))
