"""Products of rows with packed weights against NumPy's, whole tiles and not."""

import ctypes
import itertools

import numpy as np
import pytest

from tests.tolerances import FLOAT32, FLOAT64, assert_agrees
from unrolled.engines.cpu.code.rows import FIELDS, rows
from unrolled.engines.cpu.code.tiles import tiles
from unrolled.engines.cpu.machine.target import host

JOBS = 2
KINDS = {32: (np.float32, FLOAT32), 64: (np.float64, FLOAT64)}
SIGNATURE = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("add", [0, 1])
def test_products_of_rows(bits: int, add: int) -> None:
    dtype, tolerance = KINDS[bits]
    lanes = host().lanes(bits)
    random = np.random.default_rng(bits + add)
    function = SIGNATURE(rows(bits).address("rows"))
    for count, panels, length in itertools.product((1, 6, 13), (1, 4, 6), (1, 5, 64)):
        a = random.standard_normal((count, length + 3)).astype(dtype)
        b = random.standard_normal((panels, length, lanes)).astype(dtype)
        width = panels * lanes
        c = random.standard_normal((count, width + 5)).astype(dtype)
        beyond = c[:, width:].copy()
        weights = b.swapaxes(0, 1).reshape(length, width)
        expected = a[:, :length].astype(np.float64) @ weights + (c[:, :width] if add else 0)
        if not add:
            c[:, :width] = np.nan
        words = {
            "a": a.ctypes.data, "a_stride": a.shape[1], "rows": count, "b": b.ctypes.data,
            "panels": panels, "length": length, "c": c.ctypes.data, "c_stride": c.shape[1],
            "add": add,
        }  # fmt: skip
        table = np.array([JOBS, 1, tiles(bits).address, *(words[n] for n in FIELDS)], np.int64)
        for job in range(JOBS):
            function(table.ctypes.data, job, job + 1)
        name = f"{count} x {length} x {width}"
        assert_agrees(c[:, :width], expected, tolerance=tolerance, name=name)
        np.testing.assert_array_equal(c[:, width:], beyond)
