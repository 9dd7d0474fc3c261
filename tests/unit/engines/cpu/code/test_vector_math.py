"""The vector functions against float64 and mpmath: every threshold, every special value."""

from collections.abc import Callable

import mpmath
import numpy as np
import pytest

from tests.tolerances import EXACT, assert_agrees
from tests.vector_kernels import compiled
from unrolled.engines.cpu.code import vector_math
from unrolled.engines.cpu.code.vector_math import ANGLE_LIMIT, LARGEST_ERROR
from unrolled.engines.cpu.machine.target import AVX2, host

mpmath.mp.dps = 50
FUNCTIONS = sorted(LARGEST_ERROR)
INF, NAN = np.inf, np.nan


def agrees(actual: np.ndarray, expected: np.ndarray) -> None:
    """The same bits, and NaN at the same places."""
    assert_agrees(actual, expected, tolerance=EXACT, same_nan=True)


def sigmoid(x: mpmath.mpf) -> mpmath.mpf:
    return 1 / (1 + mpmath.exp(-x))


def softplus(x: mpmath.mpf) -> mpmath.mpf:
    return max(x, mpmath.mpf(0)) + mpmath.log1p(mpmath.exp(-abs(x)))


REFERENCE: dict[str, Callable[[mpmath.mpf], mpmath.mpf]] = {
    "tanh": mpmath.tanh,
    "sigmoid": sigmoid,
    "exp": mpmath.exp,
    "softplus": softplus,
    "log": mpmath.log,
    "sin": mpmath.sin,
    "cos": mpmath.cos,
    "sqrt": mpmath.sqrt,
}


def lanes_of(bits: int) -> int:
    return 16 if bits == 32 else 8


def neighbours(values: list[float], dtype: np.dtype) -> np.ndarray:
    """Each value with three numbers on either side of it."""
    here = np.array(values, dtype)
    result, above, below = [here], here, here
    with np.errstate(over="ignore"):  # beyond the largest number stands inf, which is dropped
        for _ in range(3):
            above = np.nextafter(above, dtype.type(INF))
            below = np.nextafter(below, dtype.type(-INF))
            result += [above, below]
    return np.concatenate(result)


def points(name: str, bits: int) -> np.ndarray:
    """Where to look: around 0, small and huge numbers of all sizes, around every threshold."""
    dtype = np.dtype(f"float{bits}")
    limits = np.finfo(dtype)
    random = np.random.default_rng(7)
    sizes = np.exp(random.uniform(np.log(float(limits.tiny)), np.log(float(limits.max)), 400))
    subnormal = limits.smallest_subnormal * random.integers(1, 2**22, 50)
    ln2 = np.log(2.0)
    thresholds = [0.0, 1.0, 2.0, 10.0, 20.0, 40.0, 0.5, np.sqrt(0.5), np.sqrt(2.0)]
    thresholds += [87.33, 88.72, 89.0, 103.28, 103.97, 104.5, 708.4, 709.78, 745.13, 746.0]
    thresholds += [limits.tiny, limits.max, limits.smallest_subnormal, ANGLE_LIMIT[bits]]
    thresholds += [k * ln2 for k in (0.25, 0.5, 0.75, 1, 3, 15, 100)]
    thresholds += [k * np.pi / 4 for k in (1, 2, 3, 4, 5, 1000, 99999)]
    turns = random.integers(1, 2**18 if bits == 32 else 2**40, 100) * (np.pi / 2)
    parts = [
        neighbours(thresholds, dtype),
        np.linspace(0, 4, 300),
        random.uniform(0, 110, 300),
        random.uniform(0, 760, 100),
        np.exp(random.uniform(-30, 0, 200)),
        1 + random.normal(0, 1e-3, 100),
        sizes,
        subnormal,
        turns,
    ]
    positive = np.concatenate([np.asarray(part, np.float64) for part in parts]).astype(dtype)
    values = np.concatenate([positive, -positive])
    values = values[np.isfinite(values)]
    if name in ("log", "sqrt"):
        values = values[values > 0]
    if name in ("sin", "cos"):
        values = values[np.abs(values) <= ANGLE_LIMIT[bits]]
    return np.unique(values)


