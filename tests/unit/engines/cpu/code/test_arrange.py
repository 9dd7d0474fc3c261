"""Every copy against NumPy's own: whole vectors, squares and tails, of any shape."""

import ctypes
import itertools
from typing import Any

import numpy as np
import pytest

from unrolled.engines.cpu.code.arrange import FIELDS, arrange
from unrolled.engines.cpu.machine.target import host

JOBS = 2
NUMBERS = {32: np.float32, 64: np.float64}
SIGNATURE = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)


def copied(bits: int, to: Any, **fields: int) -> None:
    """One copy, its panels dealt to two jobs, one after the other."""
    given = {"to": to.ctypes.data, "from": 0, "second": 0, "apart": 0, "index": 0} | fields
    given = {"sources": 2 if given["second"] else 1, "room": 1 << 60} | given
    table = np.array([JOBS, 1, *(given[name] for name in FIELDS)], np.int64)
    function = SIGNATURE(arrange(bits).address("arrange"))
    for job in range(JOBS):
        function(table.ctypes.data, job, job + 1)


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("is_flat", [False, True])
@pytest.mark.parametrize("sources", [0, 1, 2])
def test_panels_of_a_matrix(bits: int, is_flat: bool, sources: int) -> None:
    lanes = host().lanes(bits)
    random = np.random.default_rng(bits)
    sizes = (1, lanes - 1, lanes, lanes + 3, 3 * lanes), (0, 1, lanes, 2 * lanes + 5), (0, 3)
    for units, length, more_rows in itertools.product(*sizes):
        height, panels = length + more_rows, -(-units // lanes)
        shape = (length, units) if is_flat else (units, length)
        arrays = [random.standard_normal(shape).astype(NUMBERS[bits]) for _ in range(sources)]
        expected = np.zeros((panels * lanes, height), NUMBERS[bits])
        for array in arrays:
            expected[:units, :length] += array.T if is_flat else array
        to = np.full((panels, height, lanes), np.nan, NUMBERS[bits])
        addresses = {n: a.ctypes.data for n, a in zip(("from", "second"), arrays, strict=False)}
        copied(
            bits, to, **addresses, units=units, length=length, height=height,
            unit_stride=1 if is_flat else length, k_stride=units if is_flat else 1,
            panels=panels, panel_stride=height * lanes, row_stride=lanes,
        )  # fmt: skip
        turned = expected.reshape(panels, lanes, height).swapaxes(1, 2)
        np.testing.assert_array_equal(to, turned, err_msg=f"{units} x {length}")


@pytest.mark.parametrize("bits", [32, 64])
def test_rows_by_number_go_where_there_is_room(bits: int) -> None:
    """Rows of whole vectors, in any order, to rows without padding, and nothing behind them."""
    lanes = host().lanes(bits)
    random = np.random.default_rng(bits)
    for units, rows in itertools.product((1, lanes - 1, lanes, 2 * lanes + 3), (0, 1, 5)):
        panels = -(-units // lanes)
        source = random.standard_normal((7, panels * lanes)).astype(NUMBERS[bits])
        index = random.integers(0, 7, rows)
        to = np.full(rows * units + lanes, np.nan, NUMBERS[bits])
        copied(
            bits, to, **{"from": source.ctypes.data}, index=index.ctypes.data, units=units,
            length=rows, height=rows, unit_stride=1, k_stride=panels * lanes, panels=panels,
            panel_stride=lanes, row_stride=units, room=units,
        )  # fmt: skip
        found = to[: rows * units].reshape(rows, units)
        np.testing.assert_array_equal(found, source[index][:, :units], err_msg=f"{units} x {rows}")
        assert np.isnan(to[rows * units :]).all()


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("count", [1, 2, 5])
def test_further_sources_are_added(bits: int, count: int) -> None:
    """One row for each job, added up."""
    lanes = host().lanes(bits)
    random = np.random.default_rng(bits)
    for units in (1, lanes, 2 * lanes + 3):
        panels = -(-units // lanes)
        source = random.standard_normal((count, panels * lanes)).astype(NUMBERS[bits])
        to = np.full(units, np.nan, NUMBERS[bits])
        copied(
            bits, to, **{"from": source.ctypes.data}, second=source[1:].ctypes.data,
            apart=panels * lanes, sources=count, units=units, length=1, height=1, unit_stride=1,
            k_stride=0, panels=panels, panel_stride=lanes, row_stride=0, room=units,
        )  # fmt: skip
        expected = np.zeros(units, NUMBERS[bits])
        for row in source:
            expected += row[:units]
        np.testing.assert_array_equal(to, expected, err_msg=f"{units}")
