"""Functions of a C file that are the same for every cell. Next: `c_code`.

The functions without libm are those of the CPU engine in float32 (`engines/cpu/vector_math`),
without fused multiply-adds: the same reductions and polynomials, each factor within the range of
normal numbers. `LARGEST_ERROR` is a little more than the largest error found among four million
float32 numbers of all sizes, compiled by gcc for x86-64; the tests repeat it on a sample.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection

from unrolled.errors import ArgumentError
from unrolled.exports.c_numbers import literal, table

# In units in the last place of the true value; for sin and cos in those of 1, 2^-23.
LARGEST_ERROR = {"tanh": 2.5, "sigmoid": 4.0, "exp": 2.0, "softplus": 5.0, "log": 1.0, "sqrt": 1.0,
                 "sin": 1.0, "cos": 1.0, "floor": 0.0}  # fmt: skip

ADD_PRODUCT = """\
/* y += W v. W lies column after column, so that the inner loop runs over neighbours. */
static void add_product(float *restrict y, const float *restrict w, const float *restrict v,
                        int rows, int columns)
{
    for (; columns >= 4; columns -= 4, v += 4, w += 4 * rows)
        for (int k = 0; k < rows; k++)
            y[k] += (w[k] * v[0] + w[rows + k] * v[1])
                    + (w[2 * rows + k] * v[2] + w[3 * rows + k] * v[3]);
    for (; columns > 0; columns--, v++, w += rows)
        for (int k = 0; k < rows; k++)
            y[k] += w[k] * v[0];
}"""

ADD_PRODUCT_INT8 = """\
/* y += scale * (Q v): each row of the matrix is a row of whole numbers times its scale. `sum` is
   room for one number a row. */
static void add_product_int8(float *restrict y, const int8_t *restrict q,
                             const float *restrict scale, const float *restrict v,
                             float *restrict sum, int rows, int columns)
{
    for (int k = 0; k < rows; k++)
        sum[k] = 0.0f;
    for (; columns > 0; columns--, v++, q += rows)
        for (int k = 0; k < rows; k++)
            sum[k] += (float)q[k] * v[0];
    for (int k = 0; k < rows; k++)
        y[k] += scale[k] * sum[k];
}"""

WITH_LIBM = [
    "static float sigmoid(float x)\n{\n    return 1.0f / (1.0f + expf(-x));\n}",
    """\
static float softplus(float x)
{
    return (x > 0.0f ? x : 0.0f) + log1pf(expf(-fabsf(x)));
}""",
]

# what needs no library either way
ALWAYS = [
    "static float relu(float x)\n{\n    return x < 0.0f ? 0.0f : x;\n}",
    """\
static float leaky_relu(float x, float slope)
{
    return x > 0.0f ? x : x * slope;
}""",
    """\
static float sign(float x)
{
    return x > 0.0f ? 1.0f : x < 0.0f ? -1.0f : x;
}""",
    """\
static float maximum(float a, float b)
{
    return a > b || a != a ? a : b;
}""",
    """\
static float minimum(float a, float b)
{
    return a < b || a != a ? a : b;
}""",
    "static float square(float x)\n{\n    return x * x;\n}",
    """\
static float whole_power(float x, int n)
{
    float result = 1.0f;
    for (int i = 0; i < (n < 0 ? -n : n); i++)
        result *= x;
    return n < 0 ? 1.0f / result : result;
}""",
]

BITS = "typedef union { float number; uint32_t bits; } bits_of;"

FROM_BITS = """\
static float from_bits(uint32_t bits)
{
    bits_of both;
    both.bits = bits;
    return both.number;
}"""

TO_BITS = """\
static uint32_t to_bits(float number)
{
    bits_of both;
    both.number = number;
    return both.bits;
}"""

INFINITE = ["#define INFINITY from_bits(0x7f800000u)", "#define NAN from_bits(0x7fc00000u)"]

MAGNITUDE = """\
static float magnitude(float x)
{
    return from_bits(to_bits(x) & 0x7fffffffu);
}"""

FLOOR = """\
static float whole_below(float x)
{
    if (!(magnitude(x) < 8388608.0f)) /* 2^23: whole already, or no number */
        return x;
    const float cut = (float)(int32_t)x;
    return cut > x ? cut - 1.0f : cut;
}"""

POWER_OF_TWO = """\
/* 2^k with k the whole number that adding 1.5 * 2^23 has left in the last bits of a float. */
static float power_of_two(float shifted)
{
    return from_bits((to_bits(shifted) - 0x4b400000u + 127u) << 23);
}"""


def _exp_parts() -> str:
    high, low = literal(2 * 0.693359375), literal(2 * (math.log(2) - 0.693359375))
    return f"""\
/* a and s with exp x = a s s: x = 2 k ln 2 + r, s = 2^k, a = exp(r), -104.5 <= x <= 89. */
static float exp_parts(float x, float *power)
{{
    const float shifted = x * {literal(0.5 / math.log(2))} + 12582912.0f;
    const float k = shifted - 12582912.0f;
    const float r = (x - k * {high}) - k * {low};
    {table("EXP", "r", "tail")}
    *power = power_of_two(shifted);
    return (tail * r + 1.0f) * r + 1.0f;
}}"""


def _within(name: str, high: float) -> str:
    return f"(x < -104.5f ? -104.5f : x > {literal(high)} ? {literal(high)} : x)"


def _exp() -> str:
    return f"""\
static float exponential(float x)
{{
    float power;
    const float grown = exp_parts({_within("x", 89.0)}, &power);
    return grown * power * power;
}}"""


def _sigmoid() -> str:
    return f"""\
