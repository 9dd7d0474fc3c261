"""The vocabulary in which vector code is written: one operation on every lane of a vector.

In: an llvmlite IRBuilder and the type of the values, float32 or float64, a scalar or a vector
of any number of lanes. Out: LLVM values. Next: `vector_math` writes functions with it.

Operations carry no fast-math flags but one (the sign of a zero in `maximum`): what is written here
is what the machine computes, so that every processor with a fused multiply-add gives the same bits.
"""

from __future__ import annotations

import math
import struct

from llvmlite import ir


class Lanes:
    """Arithmetic on values of one type, at the place where `builder` stands."""

    def __init__(self, builder: ir.IRBuilder, type: ir.Type) -> None:
        element = type.element if isinstance(type, ir.VectorType) else type
        if not isinstance(element, ir.FloatType | ir.DoubleType):
            raise TypeError(f"vector code is written for float32 and float64, not for {type}")
        self.builder = builder
        self.type = type
        self.count: int | None = type.count if isinstance(type, ir.VectorType) else None
        self.bits = 32 if isinstance(element, ir.FloatType) else 64
        self.fraction_bits, self.exponent_bias = (23, 127) if self.bits == 32 else (52, 1023)
        self.integer_type = self._spread(ir.IntType(self.bits))

    def _spread(self, element: ir.Type) -> ir.Type:
        return element if self.count is None else ir.VectorType(element, self.count)

    def doubled(self) -> Lanes:
        """As many lanes of float64."""
        return Lanes(self.builder, self._spread(ir.DoubleType()))

    def number(self, value: float) -> ir.Value:
        """The same floating-point constant in every lane."""
        return self._constant(self.type, float(value))

    def integer(self, value: int) -> ir.Value:
        """The same integer constant, as wide as the numbers, in every lane."""
        return self._constant(self.integer_type, value)

    def _constant(self, type: ir.Type, value: float | int) -> ir.Value:
        return ir.Constant(type, value if self.count is None else [value] * self.count)

    def add(self, a: ir.Value, b: ir.Value) -> ir.Value:
        """a + b"""
        return self.builder.fadd(a, b)

    def subtract(self, a: ir.Value, b: ir.Value) -> ir.Value:
        """a - b"""
        return self.builder.fsub(a, b)

    def multiply(self, a: ir.Value, b: ir.Value) -> ir.Value:
        """a b"""
        return self.builder.fmul(a, b)

    def divide(self, a: ir.Value, b: ir.Value) -> ir.Value:
        """a / b"""
        return self.builder.fdiv(a, b)

    def fma(self, a: ir.Value, b: ir.Value, c: ir.Value) -> ir.Value:
        """a b + c, rounded once"""
        return self._call("llvm.fma", a, b, c)

    def absolute(self, a: ir.Value) -> ir.Value:
        """|a|"""
        return self._call("llvm.fabs", a)

    def floor(self, a: ir.Value) -> ir.Value:
        """The largest whole number that is not above a."""
        return self._call("llvm.floor", a)

    def with_sign(self, magnitude: ir.Value, sign: ir.Value) -> ir.Value:
        """The first, which has no sign of its own, with the sign of the second."""
        sign_bit = self.builder.and_(self.as_integer(sign), self.integer(-1 << (self.bits - 1)))
        return self.as_number(self.builder.or_(self.as_integer(magnitude), sign_bit))

    def square_root(self, a: ir.Value) -> ir.Value:
        """The square root, correctly rounded."""
        return self._call("llvm.sqrt", a)

    def maximum(self, a: ir.Value, b: ir.Value) -> ir.Value:
        """The larger of the two; NaN if either is NaN. Which zero of +0 and -0 is left open: that
        makes it three instructions on x86, and one where either is a constant.
        """
        return self._call("llvm.maximum", a, b, flags=("nsz",))

    def minimum(self, a: ir.Value, b: ir.Value) -> ir.Value:
        """The smaller of the two, in the same way."""
        return self._call("llvm.minimum", a, b, flags=("nsz",))

    def at_most(self, a: ir.Value, bound: float) -> ir.Value:
        """min(a, bound); NaN stays NaN."""
        return self.minimum(a, self.number(bound))

    def at_least(self, a: ir.Value, bound: float) -> ir.Value:
        """max(a, bound); NaN stays NaN."""
        return self.maximum(a, self.number(bound))

    def polynomial(self, x: ir.Value, coefficients: tuple[float, ...]) -> ir.Value:
        """c0 + c1 x + c2 x^2 + ..., by Horner's rule."""
        result = self.number(coefficients[-1])
        for coefficient in reversed(coefficients[:-1]):
            result = self.fma(result, x, self.number(coefficient))
        return result

    def even_odd(self, x: ir.Value, squared: ir.Value, coefficients: tuple[float, ...]) -> ir.Value:
        """The same from two halves that need not wait for one another, given x^2."""
        even = self.polynomial(squared, coefficients[0::2])
        odd = self.polynomial(squared, coefficients[1::2])
        return self.fma(odd, x, even)

    def as_integer(self, a: ir.Value) -> ir.Value:
        """The bits of a number."""
        return self.builder.bitcast(a, self.integer_type)

    def as_number(self, a: ir.Value) -> ir.Value:
        """The number that these bits write."""
        return self.builder.bitcast(a, self.type)

    def power_of_two(self, shifted: ir.Value) -> ir.Value:
        """2^k, where `shifted` = k + `rounding_shift(exponent=True)`: the low bits of its fraction
        hold k and the bias of the exponent, and move to where an exponent is kept.
        """
        moved = self.builder.shl(self.as_integer(shifted), self.integer(self.fraction_bits))
        return self.as_number(moved)

    def rounding_shift(self, *, exponent: bool) -> float:
        """Added to a number |k| < 2^21 (2^50 for float64) it leaves no bits for a fraction: the
        sum is rounded to the nearest integer, which stands in its low bits.
        """
        return float(3 << (self.fraction_bits - 1)) + (self.exponent_bias if exponent else 0)

    def split(self, x: ir.Value) -> tuple[ir.Value, ir.Value]:
        """(k, m) with x = 2^k m and m in [sqrt(1/2), sqrt(2)), for x positive and normal.

        The exponent is read after the bits of sqrt(1/2) have been moved to those of 1, and
        becomes a number as the fraction of 2^23 (2^52): no conversion of integers is needed.
        """
        b, fraction = self.builder, self.fraction_bits
        formats = ("<f", "<i") if self.bits == 32 else ("<d", "<q")
        (low,) = struct.unpack(formats[1], struct.pack(formats[0], math.sqrt(0.5)))
        one = self.exponent_bias << fraction
        moved = b.add(self.as_integer(x), self.integer(one - low))
        exponent = b.lshr(moved, self.integer(fraction))
        counted = b.or_(exponent, self.integer((self.exponent_bias + fraction) << fraction))
        k = self.subtract(
            self.as_number(counted), self.number(float(2**fraction + self.exponent_bias))
        )
        rest = b.and_(moved, self.integer((1 << fraction) - 1))
        return k, self.as_number(b.add(rest, self.integer(low)))

    def less(self, a: ir.Value, bound: float) -> ir.Value:
        """a < bound, in every lane; false for NaN."""
        return self.builder.fcmp_ordered("<", a, self.number(bound))

    def where(self, condition: ir.Value, a: ir.Value, b: ir.Value) -> ir.Value:
        """a where the condition holds, else b."""
        return self.builder.select(condition, a, b)

    def _call(self, intrinsic: str, *arguments: ir.Value, flags: tuple[str, ...] = ()) -> ir.Value:
        signature = ir.FunctionType(self.type, [self.type] * len(arguments))
        name = f"{intrinsic}.{self._suffix()}"
        module = self.builder.module
        declared = module.globals.get(name)
        function = ir.Function(module, signature, name) if declared is None else declared
        return self.builder.call(function, arguments, fastmath=flags)

    def _suffix(self) -> str:
        return f"f{self.bits}" if self.count is None else f"v{self.count}f{self.bits}"
