"""Numbers of float32 that are stored in bfloat16, the upper half of their bits.

In: a builder, an address, a vector of float32. Out: code that widens as it loads, which
is exact, or rounds to the nearest, and to even, as it stores; next: `emit` and `pointwise`. The
instructions are those of whole numbers, so every processor gives the same bits.
"""

from __future__ import annotations

from llvmlite import ir

I16, I32 = ir.IntType(16), ir.IntType(32)
BYTES = 2


def load(
    builder: ir.IRBuilder, at: ir.Value, vector: ir.VectorType, is_whole: ir.Value | None = None
) -> ir.Value:
    """A vector that is stored in bfloat16; or, where `is_whole` says so, as it is."""
    if is_whole is None:
        return _widened(builder, at, vector)
    with builder.if_else(is_whole) as (whole, half):
        with whole:
            found = builder.load(at, align=4, typ=vector)
            first = builder.block
        with half:
            wide = _widened(builder, at, vector)
            second = builder.block
    value = builder.phi(vector)
    value.add_incoming(found, first)
    value.add_incoming(wide, second)
    return value


def _widened(builder: ir.IRBuilder, at: ir.Value, vector: ir.VectorType) -> ir.Value:
    halves, wide = ir.VectorType(I16, vector.count), ir.VectorType(I32, vector.count)
    bits = builder.zext(builder.load(at, align=BYTES, typ=halves), wide)
    return builder.bitcast(builder.shl(bits, _every(wide, 16)), vector)


def store(builder: ir.IRBuilder, value: ir.Value, at: ir.Value) -> None:
    """Round a vector to bfloat16; NaN stays NaN."""
    wide = ir.VectorType(I32, value.type.count)
    bits = builder.bitcast(value, wide)
    upper = builder.lshr(bits, _every(wide, 16))
    up = builder.add(builder.and_(upper, _every(wide, 1)), _every(wide, 0x7FFF))
    near = builder.lshr(builder.add(bits, up), _every(wide, 16))
    quiet = builder.or_(upper, _every(wide, 0x40))
    is_nan = builder.fcmp_unordered("uno", value, value)
    found = builder.select(is_nan, quiet, near)
    halves = builder.trunc(found, ir.VectorType(I16, value.type.count))
    builder.store(halves, at, align=BYTES)


def _every(type_: ir.VectorType, number: int) -> ir.Constant:
    return ir.Constant(type_, [number] * type_.count)