static float sigmoid(float x)
{{
    float power;
    const float grown = exp_parts({_within("x", 20.0)}, &power);
    const float e = grown * power * power;
    return e / (1.0f + e);
}}"""


def _tanh() -> str:
    half = 0.5 * math.log(2)
    high = 0.5 * 0.693359375
    return f"""\
/* m / (m + 1) with m = (exp(2 |x|) - 1) / 2 and |x| = k ln 2 / 2 + r. */
static float hyperbolic_tangent(float x)
{{
    const float size = magnitude(x) > 10.0f ? 10.0f : magnitude(x);
    const float shifted = size * {literal(1 / half)} + 12582912.0f;
    const float k = shifted - 12582912.0f;
    const float r = (size - k * {literal(high)}) - k * {literal(half - high)};
    {table("TANH", "r", "tail")}
    const float power = power_of_two(shifted);
    const float m = power * (tail * (r * r) + r) + (power * 0.5f - 0.5f);
    return from_bits(to_bits(m / (m + 1.0f)) | (to_bits(x) & 0x80000000u));
}}"""


def _softplus() -> str:
    return f"""\
/* max(x, 0) + ln(1 + y) with y = exp(-|x|), and ln(1 + y) = 2 atanh(y / (2 + y)). */
static float softplus(float x)
{{
    const float size = magnitude(x) > 104.5f ? 104.5f : magnitude(x);
    float power;
    const float grown = exp_parts(-size, &power);
    const float y = grown * power * power;
    const float twice = y * (2.0f / (y + 2.0f));
    const float z = twice * 0.25f * twice;
    {table("LOG1P", "z", "tail")}
    return twice * (tail * z + 1.0f) + (x < 0.0f ? 0.0f : x);
}}"""


def _log() -> str:
    return f"""\
/* x = 2^k (1 + f), 0.7 < 1 + f < 1.42; ln(1 + f) by s = f / (2 + f) and z = s s. */
static float logarithm(float x)
{{
    const int tiny = x < 1.17549435e-38f;
    const uint32_t bits = to_bits(tiny ? x * 33554432.0f : x);
    const uint32_t above = bits - 0x3f3504f3u;
    const float k = (float)((int32_t)above >> 23) - (tiny ? 25.0f : 0.0f);
    const float f = from_bits((above & 0x007fffffu) + 0x3f3504f3u) - 1.0f;
    const float h = 0.5f * f * f, s = f / (f + 2.0f), z = s * s;
    {table("LOG", "z", "tail")}
    const float low = s * (z * tail + h) + k * {literal(math.log(2) - 0.693359375)};
    const float result = k * 0.693359375f + (f - (h - low));
    if (!(x > 0.0f))
        return x == 0.0f ? from_bits(0xff800000u) : from_bits(0x7fc00000u);
    return to_bits(x) == 0x7f800000u ? x : result;
}}"""


SQRT = """\
/* Newton's iteration for 1 / sqrt(x), and one for sqrt(x) itself. */
static float square_root(float x)
{
    if (!(x > 0.0f) || to_bits(x) >= 0x7f800000u)
        return x < 0.0f ? from_bits(0x7fc00000u) : x;
    const int tiny = x < 1.17549435e-38f;
    const float a = tiny ? x * 16777216.0f : x;
    float y = from_bits(0x5f3759dfu - (to_bits(a) >> 1));
    for (int i = 0; i < 3; i++)
        y *= 1.5f - 0.5f * a * y * y;
    float root = a * y;
    root = 0.5f * (root + a / root);
    return tiny ? root * 0.000244140625f : root;
}"""


def _sine() -> str:
    return f"""\
/* sin(x + quarters pi/2), by x = k pi/2 + r; NaN beyond 8192, where digits of r would be lost. */
static float sine(float x, uint32_t quarters)
{{
    const float shifted = x * {literal(2 / math.pi)} + 12582912.0f;
    const float k = shifted - 12582912.0f;
    const float r = ((x - k * 1.5703125f) - k * 4.83751296997e-4f) - k * 7.5497899548e-8f;
    const float z = r * r;
    {table("SIN", "z", "odd")}
    {table("COS", "z", "even")}
    const uint32_t quadrant = to_bits(shifted) + quarters;
    const float s = r * z * odd + r, c = z * z * even + (1.0f - 0.5f * z);
    if (!(magnitude(x) <= 8192.0f))
        return from_bits(0x7fc00000u);
    return from_bits(to_bits(quadrant & 1u ? c : s) ^ ((quadrant & 2u) << 30));
}}"""


def functions(libm: bool) -> list[str]:
    """All functions, each after those that it calls."""
    if libm:
        found = WITH_LIBM.copy()
    else:
        found = [BITS, FROM_BITS, TO_BITS, *INFINITE, MAGNITUDE, FLOOR, POWER_OF_TWO, _exp_parts()]
        found += [_tanh(), _exp(), _sigmoid(), _softplus(), _log(), SQRT, _sine()]
    return [*found, *ALWAYS, ADD_PRODUCT, ADD_PRODUCT_INT8]


def used_in(text: str, candidates: Collection[str]) -> list[str]:
    """The functions that the text uses, directly or indirectly."""
    found: list[str] = []
    for part in reversed(list(candidates)):
        match = re.search(r"^(?:static .*?(\w+)\(|#define (\w+)|typedef .* (\w+);)", part, re.M)
        assert match is not None
        name = next(group for group in match.groups() if group)
        if re.search(rf"\b{name}\b", text):
            found.insert(0, part)
            text += part
    return found


def refuse_power(exponent: float) -> None:
    """Refuse a power that is not an integer, which needs pow of libm."""
    raise ArgumentError(
        f"the equation raises to the power {exponent:g}, which C without libm cannot compute: "
        f"export it without --no-libm, or write it with sqrt, exp and log"
    )
