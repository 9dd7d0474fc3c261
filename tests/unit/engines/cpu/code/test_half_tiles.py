"""Weights of bfloat16: packed in pairs, and multiplied in either way that there is."""

import copy
import ctypes
import itertools
from dataclasses import replace
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import unrolled
from tests.tolerances import EXACT, FLOAT32, assert_agrees
from unrolled.engines.cpu import program
from unrolled.engines.cpu.call import bind
from unrolled.engines.cpu.call.interpret import rounded
from unrolled.engines.cpu.code import half_tiles, pairs, rows
from unrolled.engines.cpu.code.half_tiles import BLOCK
from unrolled.engines.cpu.code.tiles import tiles
from unrolled.engines.cpu.machine import jit
from unrolled.engines.cpu.machine.target import AVX2, AVX512, NEON, Target, host

pytestmark = pytest.mark.exhaustive

LANES = host().lanes(32)
SIGNATURE = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
JOBS = 2
AVX512_BF16 = replace(AVX512, features="+avx512bf16")


def run(function: int, head: list[int], words: list[int]) -> None:
    table = np.array([JOBS, 1, *head, *words], np.int64)
    for job in range(JOBS):
        SIGNATURE(function)(table.ctypes.data, job, job + 1)


def halves(numbers: np.ndarray) -> np.ndarray:
    """The bits of numbers that are bfloat16 already."""
    return (numbers.astype(np.float32).view(np.uint32) >> 16).astype(np.uint16)


def packed(matrix: np.ndarray, *, transposed: bool) -> np.ndarray:
    """A matrix, (units, length), packed by the machine: panel, pair of k, unit, one of the two."""
    units, length = matrix.shape
    height, panels = length + length % 2, -(-units // LANES)
    given = np.ascontiguousarray(halves(matrix.T if transposed else matrix))
    to = np.full(panels * height * LANES, 0xFFFF, np.uint16)
    known = {
        "to": to.ctypes.data, "from": given.ctypes.data, "units": units, "length": length,
        "height": height, "unit_stride": 1 if transposed else length,
        "k_stride": units if transposed else 1, "panels": panels, "panel_stride": height * LANES,
    }  # fmt: skip
    run(pairs.pairs().address("pairs"), [], [known[name] for name in pairs.FIELDS])
    return to.reshape(panels, height // 2, LANES, 2)


@pytest.mark.parametrize("transposed", [False, True])
def test_pairs(transposed: bool) -> None:
    random = np.random.default_rng(0)
    for units, length in itertools.product((1, LANES, 2 * LANES + 3), (1, 2, 5, 2 * LANES, 70)):
        matrix = rounded(random.standard_normal((units, length)))
        found = packed(matrix, transposed=transposed)
        panels, count = found.shape[:2]
        wide = np.zeros((panels * LANES, 2 * count))
        wide[:units, :length] = matrix
        expected = halves(wide).reshape(panels, LANES, count, 2).swapaxes(1, 2)
        np.testing.assert_array_equal(found, expected, err_msg=f"{units} x {length}")


def multiplied(tile: int, a: np.ndarray, matrix: np.ndarray, *, half: bool) -> np.ndarray:
    """a @ matrix.T by the tiles at an address."""
    units, length = matrix.shape
    panels = -(-units // LANES)
    if half:
        b: Any = packed(matrix, transposed=False)
    else:
        b = np.zeros((panels, LANES, length), np.float32)
        b.reshape(panels * LANES, length)[:units] = matrix
        b = np.ascontiguousarray(b.swapaxes(1, 2))
    c = np.full((len(a), panels * LANES), np.nan, np.float32)
    known = {"a": a.ctypes.data, "a_stride": a.shape[1], "rows": len(a), "b": b.ctypes.data,
             "panels": panels, "length": length, "c": c.ctypes.data, "c_stride": c.shape[1],
             "add": 0}  # fmt: skip
    run(rows.rows(32, half=half).address("rows"), [tile], [known[name] for name in rows.FIELDS])
    return c[:, :units]


def numbers(*shape: int) -> np.ndarray:
    return np.random.default_rng(len(shape)).standard_normal(shape).astype(np.float32)


@pytest.mark.skipif(host().multiplies_bfloat16, reason="this machine rounds rows, too")
def test_widened_weights_give_the_same_bits() -> None:
    for count, length in itertools.product((1, 2, 3, 7), (1, 2, 5, 33)):
        a, matrix = numbers(count, length), rounded(numbers(5 * LANES, length))
        found = multiplied(half_tiles.half_tiles().address, a, matrix, half=True)
        expected = multiplied(tiles(32).address, a, matrix, half=False)
        assert_agrees(found, expected, tolerance=EXACT, name=f"{count} x {length}")


def test_what_vdpbf16ps_does() -> None:
    """Rows are rounded, in more than one block where they are long."""
    for count, length in ((1, 1), (3, 5), (2, 64), (8, 2 * BLOCK), (1, 2 * BLOCK + 3)):
        a, matrix = numbers(count, length), rounded(numbers(3 * LANES + 1, length))
        found = multiplied(half_tiles.half_tiles(lowered=True).address, a, matrix, half=True)
        expected = rounded(a).astype(np.float64) @ matrix.T.astype(np.float64)
        assert_agrees(found, expected, tolerance=FLOAT32, name=f"{count} x {length}")


@pytest.mark.parametrize(
    ("target", "instructions", "without"),
    [
        (AVX2, ["vpslld", "vfmadd231ps"], "vdpbf16ps"),
        (AVX512, ["vpslld", "zmm"], "vdpbf16ps"),
        (NEON, ["shl", "fmla"], "bfdot"),
        (AVX512_BF16, ["vdpbf16ps", "vcvtneps2bf16", "zmm"], "vfmadd"),
    ],
)
def test_the_instructions(target: Target, instructions: list[str], without: str) -> None:
    assert target.multiplies_bfloat16 is (target is AVX512_BF16)
    code = jit.assembly(half_tiles.module(target), target)
    assert all(instruction in code for instruction in instructions)
    assert without not in code


def gradients(layer: Any, x: Tensor, weigh: Tensor) -> list[Tensor]:
    layer.zero_grad()
    x = x.clone().requires_grad_()
    y = layer(x)[0]
    (y * weigh.to(y.dtype)).sum().backward()
    return [y.detach(), x.grad, *[p.grad for p in layer.parameters()]]


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_the_error_of_vdpbf16ps_is_no_larger_than_that_of_torch(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, used = half_tiles.half_tiles, list[Any]()

    def lowered() -> Any:
        used.append(made(lowered=True))
        return used[-1]

    monkeypatch.setattr(program, "_programs", WeakValueDictionary())
    for module in (half_tiles, bind):
        monkeypatch.setattr(module, "half_tiles", lowered)
    torch.manual_seed(1)
    theirs = getattr(nn, kind)(6, 19).bfloat16()
    drop_in, _ = unrolled.convert(copy.deepcopy(theirs))
    exact = copy.deepcopy(drop_in).double()
    x, weigh = torch.randn(9, 4, 6).bfloat16(), torch.randn(9, 4, 19).bfloat16()
    reference = gradients(exact, x.double(), weigh.double())

    def error(layer: Any) -> float:
        found = gradients(layer, x, weigh)
        each = [((a.double() - b).norm() / b.norm()).item()
                for a, b in zip(found, reference, strict=True)]  # fmt: skip
        return sum(each) / len(each)

    assert 0 < error(drop_in) <= error(theirs)
    assert len(used) >= 2  # forward and backward