def error_in_ulp(actual: float, exact: mpmath.mpf, bits: int) -> float:
    """The distance in units of the last place that a number of this format has at `exact`."""
    limits = np.finfo(f"float{bits}")
    exponent = mpmath.frexp(exact)[1] - 1 if exact else limits.minexp
    unit = mpmath.mpf(2) ** (max(int(exponent), limits.minexp) - limits.nmant)
    if np.isinf(actual):  # as far as the number after the largest
        actual_exact = mpmath.sign(actual) * mpmath.mpf(2) ** limits.maxexp
        unit = mpmath.mpf(2) ** (limits.maxexp - 1 - limits.nmant)
        return float(max(0, abs(actual_exact) - abs(exact)) / unit)
    return float(abs(mpmath.mpf(float(actual)) - exact) / unit)


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_error_is_within_the_stated_bound(name: str, bits: int) -> None:
    xs = points(name, bits)
    ys = compiled(getattr(vector_math, name), bits, lanes_of(bits))(xs)
    assert xs.size > 500
    errors = [error_in_ulp(y, REFERENCE[name](mpmath.mpf(float(x))), bits) for x, y in zip(xs, ys)]
    worst = int(np.argmax(errors))
    assert not np.isnan(errors).any()
    assert errors[worst] <= LARGEST_ERROR[name][bits], (xs[worst], ys[worst])


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_number_of_lanes_gives_the_same_bits(name: str, bits: int) -> None:
    xs = points(name, bits)
    write = getattr(vector_math, name)
    expected = compiled(write, bits)(xs)
    for lanes in (1, 2, 4, 8, 16):
        agrees(compiled(write, bits, lanes)(xs), expected)
    if host().triple.startswith("x86_64-") and host().vector_bytes == 64:
        agrees(compiled(write, bits, AVX2.lanes(bits), target=AVX2)(xs), expected)


SPECIAL = {  # x, what the function gives
    "tanh": [(INF, 1), (-INF, -1), (0.0, 0.0), (-0.0, -0.0), (30, 1), (-30, -1)],
    "sigmoid": [(INF, 1), (-INF, 0), (0.0, 0.5), (-0.0, 0.5), (50, 1), (-800, 0)],
    "exp": [(INF, INF), (-INF, 0), (0.0, 1), (-0.0, 1), (1e4, INF), (-1e4, 0)],
    "softplus": [(INF, INF), (-INF, 0), (1e30, 1e30), (-1e30, 0)],
    "log": [(INF, INF), (0.0, -INF), (-0.0, -INF), (1, 0), (-1, NAN), (-INF, NAN), (-1e-40, NAN)],
    "sin": [(INF, NAN), (-INF, NAN), (0.0, 0.0), (-0.0, -0.0), (1e30, NAN), (-1e30, NAN)],
    "cos": [(INF, NAN), (-INF, NAN), (0.0, 1), (-0.0, 1), (1e30, NAN)],
    "sqrt": [(INF, INF), (-INF, NAN), (0.0, 0.0), (-0.0, -0.0), (-1, NAN), (4, 2)],
}


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_special_values(name: str, bits: int) -> None:
    xs, expected = np.array([*SPECIAL[name], (NAN, NAN), (-NAN, NAN)], f"float{bits}").T
    actual = compiled(getattr(vector_math, name), bits, lanes_of(bits))(xs)
    agrees(actual, expected)
    signed = ~np.isnan(expected)
    assert np.array_equal(np.signbit(actual[signed]), np.signbit(expected[signed]))


@pytest.mark.parametrize("bits", [32, 64])
def test_tanh_is_odd_and_bounded_and_grows(bits: int) -> None:
    tanh = compiled(vector_math.tanh, bits, lanes_of(bits))
    xs = points("tanh", bits)
    ys = tanh(xs)
    agrees(ys, -tanh(-xs))
    assert np.abs(ys).max() == 1.0
    steps = np.linspace(-7, 7, 400, dtype=xs.dtype)  # where it grows by more than its error
    assert (np.diff(tanh(steps)) >= 0).all()


@pytest.mark.parametrize("bits", [32, 64])
def test_tiny_arguments_pass_through_tanh_and_sin(bits: int) -> None:
    limits = np.finfo(f"float{bits}")
    xs = np.array([limits.smallest_subnormal, limits.tiny / 3, limits.tiny, limits.tiny * 1e3])
    xs = xs.astype(limits.dtype)
    for write in (vector_math.tanh, vector_math.sin):
        agrees(compiled(write, bits, 4)(xs), xs)


@pytest.mark.parametrize("bits", [32, 64])
def test_sigmoid_and_softplus_do_not_vanish_before_exp_does(bits: int) -> None:
    low = -103.9 if bits == 32 else -745.0
    xs = np.linspace(low, 0.8 * low, 50).astype(f"float{bits}")
    exponential = compiled(vector_math.exp, bits, 4)(xs)
    assert (exponential > 0).all()
    agrees(compiled(vector_math.sigmoid, bits, 4)(xs), exponential)
    agrees(compiled(vector_math.softplus, bits, 4)(xs), exponential)


