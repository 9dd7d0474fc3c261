"""The inner loop of every product: a few rows times a few vectors, held in registers.

In: a machine and the type of the numbers. Out: `Tiles`, the addresses of compiled
functions, one for each number of rows R and of streams N; next: `emit` calls them.

    C[n][r] (+)= sum over k of A[r, k] * B[n][k]        n < N, r < R

    A  rows of `lda` numbers, of which K are used: states of R sequences
    B  N streams, `b_stride` numbers apart, each K vectors one after another: packed weights
    C  N x ROWS vectors: the kernel's scratch, which never leaves the first-level cache

Each step of k loads N weight vectors and R single numbers, and does R N fused multiply-adds on
accumulators that stay in registers: R N of them must hide the latency of a multiply-add (about
eight do) and leave room for N weights. A tile knows nothing of any cell, so it is compiled once for
a machine. Of weights in bfloat16, in pairs, there are tiles of their own (`half_tiles`).
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable
from dataclasses import dataclass

from llvmlite import ir

from unrolled.engines.cpu.code.lanes import Lanes
from unrolled.engines.cpu.machine import jit
from unrolled.engines.cpu.machine.loops import I1, I64, POINTER, VOID
from unrolled.engines.cpu.machine.target import Target, host

ROWS = 8  # rows of scratch for each stream; no tile has more
STREAMS = 4
TileStep = Callable[[list[ir.Value], ir.Value], list[ir.Value]]
SIGNATURE = ir.FunctionType(VOID, [POINTER, I64, POINTER, I64, I64, POINTER, I1])


def accumulators(target: Target) -> int:
    """How many sums stay in registers (of 32 or 16), beside what they are made of."""
    return 24 if target.vector_bytes in (16, 64) else 12


def most_rows(streams: int, target: Target) -> int:
    """How many rows keep all accumulators, and the weights they meet, in registers."""
    return min(ROWS, accumulators(target) // streams)


@dataclass(frozen=True)
class Tiles:
    """Compiled tiles; `table` is an array of addresses, row after row, that kernels read."""

    kernels: jit.Kernels
    table: ctypes.Array[ctypes.c_int64]

    @property
    def address(self) -> int:
        return ctypes.addressof(self.table)


@functools.cache
def tiles(bits: int, target: Target | None = None) -> Tiles:
    """The tiles for float32 or float64 on one machine."""
    target = target or host()
    names = names_of(target)
    kernels = jit.load(f"tiles {bits}", lambda: module(bits, target), names, target, optimise=False)
    return tabled(kernels, target)


def shapes_of(target: Target) -> list[tuple[int, int]]:
    """Rows and streams of every tile of a machine."""
    return [(rows, streams) for streams in range(1, STREAMS + 1)
            for rows in range(1, most_rows(streams, target) + 1)]  # fmt: skip


def name_of(rows: int, streams: int) -> str:
    """Of a tile's function."""
    return f"tile_{rows}_{streams}"


def names_of(target: Target) -> tuple[str, ...]:
    """Of every tile of a machine."""
    return tuple(name_of(*shape) for shape in shapes_of(target))


def tabled(kernels: jit.Kernels, target: Target) -> Tiles:
    """Tiles and where each is found."""
    table = (ctypes.c_int64 * ((STREAMS + 1) * (ROWS + 1)))()
    for shape in shapes_of(target):
        table[index(*shape)] = kernels.address(name_of(*shape))
    return Tiles(kernels, table)


def index(rows: int, streams: int) -> int:
    """Where in the table a tile's address stands."""
    return streams * (ROWS + 1) + rows


def module(bits: int, target: Target) -> ir.Module:
    """All tiles in one module."""
    result = ir.Module("tiles")
    element = ir.FloatType() if bits == 32 else ir.DoubleType()
    vector = ir.VectorType(element, target.lanes(bits))
    for streams in range(1, STREAMS + 1):
        for rows in range(1, most_rows(streams, target) + 1):
            function = ir.Function(result, SIGNATURE, name_of(rows, streams))
            write_tile(function, rows, streams, vector)
    return result


def write_tile(
    function: ir.Function, rows: int, streams: int, vector: ir.VectorType, distance: int = 1
) -> None:
    """The body of one tile; a row's numbers stand at this distance from one another."""
    tile = begin_tile(function, rows, streams, vector)
    builder, start, length, c_at = tile.builder, tile.start, tile.length, tile.c_at
    turns = turns_of(rows, streams)
    step = functools.partial(_multiply_add, builder, tile.a_rows, tile.b_starts, vector, distance)
    sums = [start, *([tile.zero] * len(c_at) for _ in range(turns - 1))]
    k, sums = loop_over(builder, sums, length, step)
    total = sums[0]
    for other in sums[1:]:
        total = [builder.fadd(a, b) for a, b in zip(total, other, strict=True)]
    if turns > 1:
        total = odd_one(builder, total, k, length, step)
    for value, pointer in zip(total, c_at, strict=True):
        _store(builder, value, pointer)
    builder.ret_void()


@dataclass(frozen=True)
class Begun:
    """A tile that is being written: where its operands begin, and its sums at the start."""

    builder: ir.IRBuilder
    a_rows: list[ir.Value]
    b_starts: list[ir.Value]
    c_at: list[ir.Value]
    start: list[ir.Value]
    length: ir.Value
    zero: ir.Constant


def turns_of(rows: int, streams: int) -> int:
    """A single row has too few accumulators to hide the latency: two steps of k take turns."""
    return 2 if rows * streams < 8 else 1


