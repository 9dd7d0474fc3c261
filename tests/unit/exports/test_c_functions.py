"""The functions that C without libm brings: how far each is from the true value."""

import ctypes
import shutil
import subprocess
from typing import Any

import numpy as np
import pytest

from unrolled.equations.ops import OPS
from unrolled.exports.c_code import WITHOUT_LIBM
from unrolled.exports.c_parts import LARGEST_ERROR, functions

CALLS = {op: f"{name}(x)" for op, name in WITHOUT_LIBM.items()} | {
    "sin": "sine(x, 0u)",
    "cos": "sine(x, 1u)",
}
SPECIAL = [0.0, -0.0, np.inf, -np.inf, np.nan, 1e-40, -1e-40, 3e38, -3e38, 88.7, -87.4, -104.0]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Any:
    if shutil.which("gcc") is None:
        pytest.skip("not installed: gcc")
    folder = tmp_path_factory.mktemp("functions")
    loops = [
        f"void all_{op}(const float *a, float *b, int n)\n{{\n    for (int i = 0; i < n; i++) {{\n"
        f"        const float x = a[i];\n        b[i] = {text};\n    }}\n}}"
        for op, text in CALLS.items()
    ]
    text = "\n\n".join(["#include <stdint.h>", *functions(libm=False), *loops])
    (folder / "functions.c").write_text(text)
    command = ["gcc", "-std=c99", "-O3", "-shared", "-fPIC", "functions.c", "-o", "functions.so"]
    subprocess.run(command, cwd=folder, check=True)
    return ctypes.CDLL(str(folder / "functions.so"))


def sample(op: str, count: int) -> Any:
    """Numbers of all sizes, and many where most equations are."""
    generator = np.random.default_rng(7)
    bits = generator.integers(0, 1 << 32, count, np.uint64).astype(np.uint32)
    some = generator.normal(0, 8, count)
    x = np.concatenate([bits.view(np.float32), some.astype(np.float32), np.float32(SPECIAL)])
    x = x[~((np.abs(x) > 8192) & np.isfinite(x))] if op in ("sin", "cos") else x
    return np.ascontiguousarray(x)


def computed(library: Any, op: str, x: Any) -> Any:
    y = np.empty_like(x)
    pointers = [array.ctypes.data_as(ctypes.c_void_p) for array in (x, y)]
    getattr(library, f"all_{op}")(*pointers, len(x))
    return y


def error_in_ulps(op: str, x: Any, y: Any) -> float:
    with np.errstate(all="ignore"):
        true = OPS[op].compute(x.astype(np.float64))
        rounded = true.astype(np.float32)
        size = np.ones_like(rounded) if op in ("sin", "cos") else np.abs(rounded)
        unit = np.spacing(size).astype(np.float64)
    assert np.array_equal(np.isnan(y), np.isnan(rounded)), f"{op}: NaN elsewhere"
    finite = np.isfinite(rounded) & np.isfinite(y)
    # either may round to infinity where the true value is next to the largest number
    assert (np.abs(true[np.isfinite(rounded) != np.isfinite(y)]) > 3.4e38).all()
    return float((np.abs(y[finite] - true[finite]) / unit[finite]).max())


@pytest.mark.parametrize("op", CALLS)
def test_error_is_within_the_stated_bound(library: Any, op: str) -> None:
    x = sample(op, 200_000)
    assert error_in_ulps(op, x, computed(library, op, x)) <= LARGEST_ERROR.get(op, 0.0)


def test_a_sine_that_would_have_no_digits_is_nan(library: Any) -> None:
    x = np.float32([8193, -1e9])
    assert np.isnan(computed(library, "sin", x)).all()
