"""Elementary functions as straight-line vector code.

In: an llvmlite IRBuilder and a value of type float32 or float64, a scalar or a vector of any
number of lanes. Out: the value of the function in every lane. Next: `emit`, which writes
kernels with it.

There is no branch, no table and no call, and only additions, multiplications, fused
multiply-adds, divisions and moves of bits: a processor with FMA computes the same bits whatever
its vector width. (One without would call a library for every fma: right, but slow.) NaN gives NaN.

`LARGEST_ERROR` states how far each function is from the true value, where that is finite.
"""

from __future__ import annotations

import math

from llvmlite import ir

from unrolled.engines.cpu.code import coefficients
from unrolled.engines.cpu.code.lanes import Lanes

# In units in the last place of the true value; below the smallest normal number such a unit is the
# smallest subnormal one. float32: every one of the 2^32 numbers was tried against float64, and the
# largest error found is rounded up. float64: 26 million numbers for each function, of all sizes and
# most of them where it errs most, against 80 bits; a little is added to the largest error found.
# The tests repeat both on samples.
LARGEST_ERROR = {
    "tanh": {32: 2.5, 64: 2.8},
    "sigmoid": {32: 3.2, 64: 3.7},
    "exp": {32: 1.5, 64: 1.7},
    "softplus": {32: 4.7, 64: 5.0},
    "log": {32: 0.9, 64: 1.0},
    "sin": {32: 2.0, 64: 2.0},
    "cos": {32: 2.1, 64: 2.0},
    "sqrt": {32: 0.5, 64: 0.5},
}

# ln 2 = HIGH + LOW: HIGH is ln 2 rounded to the format, LOW what that leaves out.
_LN2_HIGH = {32: float.fromhex("0x1.62e430p-1"), 64: float.fromhex("0x1.62e42fefa39efp-1")}
_LN2_LOW = {32: float.fromhex("-0x1.05c610p-29"), 64: float.fromhex("0x1.abc9e3b39803fp-56")}


def fma(builder: ir.IRBuilder, a: ir.Value, b: ir.Value, c: ir.Value) -> ir.Value:
    """a b + c, rounded once."""
    return Lanes(builder, a.type).fma(a, b, c)


def maximum(builder: ir.IRBuilder, a: ir.Value, b: ir.Value) -> ir.Value:
    """The larger of the two; NaN if either is NaN, as NumPy and torch have it."""
    return Lanes(builder, a.type).maximum(a, b)


def minimum(builder: ir.IRBuilder, a: ir.Value, b: ir.Value) -> ir.Value:
    """The smaller of the two; NaN if either is NaN."""
    return Lanes(builder, a.type).minimum(a, b)


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


def softplus(builder: ir.IRBuilder, x: ir.Value) -> ir.Value:
    """ln(1 + exp x) = max(x, 0) + ln(1 + y) with y = exp(-|x|).

    ln(1 + y) = 2 atanh s with s = y / (2 + y) <= 1/3; s is never formed where y is subnormal.
    """
    v = Lanes(builder, x.type)
    negative = v.subtract(v.number(-0.0), v.absolute(x))
    scaled, power = _exp_parts(v, v.at_least(negative, _EXP_RANGE[v.bits][0]))
    y = v.multiply(scaled, power)
    scale = v.divide(v.number(2.0), v.add(y, v.number(2.0)))
    twice = v.multiply(y, scale)  # 2 s
    z = v.multiply(v.multiply(twice, v.number(0.25)), twice)
    series = v.fma(v.polynomial(z, coefficients.LOG1P[v.bits]), z, v.number(1.0))
    return v.fma(twice, series, v.at_least(x, 0.0))


def log(builder: ir.IRBuilder, x: ir.Value) -> ir.Value:
    """The natural logarithm; -inf at 0, NaN below.

    x = 2^k (1 + f), and with s = f / (2 + f), z = s^2 and h = f^2 / 2,
    ln(1 + f) = f - (h - s (h + z P(z))), where the large term f is exact.
    """
    v = Lanes(builder, x.type)
    smallest, up = (2.0**-126, 25) if v.bits == 32 else (2.0**-1022, 54)
    tiny = v.less(x, smallest)
    zero = v.number(0.0)
    k, m = v.split(v.where(tiny, v.multiply(x, v.number(2.0**up)), x))
    k = v.subtract(k, v.where(tiny, v.number(float(up)), zero))
    f = v.subtract(m, v.number(1.0))
    h = v.multiply(v.multiply(f, v.number(0.5)), f)
    s = v.divide(f, v.add(f, v.number(2.0)))
    z = v.multiply(s, s)
    inner = v.fma(z, v.polynomial(z, coefficients.LOG[v.bits]), h)
    low = v.fma(s, inner, v.multiply(k, v.number(_LN2_LOW[v.bits])))
    result = v.fma(k, v.number(_LN2_HIGH[v.bits]), v.subtract(f, v.subtract(h, low)))
    result = v.where(v.less(x, math.inf), result, x)  # inf and NaN give themselves
    below = v.where(v.less(x, 0.0), v.number(math.nan), v.number(-math.inf))
    return v.where(builder.fcmp_ordered("<=", x, zero), below, result)


