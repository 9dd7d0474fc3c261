"""Sums of outer products against NumPy's, for shapes that fill tiles and shapes that do not."""

import ctypes
import itertools
from typing import Any

import numpy as np
import pytest

from tests.tolerances import FLOAT32, FLOAT64, assert_agrees
from unrolled.engines.cpu.code.outer import BLOCK, FIELDS, outer
from unrolled.engines.cpu.machine.target import host

JOBS = 3
KINDS = {32: (np.float32, FLOAT32), 64: (np.float64, FLOAT64)}
SIGNATURE = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)


def in_panels(tokens: Any, lanes: int, room: int) -> Any:
    """(T, n) -> (panels, room, lanes); where no number belongs stands NaN."""
    count, units = tokens.shape
    panels = -(-units // lanes)
    result = np.full((panels, room, lanes), np.nan, tokens.dtype)
    for unit in range(units):
        result[unit // lanes, :count, unit % lanes] = tokens[:, unit]
    return result


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("fresh", [0, 1])
def test_sums_of_outer_products(bits: int, fresh: int) -> None:
    dtype, tolerance = KINDS[bits]
    lanes = host().lanes(bits)
    random = np.random.default_rng(bits + fresh)
    function = SIGNATURE(outer(bits).address("outer"))
    sizes = (1, lanes, 2 * lanes + 3), (1, lanes - 1, 4 * lanes + 5), (1, BLOCK, 2 * BLOCK + 7)
    for units, columns, tokens in itertools.product(*sizes):
        a = random.standard_normal((tokens, units)).astype(dtype)
        b = random.standard_normal((tokens, columns)).astype(dtype)
        c = random.standard_normal((units + 1, columns)).astype(dtype)
        expected = a.T.astype(np.float64) @ b + (0 if fresh else c[:units])
        last_row = c[units].copy()
        if fresh:
            c[:units] = np.nan
        room = tokens + 2
        left, right = in_panels(a, lanes, room), in_panels(b, lanes, room)
        words = {
            "a": left.ctypes.data, "a_panel": room * lanes, "units": units,
            "b": right.ctypes.data, "b_panel": room * lanes, "columns": columns,
            "c": c.ctypes.data, "tokens": tokens, "fresh": fresh,
        }  # fmt: skip
        table = np.array([JOBS, 1, *(words[name] for name in FIELDS)], np.int64)
        for job in range(JOBS):
            function(table.ctypes.data, job, job + 1)
        assert_agrees(c[:units], expected, tolerance=tolerance, name=f"{units} x {columns}")
        np.testing.assert_array_equal(c[units], last_row)
