"""All tolerances of the tests, each with its reason, and the one comparison function."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np


@dataclass(frozen=True)
class Tolerance:
    """How far `actual` may be from `expected`: `absolute + relative * scale`.

    `scale` is the expected number itself ("element"), or the largest number of its array ("array"):
    the rounding error of a sum of products is relative to its largest terms, so a small element of
    a matrix product is no more accurate, in absolute terms, than a large one.
    """

    relative: float
    absolute: float
    reason: str
    scale: Literal["element", "array"] = "array"
    dtype: str | None = None  # the dtype of `actual`; None: that of `expected`


EXACT = Tolerance(0.0, 0.0, "the same operations in the same order give the same bits")
FLOAT64 = Tolerance(
    1e-10,
    1e-12,
    "float64 rounds at 1.1e-16; sums in another order, over many steps",
    dtype="float64",
)
FLOAT32 = Tolerance(
    5e-5, 1e-6, "float32 rounds at 6e-8; sums in another order, over many steps", dtype="float32"
)
BFLOAT16 = Tolerance(
    2e-2,
    0.0,
    "the backward pass reads the outputs in bfloat16: 8 bits, over some steps",
)
FLOAT16 = Tolerance(
    3e-3,
    0.0,
    "the backward pass reads the outputs in float16: 11 bits, over some steps",
)
KEPT = Tolerance(
    2e-2,
    1e-6,
    "gradients computed from values rounded to bfloat16, an error of 2^-9 each, over some steps",
)
C_STEP = Tolerance(
    1e-6,
    1e-6,
    "float32 in C, a few steps: tanh and exp round differently, sums are in another order",
    dtype="float32",
)
FIGURE = Tolerance(
    1e-5, 1e-5, "a loss or a mean in float64, computed from float32 numbers", dtype="float64"
)
PROCESSES = Tolerance(
    1e-4, 0.0, "float32 gradients of two processes are added in another order", dtype="float64"
)
PROCESSES_FLOAT64 = Tolerance(
    1e-9, 0.0, "the same in float64, which Adam may make a million times larger", dtype="float64"
)
SLOPE = Tolerance(
    1e-6,
    1e-9,
    "a central difference in float64 with a step of 6e-6 rounds at about 1e-16 / 6e-6",
    dtype="float64",
)
CLIPPED = Tolerance(
    1e-6, 0.0, "torch.nn.utils.clip_grad_norm_ divides by the norm plus 1e-6", dtype="float64"
)
PENCIL = Tolerance(
    0.0,
    2e-3,
    "about forty lines, each rounded to four decimals; errors of early lines grow in later ones",
)
NEXT_TO_NOTHING = Tolerance(
    0.0, 1e-6, "weights after a few steps of Adam, each as long as the learning rate of 1e-12"
)
SHARE = Tolerance(
    0.0, 0.03, "the share of 4,000 random draws: almost four standard deviations of 0.008"
)


def assert_agrees(
    actual: Any, expected: Any, *, tolerance: Tolerance, same_nan: bool = False, name: str = "it"
) -> None:
    """Raise AssertionError unless shape, dtype and, within the tolerance, values are the same.

    A NaN on either side fails, unless `same_nan`: then both must have NaN at the same places.
    Infinities must be at the same places with the same sign.
    """
    actual, expected = _array(actual), _array(expected)
    assert actual.shape == expected.shape, f"{name}: shape {actual.shape}, not {expected.shape}"
    dtype = np.dtype(tolerance.dtype or expected.dtype)
    assert actual.dtype == dtype, f"{name}: dtype {actual.dtype}, not {dtype}"
    assert np.can_cast(actual.dtype, expected.dtype), (
        f"{name}: {expected.dtype} is too coarse a reference for {actual.dtype}"
    )
    if not np.issubdtype(actual.dtype, np.inexact):
        assert np.array_equal(actual, expected), f"{name}: {actual} is not {expected}"
        return
    nan = np.isnan(actual) | np.isnan(expected)
    if same_nan:
        assert np.array_equal(np.isnan(actual), np.isnan(expected)), f"{name}: NaN elsewhere"
    else:
        assert not nan.any(), f"{name}: {int(nan.sum())} of {nan.size} are NaN"
    _assert_close(actual[~nan], expected[~nan], tolerance, name)


def _assert_close(actual: Any, expected: Any, tolerance: Tolerance, name: str) -> None:
    infinite = np.isinf(actual) | np.isinf(expected)
    assert np.array_equal(actual[infinite], expected[infinite]), f"{name}: infinities differ"
    actual = actual[~infinite].astype(np.result_type(actual, np.float64))
    expected = expected[~infinite].astype(np.result_type(expected, np.float64))
    if not expected.size:
        return
    scale = np.abs(expected) if tolerance.scale == "element" else np.abs(expected).max()
    allowed = tolerance.absolute + tolerance.relative * scale
    error = np.abs(actual - expected)
    worst = int(np.argmax(error - allowed))
    assert (error <= allowed).all(), (
        f"{name}: {int((error > allowed).sum())} of {error.size} differ; worst: "
        f"{actual[worst]!r} is not {expected[worst]!r} (off by {error[worst]:.3g}, allowed "
        f"{np.broadcast_to(allowed, error.shape)[worst]:.3g}: {tolerance.reason})"
    )


def _array(value: Any) -> Any:
    """NumPy's view of an array, a number, or a torch tensor (which it need not import for that)."""
    return np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)