def sin(builder: ir.IRBuilder, x: ir.Value) -> ir.Value:
    """The sine; NaN where |x| is beyond `ANGLE_LIMIT`."""
    v = Lanes(builder, x.type)
    result = _sine(v, x, 0)
    return v.where(builder.fcmp_ordered("==", x, v.number(0.0)), x, result)  # keeps -0


def cos(builder: ir.IRBuilder, x: ir.Value) -> ir.Value:
    """The cosine; NaN where |x| is beyond `ANGLE_LIMIT`."""
    return _sine(Lanes(builder, x.type), x, 1)


# The largest angle whose sine is computed. Near it neighbouring float32 numbers are a quarter apart
# (float64: 1/128), and beyond it the reduction would lose digit after digit: there the answer is
# NaN, and not a number that looks like a sine.
ANGLE_LIMIT = {32: 2.0**21, 64: 2.0**46}

# pi/2 as the sum of three numbers of the format.
_HALF_PI = {
    32: ("0x1.921fb6p+0", "-0x1.777a5cp-25", "-0x1.ee59dap-50"),
    64: ("0x1.921fb54442d18p+0", "0x1.1a62633145c07p-54", "-0x1.f1976b7ed8fbcp-110"),
}


def _sine(v: Lanes, x: ir.Value, quarters: int) -> ir.Value:
    """sin(x + quarters pi/2), by x = k pi/2 + r with |r| <= pi/4 (Cody and Waite 1980).

    x - k P1 is exact: both are multiples of the last place of P1, and the difference is below 1.
    """
    b = v.builder
    within = v.where(
        b.fcmp_ordered("<=", v.absolute(x), v.number(ANGLE_LIMIT[v.bits])), x, v.number(math.nan)
    )
    shift = v.number(v.rounding_shift(exponent=False))
    shifted = v.fma(within, v.number(2.0 / math.pi), shift)
    k = v.subtract(shifted, shift)
    r = within
    for part in _HALF_PI[v.bits]:
        r = v.fma(k, v.number(-float.fromhex(part)), r)
    z = v.multiply(r, r)
    sine = v.fma(v.multiply(r, z), v.polynomial(z, coefficients.SIN[v.bits]), r)
    cosine = v.fma(z, v.number(-0.5), v.number(1.0))
    cosine = v.fma(v.multiply(z, z), v.polynomial(z, coefficients.COS[v.bits]), cosine)
    quadrant = b.add(v.as_integer(shifted), v.integer(quarters))
    odd = b.icmp_signed("!=", b.and_(quadrant, v.integer(1)), v.integer(0))
    upside_down = b.shl(b.and_(quadrant, v.integer(2)), v.integer(v.bits - 2))
    return v.as_number(b.xor(v.as_integer(v.where(odd, cosine, sine)), upside_down))


def sqrt(builder: ir.IRBuilder, x: ir.Value) -> ir.Value:
    """The square root, correctly rounded; NaN below 0."""
    return Lanes(builder, x.type).square_root(x)


def power(builder: ir.IRBuilder, x: ir.Value, exponent: float) -> ir.Value:
    """x to a constant power.

    Whole numbers up to 64 go by multiplication (error at most |n| + 1 ulp), halves up to 8 by
    a square root besides, everything else by exp(exponent ln x), where x < 0 gives NaN unless the
    exponent is a whole number. float32 does that in float64, and is off by no more than 0.51 ulp;
    float64 by no more than 2 + 2.5 |exponent ln x| ulp.
    """
    v, exponent = Lanes(builder, x.type), float(exponent)
    if exponent.is_integer() and abs(exponent) <= 64:
        return _whole_power(v, x, int(exponent))
    if (2 * exponent).is_integer() and not exponent.is_integer() and abs(exponent) <= 8:
        result = v.square_root(x)
        if abs(exponent) > 1:
            result = v.multiply(_whole_power(v, x, int(abs(exponent))), result)
        return result if exponent > 0 else v.divide(v.number(1.0), result)
    return _general_power(v, x, exponent)


def _whole_power(v: Lanes, x: ir.Value, n: int) -> ir.Value:
    if n < 0:
        return v.divide(v.number(1.0), _whole_power(v, x, -n))
    result: ir.Value | None = None
    square = x
    while n:
        if n & 1:
            result = square if result is None else v.multiply(result, square)
        n >>= 1
        if n:
            square = v.multiply(square, square)
    return v.number(1.0) if result is None else result


def _general_power(v: Lanes, x: ir.Value, exponent: float) -> ir.Value:
    b = v.builder
    wide = v if v.bits == 64 else v.doubled()
    size = v.absolute(x) if exponent.is_integer() else x
    base = size if v.bits == 64 else b.fpext(size, wide.type)
    result = exp(b, wide.multiply(log(b, base), wide.number(exponent)))
    if v.bits == 32:
        result = b.fptrunc(result, v.type)
    odd = exponent.is_integer() and math.fmod(exponent, 2.0) != 0
    return v.with_sign(result, x) if odd else result
