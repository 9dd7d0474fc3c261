"""Compiled code rounds to bfloat16 as torch does, NaN and infinities too, and widens exactly."""

import ctypes

import numpy as np
import torch
from llvmlite import ir

from tests.tolerances import EXACT, assert_agrees
from unrolled.engines.cpu.code import halves
from unrolled.engines.cpu.machine import jit
from unrolled.engines.cpu.machine.loops import I64, POINTER, VOID, loop
from unrolled.engines.cpu.machine.target import host

COUNT = 4096


def module() -> ir.Module:
    """`both(numbers, halves, again, count)`: rounded, and widened again, vector by vector."""
    result = ir.Module("both")
    vector = ir.VectorType(ir.FloatType(), host().lanes(32))
    kind = ir.FunctionType(VOID, [POINTER, POINTER, POINTER, I64])
    function = ir.Function(result, kind, "both")
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    numbers, small, again, count = function.args
    with loop(builder, I64(0), builder.sdiv(count, I64(vector.count))) as n:
        first = builder.mul(n, I64(vector.count))
        value = builder.load(builder.gep(numbers, [n], source_etype=vector), align=4, typ=vector)
        at = builder.gep(small, [first], source_etype=halves.I16)
        halves.store(builder, value, at)
        to = builder.gep(again, [n], source_etype=vector)
        builder.store(halves.load(builder, at, vector), to, align=4)
    builder.ret_void()
    return result


def test_numbers_are_rounded_as_torch_rounds_them() -> None:
    kernels = jit.load("both ways", module, ("both",))
    call = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 3, ctypes.c_int64)(kernels.address("both"))
    bits = np.random.default_rng(0).integers(0, 2**32, COUNT, dtype=np.uint32)
    bits[:6] = 0x3F80_8000, 0x3F81_8000, 0x7F7F_FFFF, 0xFF80_0000, 0x7F80_0001, 0xFFFF_FFFF
    numbers = bits.view(np.float32)
    small, again = np.empty(COUNT, np.uint16), np.empty(COUNT, np.float32)
    call(numbers.ctypes.data, small.ctypes.data, again.ctypes.data, COUNT)
    expected = torch.from_numpy(numbers.copy()).bfloat16()
    assert_agrees(again, expected.float().numpy(), tolerance=EXACT, same_nan=True)
    known = ~np.isnan(numbers)
    assert np.array_equal(small[known], expected.view(torch.int16).numpy().view(np.uint16)[known])
