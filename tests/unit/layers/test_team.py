"""A single sequence is run by a team of threads: with the results of one thread, for every cell
whose stages, sums over units or numbers they must wait for."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch

import unrolled
from tests.tolerances import FLOAT32, FLOAT64, assert_agrees
from unrolled.cells import SLSTM, GRUCho2014, LayerNormLSTM, MinLSTM, PeepholeLSTM
from unrolled.engines.cpu.call import bind
from unrolled.engines.cpu.machine.threads import cores

TOLERANCES = {torch.float32: FLOAT32, torch.float64: FLOAT64}
STEPS, INPUTS, HIDDEN = 37, 11, 70  # seven or more panels of units, for any width of vectors
CELLS = (PeepholeLSTM, LayerNormLSTM, GRUCho2014, SLSTM, MinLSTM)


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def results(layer: Any, x: torch.Tensor, states: Any, threads: int) -> list[torch.Tensor]:
    torch.set_num_threads(threads)
    x = x.detach().requires_grad_()
    y, last = layer(x, states)
    last = last if isinstance(last, tuple) else (last,)
    d = torch.randn(y.shape, generator=torch.Generator().manual_seed(3), dtype=y.dtype)
    torch.autograd.backward([y, *last], [d, *(2 * s.detach() for s in last)])
    found = [y, *last, x.grad, *(p.grad for p in layer.parameters())]
    layer.zero_grad()
    return [tensor.detach().clone() for tensor in found]


def launches(layer: Any, x: torch.Tensor, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Which launches of a fresh training step are a team's."""
    found: list[bool] = []
    original = bind.Launches

    def noted(each: Any, *words: Any) -> Any:
        found.extend(launch.is_team for launch in each)
        return original(each, *words)

    monkeypatch.setattr(bind, "Launches", noted)
    y, _ = layer(x)
    y.sum().backward()
    layer.zero_grad()
    return found


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("threads", [2, 3])
def test_a_team_computes_what_one_thread_does(cell: Any, dtype: torch.dtype, threads: int) -> None:
    torch.manual_seed(0)
    layer = unrolled.Recurrent(cell, INPUTS, HIDDEN, 2, bidirectional=True, dtype=dtype)
    x = torch.randn(STEPS, 1, INPUTS, dtype=dtype)
    _, given = layer(torch.randn(3, 1, INPUTS, dtype=dtype))
    states = tuple(s.detach() for s in given) if isinstance(given, tuple) else given.detach()
    alone = results(layer, x, states, 1)
    for again in range(3):
        together = results(layer, x, states, threads)
        for number, (one, other) in enumerate(zip(together, alone, strict=True)):
            name = f"{cell.__name__}, try {again}: {number}"
            assert_agrees(one, other, tolerance=TOLERANCES[dtype], name=name)


@pytest.mark.skipif(cores() < 2, reason="a team has no more members than there are cores")
def test_a_team_is_for_a_single_sequence_with_enough_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    torch.set_num_threads(2)
    large, small = unrolled.LSTM(INPUTS, 128), unrolled.LSTM(INPUTS, 8)
    assert any(launches(large, torch.randn(STEPS, 1, INPUTS), monkeypatch))
    assert not any(launches(large, torch.randn(STEPS, 2, INPUTS), monkeypatch))
    assert not any(launches(large, torch.randn(3, 1, INPUTS), monkeypatch))
    assert not any(launches(small, torch.randn(STEPS, 1, INPUTS), monkeypatch))
