"""Elementary functions as straight-line vector code.

Comes in: an llvmlite IRBuilder and a value of type float32 or float64, a scalar or a vector of any
number of lanes. Goes out: the value of the function in every lane. Next: `emit`, which writes
kernels with it.

There is no branch, no table and no call, and only additions, multiplications, fused
multiply-adds, divisions and moves of bits: a processor with FMA computes the same bits whatever
its vector width. (One without would call a library for every fma: right, but slow.) NaN gives NaN.

Largest errors, in units in the last place of the true value ("ulp"; below the smallest normal
number a unit is the smallest subnormal one). float32: every one of the 2^32 numbers was tried
against float64. float64: millions of points against extended precision. Tests repeat both on
samples, and every threshold and special value.

    function   float32   float64
"""

from __future__ import annotations

import math

from llvmlite import ir

from unrolled.engines.cpu import coefficients
from unrolled.engines.cpu.lanes import Lanes

# ln 2 = HIGH + LOW: HIGH is ln 2 rounded to the format, LOW what that leaves out.
_LN2_HIGH = {32: float.fromhex("0x1.62e430p-1"), 64: float.fromhex("0x1.62e42fefa39efp-1")}
_LN2_LOW = {32: float.fromhex("-0x1.05c610p-29"), 64: float.fromhex("0x1.abc9e3b39803fp-56")}


def fma(builder: ir.IRBuilder, a: ir.Value, b: ir.Value, c: ir.Value) -> ir.Value:
    """a b + c, rounded once."""
    return Lanes(builder, a.type).fma(a, b, c)


def maximum(builder: ir.IRBuilder, a: ir.Value, b: ir.Value) -> ir.Value:
    """The larger of the two; NaN if either is NaN, as NumPy and torch have it."""
    return _larger(builder, ">", a, b)


def minimum(builder: ir.IRBuilder, a: ir.Value, b: ir.Value) -> ir.Value:
    """The smaller of the two; NaN if either is NaN."""
    return _larger(builder, "<", a, b)


def _larger(builder: ir.IRBuilder, order: str, a: ir.Value, b: ir.Value) -> ir.Value:
    """The machine's own max and min: they give b when either is NaN, so only NaN in a is mended."""
    chosen = builder.select(builder.fcmp_ordered(order, a, b), a, b)
    return builder.select(builder.fcmp_unordered("uno", a, a), a, chosen)


def tanh(builder: ir.IRBuilder, x: ir.Value) -> ir.Value:
    """tanh x = m / (m + 1) with m = (exp(2 |x|) - 1) / 2, and the sign of x.

    |x| = k ln2/2 + r, |r| <= ln2/4, m = 2^k (exp(2 r) - 1) / 2 + (2^k - 1) / 2. One constant for
    ln 2 is enough: in tanh x its error, which grows with k, is divided by sinh(2|x|).
    """
    v = Lanes(builder, x.type)
    # Beyond the bound the nearest number to tanh x is 1, and m / (m + 1) gives it.
    size = v.at_most(v.absolute(x), 10.0 if v.bits == 32 else 20.0)
    shift = v.number(v.rounding_shift(exponent=True))
    shifted = v.fma(size, v.number(2.0 / math.log(2.0)), shift)
    r = v.fma(v.subtract(shifted, shift), v.number(-0.5 * _LN2_HIGH[v.bits]), size)
    squared = v.multiply(r, r)
    grown = v.fma(v.even_odd(r, squared, coefficients.TANH[v.bits]), squared, r)
    power = v.power_of_two(shifted)
    m = v.fma(power, grown, v.fma(power, v.number(0.5), v.number(-0.5)))
    return v.with_sign(v.divide(m, v.add(m, v.number(1.0))), x)


def exp(builder: ir.IRBuilder, x: ir.Value) -> ir.Value:
    """exp x, inf where that is too large, and subnormal numbers, then 0, where it is small."""
    v = Lanes(builder, x.type)
    scaled, power = _exp_parts(v, _within_exp(v, x))
    return v.multiply(scaled, power)


def sigmoid(builder: ir.IRBuilder, x: ir.Value) -> ir.Value:
    """1 / (1 + exp(-x)) as e / (1 + e) with e = exp x, which is accurate where e is small, too."""
    v = Lanes(builder, x.type)
    # At the upper bound 1 is the nearest number, and e is far from overflow.
    bounded = v.at_most(v.at_least(x, _EXP_RANGE[v.bits][0]), 20.0 if v.bits == 32 else 40.0)
    scaled, power = _exp_parts(v, bounded)
    return v.divide(v.multiply(scaled, power), v.fma(scaled, power, v.number(1.0)))


# Below the first exp rounds to 0, above the second to inf; both a little wider than needed.
_EXP_RANGE = {32: (-104.5, 89.0), 64: (-746.0, 710.0)}


def _within_exp(v: Lanes, x: ir.Value) -> ir.Value:
    low, high = _EXP_RANGE[v.bits]
    return v.at_most(v.at_least(x, low), high)


def _exp_parts(v: Lanes, x: ir.Value) -> tuple[ir.Value, ir.Value]:
    """(a, s) with exp x = a s, for x within `_EXP_RANGE`.

    x = 2 k ln2 + r with |r| <= ln2, s = 2^k, a = exp(r) s: neither factor leaves the range of
    normal numbers, so the product a s is rounded once, even where it is subnormal or overflows.
    """
    shift = v.number(v.rounding_shift(exponent=True))
    shifted = v.fma(x, v.number(0.5 / math.log(2.0)), shift)
    k = v.subtract(shifted, shift)
    r = v.fma(k, v.number(-2.0 * _LN2_HIGH[v.bits]), x)
    r = v.fma(k, v.number(-2.0 * _LN2_LOW[v.bits]), r)
    one = v.number(1.0)
    if v.bits == 32:
        tail = v.polynomial(r, coefficients.EXP[32])
    else:
        tail = v.even_odd(r, v.multiply(r, r), coefficients.EXP[64])
    grown = v.fma(v.fma(tail, r, one), r, one)
    power = v.power_of_two(shifted)
    return v.multiply(grown, power), power


def sqrt(builder: ir.IRBuilder, x: ir.Value) -> ir.Value:
    """The square root, correctly rounded; NaN below 0."""
    return Lanes(builder, x.type).square_root(x)