def begin_tile(function: ir.Function, rows: int, streams: int, vector: ir.VectorType) -> Begun:
    """Where rows, streams and sums lie; the builder stands behind the first values."""
    a, lda, b, b_stride, length, c, accumulate = function.args
    for pointer in (a, b, c):
        pointer.add_attribute("noalias")
    entry = function.append_basic_block("entry")
    old, head = function.append_basic_block("old"), function.append_basic_block("head")
    builder = ir.IRBuilder(entry)
    element = vector.element
    a_rows = [builder.gep(a, [builder.mul(lda, I64(r))], source_etype=element) for r in range(rows)]
    b_starts = [
        builder.gep(b, [builder.mul(b_stride, I64(n))], source_etype=element)
        for n in range(streams)
    ]
    c_at = [
        builder.gep(c, [I64((n * ROWS + r) * vector.count)], source_etype=element)
        for r in range(rows)
        for n in range(streams)
    ]
    zero = ir.Constant(vector, [0.0] * vector.count)
    builder.cbranch(accumulate, old, head)
    builder.position_at_end(old)
    before = [_load(builder, pointer, vector) for pointer in c_at]
    builder.branch(head)
    builder.position_at_end(head)
    start = []
    for value in before:
        phi = builder.phi(vector)
        phi.add_incoming(zero, entry)
        phi.add_incoming(value, old)
        start.append(phi)
    return Begun(builder, a_rows, b_starts, c_at, start, length, zero)


Sums = list[list[ir.Value]]


def loop_over(
    builder: ir.IRBuilder, sums: Sums, length: ir.Value, step: TileStep
) -> tuple[ir.Value, Sums]:
    """While as many steps of k are left as there are sums, add one to each."""
    turns = len(sums)
    before = builder.block
    body, done = builder.append_basic_block("body"), builder.append_basic_block("done")
    builder.cbranch(builder.icmp_signed("<=", I64(turns), length), body, done)
    builder.position_at_end(body)
    k = builder.phi(I64)
    k.add_incoming(I64(0), before)
    phis = [[builder.phi(value.type) for value in values] for values in sums]
    following = [step(values, builder.add(k, I64(n))) for n, values in enumerate(phis)]
    after = builder.add(k, I64(turns))
    k.add_incoming(after, builder.block)
    for starts, values, ends in zip(sums, phis, following, strict=True):
        for start, phi, end in zip(starts, values, ends, strict=True):
            phi.add_incoming(start, before)
            phi.add_incoming(end, builder.block)
    left = builder.icmp_signed("<=", builder.add(after, I64(turns)), length)
    end = builder.block  # a step may have blocks of its own
    builder.cbranch(left, body, done)
    builder.position_at_end(done)
    results = []
    for starts, ends in zip(sums, following, strict=True):
        results.append([_merge(builder, (s, before), (e, end))
                        for s, e in zip(starts, ends, strict=True)])  # fmt: skip
    return _merge(builder, (I64(0), before), (after, end)), results


def odd_one(
    builder: ir.IRBuilder, sums: list[ir.Value], k: ir.Value, length: ir.Value, step: TileStep
) -> list[ir.Value]:
    """The last step of k, where two at a time have left one."""
    before = builder.block
    odd, done = builder.append_basic_block("odd"), builder.append_basic_block("end")
    builder.cbranch(builder.icmp_signed("<", k, length), odd, done)
    builder.position_at_end(odd)
    following = step(sums, k)
    builder.branch(done)
    builder.position_at_end(done)
    return [_merge(builder, (a, before), (b, odd)) for a, b in zip(sums, following, strict=True)]


def _merge(builder: ir.IRBuilder, *incoming: tuple[ir.Value, ir.Block]) -> ir.Value:
    phi = builder.phi(incoming[0][0].type)
    for value, block in incoming:
        phi.add_incoming(value, block)
    return phi


def _multiply_add(
    builder: ir.IRBuilder,
    a_rows: list[ir.Value],
    b_starts: list[ir.Value],
    vector: ir.VectorType,
    distance: int,
    sums: list[ir.Value],
    k: ir.Value,
) -> list[ir.Value]:
    """One step of k: every row's number times every stream's vector."""
    lanes = Lanes(builder, vector)
    offset = builder.mul(k, I64(vector.count))
    weights = [
        _load(builder, builder.gep(start, [offset], source_etype=vector.element), vector)
        for start in b_starts
    ]
    result = []
    for r, row in enumerate(a_rows):
        index_ = k if distance == 1 else builder.mul(k, I64(distance))
        at = builder.gep(row, [index_], source_etype=vector.element)
        number = spread(builder, builder.load(at, typ=vector.element), vector)
        for n, weight in enumerate(weights):
            result.append(lanes.fma(number, weight, sums[r * len(b_starts) + n]))
    return result


def spread(builder: ir.IRBuilder, number: ir.Value, vector: ir.VectorType) -> ir.Value:
    """The same number in every lane."""
    undefined = ir.Constant(vector, ir.Undefined)
    first = builder.insert_element(undefined, number, ir.IntType(32)(0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), vector.count), [0] * vector.count)
    return builder.shuffle_vector(first, undefined, zeros)


def _load(builder: ir.IRBuilder, pointer: ir.Value, vector: ir.VectorType) -> ir.Value:
    return builder.load(pointer, align=4, typ=vector)


def _store(builder: ir.IRBuilder, value: ir.Value, pointer: ir.Value) -> None:
    builder.store(value, pointer, align=4)
