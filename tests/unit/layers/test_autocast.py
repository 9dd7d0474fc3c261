"""Layers under torch.autocast: what torch.nn's take, and the dtypes that they give back."""

from typing import Any

import pytest
import torch
from torch import nn

import unrolled
from tests.tolerances import FLOAT32, assert_agrees
from unrolled import cells

HALVES = [torch.bfloat16, torch.float16]


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
@pytest.mark.parametrize("half", HALVES)
@pytest.mark.parametrize("dtype", [torch.float32, *HALVES])
def test_the_dtypes_of_torch(kind: str, half: torch.dtype, dtype: torch.dtype) -> None:
    if kind == "LSTM" and dtype != half:
        return  # some machines' oneDNN has no such LSTM
    x = torch.randn(4, 2, 3).to(dtype)
    with torch.autocast("cpu", half):
        theirs, last = getattr(nn, kind)(3, 5)(x)
        layer = getattr(unrolled, kind)(3, 5)
        y, states = layer(x)
        again, _ = layer(x, states)
    flat = (states, last) if isinstance(last, torch.Tensor) else (states[0], last[0])
    assert (y.dtype, flat[0].dtype) == (theirs.dtype, flat[1].dtype)
    assert again.dtype == y.dtype
    y.float().sum().backward()
    assert layer.weight_ih_l0.grad.dtype == torch.float32


def test_it_computes_in_the_precision_of_the_layer() -> None:
    layer = unrolled.Recurrent(cells.GRU, 3, 5)
    x = torch.randn(4, 2, 3).bfloat16()
    expected, _ = layer(x.float())
    with torch.autocast("cpu", torch.bfloat16):
        y, last, more = layer(x, lengths=[4, 4], record=["z"])
    assert_agrees(y.float(), expected.bfloat16().float(), tolerance=FLOAT32)
    assert last.dtype == more["z"].dtype == torch.bfloat16


def test_a_packed_sequence_and_double_precision() -> None:
    layer: Any = unrolled.LSTM(3, 5)
    packed = nn.utils.rnn.pack_sequence([torch.randn(n, 3).bfloat16() for n in (4, 2)])
    with torch.autocast("cpu", torch.bfloat16):
        assert layer(packed)[0].data.dtype == torch.bfloat16
        assert layer.double()(torch.randn(4, 2, 3).double())[0].dtype == torch.float64
