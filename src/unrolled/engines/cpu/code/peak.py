"""The peak rate of the processor: a loop of multiply-adds on registers.

In: a kind of product, a machine. Out: `peak`, operations a second on so many threads;
next: `unrolled bench`, which holds times against it. Nothing is loaded or stored in the loop, so no
program of this machine can do more of these instructions.

`FLOAT32` is the fused multiply-add that the kernels use. `BFLOAT16` is `vdpbf16ps` of AVX512-BF16,
which adds two products of bfloat16 to each number of float32; no other machine has it.
"""

from __future__ import annotations

import ctypes
import time
from concurrent.futures import ThreadPoolExecutor

import llvmlite.binding as llvm
from llvmlite import ir

from unrolled.engines.cpu.code.lanes import Lanes
from unrolled.engines.cpu.code.tiles import accumulators
from unrolled.engines.cpu.machine import jit
from unrolled.engines.cpu.machine.loops import I64, POINTER, VOID
from unrolled.engines.cpu.machine.target import Target, host

FLOAT32, BFLOAT16 = "float32", "bfloat16"
DOT = "llvm.x86.avx512bf16.dpbf16ps.512"


class BFloat(ir.Type):  # type: ignore[misc] # llvmlite is untyped
    """LLVM's bfloat, which llvmlite does not know."""

    def _to_string(self) -> str:
        return "bfloat"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BFloat)

    def __hash__(self) -> int:
        return hash(BFloat)


def runs(kind: str) -> bool:
    """Whether this processor has the instruction."""
    return kind == FLOAT32 or bool(llvm.get_host_cpu_features().get("avx512bf16"))


def peak(kind: str, threads: int, seconds: float = 0.05) -> float:
    """Multiplications and additions a second, on so many threads at once: the best of three."""
    kernels = jit.load(f"peak {kind}", lambda: module(kind, host()), ("peak",), optimise=False)
    call = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64)(kernels.address("peak"))
    each = operations(kind, host())

    def one(turns: int) -> None:
        numbers = _numbers()  # held while the loop runs, which writes to them
        call(ctypes.addressof(numbers), turns)

    def measured(turns: int) -> float:
        began = time.perf_counter()
        list(pool.map(one, [turns] * threads))
        return time.perf_counter() - began

    with ThreadPoolExecutor(threads) as pool:
        turns = 1000
        while measured(turns) < seconds:
            turns *= 2
        best = min(measured(turns) for _ in range(3))
    return threads * turns * each / best


def operations(kind: str, target: Target) -> int:
    """Of one turn of the loop."""
    pairs = 2 if kind == BFLOAT16 else 1
    return 2 * pairs * accumulators(target) * target.lanes(32)


def _numbers() -> ctypes.Array[ctypes.c_float]:
    """Room for two vectors that are read, and for one that is written."""
    return (ctypes.c_float * 64)(*[0.5] * 64)


def module(kind: str, target: Target) -> ir.Module:
    """`peak(numbers, turns)` in a module of its own."""
    result = ir.Module("peak")
    function = ir.Function(result, ir.FunctionType(VOID, [POINTER, I64]), "peak")
    entry, body, done = (function.append_basic_block(name) for name in ("entry", "body", "done"))
    builder = ir.IRBuilder(entry)
    numbers, turns = function.args
    vector = ir.VectorType(ir.FloatType(), target.lanes(32))
    factors = ir.VectorType(BFloat(), 2 * target.lanes(32)) if kind == BFLOAT16 else vector
    pair = [
        builder.load(builder.gep(numbers, [I64(n)], source_etype=vector), align=4, typ=factors)
        for n in (0, 1)
    ]
    first = builder.load(numbers, align=4, typ=vector)
    builder.branch(body)
    builder.position_at_end(body)
    turn = builder.phi(I64)
    turn.add_incoming(I64(0), entry)
    sums = [builder.phi(vector) for _ in range(accumulators(target))]
    after = [_added(builder, kind, value, pair) for value in sums]
    for value, more in zip(sums, after, strict=True):
        value.add_incoming(first, entry)
        value.add_incoming(more, body)
    following = builder.add(turn, I64(1))
    turn.add_incoming(following, body)
    builder.cbranch(builder.icmp_signed("<", following, turns), body, done)
    builder.position_at_end(done)
    total = after[0]
    for more in after[1:]:
        total = builder.fadd(total, more)
    builder.store(total, numbers, align=4)
    builder.ret_void()
    return result


def _added(builder: ir.IRBuilder, kind: str, value: ir.Value, pair: list[ir.Value]) -> ir.Value:
    """One instruction's worth: the sum with one more product, or two, in each lane."""
    if kind == FLOAT32:
        return Lanes(builder, value.type).fma(pair[0], pair[1], value)
    return dot(builder, value, *pair)


def dot(builder: ir.IRBuilder, value: ir.Value, a: ir.Value, b: ir.Value) -> ir.Value:
    """`vdpbf16ps`: to each number of float32 the products of two pairs of bfloat16."""
    kind = ir.FunctionType(value.type, [value.type, a.type, b.type])
    declared = builder.module.globals.get(DOT)
    function = declared or ir.Function(builder.module, kind, DOT)
    return builder.call(function, [value, a, b])
