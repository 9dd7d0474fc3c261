"""`bptt`: windows of k equal a loop that detaches the states; recomputing equals the whole."""

from typing import Any

import pytest
import torch

import unrolled
from tests.tolerances import FLOAT64, assert_agrees
from unrolled.cells import LSTM, GRUCho2014, LayerNormLSTM

T, B, I, H = 9, 3, 4, 5
CELLS = [LSTM, GRUCho2014, LayerNormLSTM]
LENGTHS = [7, 0, 9]


def layer_of(cell: Any, bptt: Any, engine: str = "cpu") -> unrolled.Recurrent:
    torch.manual_seed(0)
    return unrolled.Recurrent(cell, I, H, bptt=bptt, engine=engine, dtype=torch.float64)


def sequence() -> torch.Tensor:
    x = torch.randn(T, B, I, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return x.requires_grad_()


def results(layer: Any, lengths: Any = None) -> list[torch.Tensor]:
    x = sequence()
    y, last = layer(x, lengths=lengths)
    return [y, *(last if isinstance(last, tuple) else (last,)), *gradients(layer, x, y, last)]


def gradients(layer: Any, x: torch.Tensor, y: torch.Tensor, last: Any) -> list[torch.Tensor]:
    draw = torch.Generator().manual_seed(2)
    values = [y, *(last if isinstance(last, tuple) else (last,))]
    d = [torch.randn(v.shape, generator=draw, dtype=v.dtype) for v in values]
    torch.autograd.backward(values, d)
    return [x.grad, *(p.grad for p in layer.parameters())]


def assert_same(found: Any, expected: Any) -> None:
    for number, (a, b) in enumerate(zip(found, expected, strict=True)):
        assert_agrees(a, b, tolerance=FLOAT64, name=str(number))


@pytest.mark.parametrize("engine", ["cpu", "torch"])
@pytest.mark.parametrize("k", [1, 4, 9, 50])
@pytest.mark.parametrize("cell", CELLS)
def test_windows(cell: Any, k: int, engine: str) -> None:
    by_hand = layer_of(cell, "whole")
    x, states, parts = sequence(), None, []
    for first in range(0, T, k):
        if states is not None:
            states = tuple(s.detach() for s in states) if isinstance(states, tuple) \
                else states.detach()  # fmt: skip
        y, states = by_hand(x[first : first + k], states)
        parts.append(y)
    y = torch.cat(parts)
    finals = states if isinstance(states, tuple) else (states,)
    expected = [y, *finals, *gradients(by_hand, x, y, states)]
    assert_same(results(layer_of(cell, k, engine)), expected)


@pytest.mark.parametrize("k", [1, 4])
def test_windows_of_ragged_sequences_agree_between_engines(k: int) -> None:
    expected = results(layer_of(LSTM, k, "torch"), LENGTHS)
    assert_same(results(layer_of(LSTM, k), LENGTHS), expected)
    whole = results(layer_of(LSTM, "whole"), LENGTHS)
    assert_same([expected[0]], [whole[0]])
    assert not torch.equal(expected[-1], whole[-1])


@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["dense", "ragged"])
@pytest.mark.parametrize("engine", ["cpu", "torch"])
@pytest.mark.parametrize("cell", CELLS)
def test_recomputing(cell: Any, engine: str, lengths: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unrolled.layers.bptt.SHORTEST", 2)  # several segments of a few steps
    expected = results(layer_of(cell, "whole", engine), lengths)
    assert_same(results(layer_of(cell, "recompute", engine), lengths), expected)


def test_both_in_a_bidirectional_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unrolled.layers.bptt.SHORTEST", 2)
    found = []
    for bptt in ("whole", "recompute", T):
        torch.manual_seed(0)
        layer = unrolled.GRU(I, H, 2, bidirectional=True, bptt=bptt).double()
        found.append(results(layer, LENGTHS))
    assert_same(found[1], found[0])
    assert_same(found[2], found[0])


def test_no_gradient_without_a_window() -> None:
    """Where no gradient is asked for, nothing is cut and nothing is computed twice."""
    with torch.no_grad():
        y, _ = layer_of(LSTM, 2)(sequence())
        expected, _ = layer_of(LSTM, "whole")(sequence())
    assert torch.equal(y, expected)