@pytest.mark.parametrize("bits", [32, 64])
def test_maximum_and_minimum_keep_nan(bits: int) -> None:
    a = np.array([1, 2, NAN, 3, NAN, INF, -INF, 0, -1], f"float{bits}")
    b = np.array([2, 1, 3, NAN, NAN, 1, 1, -1, 0], f"float{bits}")
    for write, reference in (
        (vector_math.maximum, np.maximum),
        (vector_math.minimum, np.minimum),
    ):
        for lanes in (None, 1, 4, 8):
            actual = compiled(write, bits, lanes, arity=2)(a, b)
            agrees(actual, reference(a, b))


def test_fma_rounds_once() -> None:
    a = np.array([1 + 2.0**-12], np.float32)
    c = -(a * a)
    expected = (a.astype(np.float64) ** 2 + c).astype(np.float32)
    assert expected[0] != 0
    agrees(compiled(vector_math.fma, 32, 4, arity=3)(a, a, c), expected)


def power_bound(exponent: float, x: float, bits: int) -> float:
    """What the docstring of `power` promises."""
    if exponent == int(exponent) and abs(exponent) <= 64:
        return abs(exponent) + 1
    if exponent * 2 == int(exponent * 2) and abs(exponent) <= 8:
        return abs(exponent) + 1
    return 0.51 if bits == 32 else 2 + 2.5 * abs(exponent * np.log(abs(x)))


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize(
    "exponent", [0, 1, 2, 3, 7, -1, -2, -3, 0.5, -0.5, 1.5, -2.5, 0.3, -1.7, np.pi, 65, -66, 9.5]
)
def test_powers(exponent: float, bits: int) -> None:
    dtype = np.dtype(f"float{bits}")
    random = np.random.default_rng(3)
    sizes = np.concatenate([random.uniform(0.01, 10, 200), np.exp(random.uniform(-9, 9, 200))])
    xs = sizes.astype(dtype)
    if exponent == int(exponent):
        xs = np.concatenate([xs, -xs])
    limits = np.finfo(dtype)
    actual = compiled(lambda b, x: vector_math.power(b, x, exponent), bits, 8)(xs)
    checked = 0
    for x, y in zip(xs, actual):
        exact = mpmath.power(mpmath.mpf(float(x)), mpmath.mpf(exponent))
        if not 4 * float(limits.tiny) < abs(exact) < float(limits.max) / 4:
            continue
        assert error_in_ulp(y, exact, bits) <= power_bound(exponent, float(x), bits), (x, y)
        checked += 1
    assert checked >= 100


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize(
    ("exponent", "expected"),
    [
        (0, [1, 1, 1, 1, 1]),
        (2, [0, INF, NAN, 4, INF]),
        (-1, [INF, 0, NAN, -0.5, -0.0]),
        (0.5, [0, INF, NAN, NAN, NAN]),
        (-0.5, [INF, 0, NAN, NAN, NAN]),
        (0.3, [0, INF, NAN, NAN, NAN]),
        (-0.3, [INF, 0, NAN, NAN, NAN]),
        (65, [0, INF, NAN, -INF, -INF]),
        (INF, [0, INF, NAN, NAN, NAN]),
    ],
)
def test_powers_of_special_values(exponent: float, expected: list[float], bits: int) -> None:
    xs = np.array([0, INF, NAN, -2, -INF], f"float{bits}")
    if exponent == 65:
        xs[3] = -1e30
    actual = compiled(lambda b, x: vector_math.power(b, x, exponent), bits, 4)(xs)
    agrees(actual, np.array(expected, xs.dtype))


@pytest.mark.parametrize("exponent", [3, -1.5, 0.3, 65])
def test_powers_of_scalars_are_the_same(exponent: float) -> None:
    xs = np.linspace(0.1, 9, 40).astype(np.float32)
    scalar, vector = (
        compiled(lambda b, x: vector_math.power(b, x, exponent), 32, lanes) for lanes in (None, 8)
    )
    agrees(scalar(xs), vector(xs))


def test_only_float32_and_float64_are_written() -> None:
    with pytest.raises(TypeError, match="float32 and float64, not for i32"):
        compiled(lambda b, x: vector_math.tanh(b, b.bitcast(x, int32())), 32)


def int32() -> object:
    from llvmlite import ir

    return ir.IntType(32)
