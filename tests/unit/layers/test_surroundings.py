"""What stands around the steps, beside layers that are put together by hand."""

from typing import Any

import pytest
import torch
from torch import Tensor

from tests.tolerances import EXACT, FLOAT64, assert_agrees
from unrolled import ArgumentError, Recurrent, export, modify
from unrolled.cells import GRU, LSTM
from unrolled.cells.modifiers import Highway, LayerNorm, LearnedState, Modifier, Residual

T, B, I, H = 4, 3, 2, 5


def made(cell: Any, *modifiers: Modifier, **options: Any) -> Recurrent:
    torch.manual_seed(0)
    return Recurrent(cell, I, H, modifiers=modifiers, dtype=torch.float64, **options)


def single(layer: Recurrent, number: int, width: int) -> Recurrent:
    """One of its layers alone."""
    alone = Recurrent(GRU, width, H, dtype=torch.float64)
    with torch.no_grad():
        for name, parameter in alone.named_parameters():
            parameter.copy_(layer.get_parameter(name.replace("_l0", f"_l{number}")))
    return alone


def grads(y: Tensor, x: Tensor, parameters: list[Tensor]) -> list[Tensor]:
    weights = torch.linspace(-1, 1, y.numel(), dtype=y.dtype).reshape(y.shape)
    return list(torch.autograd.grad(y, [x, *parameters], weights))


@pytest.mark.parametrize("kind", [Residual, Highway])
def test_between_layers(kind: Any) -> None:
    layer = made(GRU, kind(), num_layers=2)
    x = torch.randn(T, B, I, dtype=torch.float64, requires_grad=True)
    first, second = single(layer, 0, I), single(layer, 1, H)
    below = first(x)[0]
    above = second(below)[0]
    extra: list[Tensor] = []
    if kind is Residual:
        expected = above + below
    else:
        extra = [layer.get_parameter("W_t_l1"), layer.get_parameter("b_t_l1")]
        assert (extra[1] == -1).all()
        share = torch.sigmoid(below @ extra[0].T + extra[1])
        expected = share * above + (1 - share) * below
    y = layer(x)[0]
    assert_agrees(y, expected, tolerance=FLOAT64)
    mine = [layer.get_parameter("U_n_l0"), layer.get_parameter("U_n_l1"), *extra]
    theirs = [first.get_parameter("U_n_l0"), second.get_parameter("U_n_l0"), *extra]
    for one, other in zip(grads(y, x, mine), grads(expected, x, theirs), strict=True):
        assert_agrees(one, other, tolerance=FLOAT64)


@pytest.mark.parametrize("directions", [1, 2])
def test_learned_states(directions: int) -> None:
    options = {"num_layers": 2, "bidirectional": directions == 2}
    layer, plain = made(LSTM, LearnedState(), **options), made(LSTM, **options)
    plain.load_state_dict(layer.state_dict(), strict=False)
    x = torch.randn(T, B, I, dtype=torch.float64, requires_grad=True)
    assert_agrees(layer(x)[0], plain(x)[0], tolerance=FLOAT64)
    names = [f"l{k}{r}" for k in range(2) for r in ("", "_reverse")[:directions]]
    parameters = [[layer.get_parameter(f"{state}_0_{n}") for n in names] for state in "hc"]
    with torch.no_grad():
        for parameter in (*parameters[0], *parameters[1]):
            parameter.normal_()
    states = tuple(torch.stack(parts).unsqueeze(1).repeat(1, B, 1) for parts in parameters)
    y, expected = layer(x)[0], plain(x, states)[0]
    assert_agrees(y, expected, tolerance=FLOAT64)
    flat = [*parameters[0], *parameters[1]]
    for one, other in zip(grads(y, x, flat), grads(expected, x, flat), strict=True):
        assert_agrees(one, other, tolerance=FLOAT64)
    zeros = tuple(torch.zeros_like(state) for state in states)
    assert_agrees(layer(x, zeros)[0], plain(x)[0], tolerance=EXACT)


def test_what_knows_the_step_alone_refuses_them(tmp_path: Any) -> None:
    layer = made(GRU, LayerNorm(), LearnedState())
    assert "LearnedState()" in repr(layer)
    with pytest.raises(ArgumentError, match="a stream does not support LearnedState"):
        layer.stream()
    with pytest.raises(ArgumentError, match="an export does not support LearnedState"):
        export(layer, tmp_path / "layer.c")
    with pytest.raises(
        ArgumentError, match=r"Residual\(\) changes a layer and not the step of GRU"
    ):
        modify(GRU, Residual())
    with pytest.raises(ArgumentError, match="cannot be combined"):
        made(GRU, Residual(), Highway())
    made(GRU, Residual()).stream()  # of one layer there is nothing between
