"""For tests of generated vector code: a function of `vector_math`, compiled and applied to arrays.

Comes in: something that writes code for one vector. Goes out: the module of a loop over whole
arrays, or a NumPy function that runs it.
"""

import ctypes
from collections.abc import Callable

import numpy as np
from llvmlite import ir

from unrolled.engines.cpu.machine import jit
from unrolled.engines.cpu.machine.target import Target, host

WriteFunction = Callable[..., ir.Value]


def map_module(write: WriteFunction, bits: int, lanes: int | None, arity: int = 1) -> ir.Module:
    """A module of one function, `map`."""
    module = ir.Module("map")
    add_map(module, "map", write, bits, lanes, arity)
    return module


def add_map(
    module: ir.Module, name: str, write: WriteFunction, bits: int, lanes: int | None, arity: int = 1
) -> None:
    """`void name(inputs..., output, count)`: the function of every element, `lanes` at a time.

    `lanes` None is a scalar; `count` must be a multiple of the lanes.
    """
    element = ir.FloatType() if bits == 32 else ir.DoubleType()
    value = element if lanes is None else ir.VectorType(element, lanes)
    index, pointer = ir.IntType(64), element.as_pointer()
    signature = ir.FunctionType(ir.VoidType(), [pointer] * (arity + 1) + [index])
    function = ir.Function(module, signature, name)
    *inputs, output, count = function.args
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    entry, body, after = builder.block, builder.append_basic_block(), builder.append_basic_block()
    builder.branch(body)
    builder.position_at_end(body)
    i = builder.phi(index)
    i.add_incoming(ir.Constant(index, 0), entry)

    def place(array: ir.Value) -> ir.Value:
        return builder.bitcast(builder.gep(array, [i]), value.as_pointer())

    xs = [builder.load(place(array), align=bits // 8) for array in inputs]
    builder.store(write(builder, *xs), place(output), align=bits // 8)
    following = builder.add(i, ir.Constant(index, lanes or 1))
    i.add_incoming(following, builder.block)
    builder.cbranch(builder.icmp_signed("<", following, count), body, after)
    builder.position_at_end(after)
    builder.ret_void()


def compiled(
    write: WriteFunction,
    bits: int,
    lanes: int | None = None,
    arity: int = 1,
    target: Target | None = None,
) -> Callable[..., np.ndarray]:
    """The function of arrays of that many bits, run on this machine, `lanes` at a time."""
    dtype = np.dtype(f"float{bits}")
    code = jit.object_code(map_module(write, bits, lanes, arity), target or host(), ("map",))
    kernels = jit.Kernels(code, ("map",))
    arguments = [ctypes.c_void_p] * (arity + 1) + [ctypes.c_int64]
    function = ctypes.CFUNCTYPE(None, *arguments)(kernels.address("map"))

    def run(*arrays: np.ndarray) -> np.ndarray:
        size, step = arrays[0].size, lanes or 1
        room = max(step, size + -size % step)
        padded = [np.ones(room, dtype) for _ in arrays]
        for target, array in zip(padded, arrays):
            assert array.dtype == dtype
            target[:size] = array
        output = np.full(room, np.nan, dtype)
        function(*(a.ctypes.data for a in (*padded, output)), room)
        return output[:size]

    run.kernels = kernels  # type: ignore[attr-defined]
    return run
