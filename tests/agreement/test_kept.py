"""Layers of float32 that keep bfloat16 for the way back: outputs are the same, gradients are off by
what rounding the kept values to 8 bits explains, and half as much is kept."""

import copy
from typing import Any

import pytest
import torch
from torch import Tensor

import unrolled
from tests.tolerances import EXACT, KEPT, assert_agrees
from unrolled import cells
from unrolled.engines.cpu.call.call import Owner

CELLS = ["LSTM", "GRU", "SLSTM"]
T, B, I, H = 6, 3, 5, 16
FORMS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "plain": ({}, {}),
    "ragged": ({}, {"lengths": [6, 0, 3]}),
    "reset": ({}, {"reset": torch.rand(T, B, generator=torch.Generator().manual_seed(3)) < 0.3}),
    "deep": ({"num_layers": 2, "bidirectional": True}, {"lengths": [3, 6, 5]}),
    "recompute": ({"bptt": "recompute"}, {}),
    "windows": ({"bptt": 2}, {}),
}


def pair(cell: str, hidden: int = H, **made: Any) -> tuple[Any, Any]:
    """A layer that keeps what it computes, and the same that keeps bfloat16."""
    whole = unrolled.Recurrent(getattr(cells, cell), I, hidden, **made)
    half = unrolled.Recurrent(getattr(cells, cell), I, hidden, kept="bfloat16", **made)
    half.load_state_dict(whole.state_dict())
    return whole, half


def both_ways(layer: Any, x: Tensor, **given: Any) -> tuple[list[Tensor], list[Tensor]]:
    """Outputs and final states; the gradients of the input and of every parameter."""
    layer.zero_grad()
    x = x.clone().requires_grad_()
    named = {name: torch.full(x.shape[:2], 0.5) for name in layer.equation.named_inputs}
    y, states = layer(x, **named, **given)
    results = [y, *([states] if isinstance(states, Tensor) else states)]
    sum((found.square().sum() for found in results), torch.zeros(())).backward()
    return [r.detach() for r in results], [x.grad, *[p.grad for p in layer.parameters()]]


@pytest.mark.parametrize(
    ("cell", "form", "hidden"),
    [*((c, "plain", 16) for c in CELLS), *(("LSTM", f, 9) for f in FORMS)],
)
def test_outputs_are_the_same_and_gradients_are_near(cell: str, form: str, hidden: int) -> None:
    torch.manual_seed(0)
    made, given = FORMS[form]
    whole, half = pair(cell, hidden, **made)
    x = torch.randn(T, B, I)
    expected, gradients = both_ways(whole, x, **given)
    found, rounded = both_ways(half, x, **given)
    again, same = both_ways(half, x, **given)
    for a, b, c in zip(expected, found, again, strict=True):
        assert torch.equal(a, b)
        assert torch.equal(a, c)
    for a, b, c in zip(gradients, rounded, same, strict=True):
        assert_agrees(b, a, tolerance=KEPT)
        assert_agrees(c, b, tolerance=EXACT)
    assert any(not torch.equal(a, b) for a, b in zip(gradients, rounded, strict=True))


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_half_as_much_is_kept(kind: str) -> None:
    torch.manual_seed(0)
    x = torch.randn(T, B, I, requires_grad=True)
    bytes_ = []
    for kept in (None, "bfloat16"):
        layer = getattr(unrolled, kind)(I, H, kept=kept)
        left = layer(x)[0].grad_fn.left
        kept_ = left.made.call.call.owned(Owner.KEPT)
        bytes_.append(sum(4 * b.room(T * B) for b in kept_ if b.per == "token"))
    assert bytes_[0] == T * B * H * 4 * {"LSTM": 5, "GRU": 4}[kind]
    assert 2 * bytes_[1] == bytes_[0]


def test_layers_of_sixteen_bits_may_keep_bfloat16() -> None:
    torch.manual_seed(1)
    whole, half = (layer.bfloat16() for layer in pair("LSTM"))
    x = torch.randn(T, B, I).bfloat16()
    expected, gradients = both_ways(whole, x)
    found, rounded = both_ways(half, x)
    assert all(torch.equal(a, b) for a, b in zip(expected, found, strict=True))
    for a, b in zip(gradients, rounded, strict=True):
        assert_agrees(b.float(), a.float(), tolerance=KEPT)


def test_operators_and_second_derivatives() -> None:
    torch.manual_seed(2)
    whole, half = pair("MinGRU")
    x = torch.randn(T, B, I)

    def loss(layer: Any) -> Any:
        return lambda p: torch.func.functional_call(layer, p, (x,))[0].square().sum()

    def bent(layer: Any) -> Tensor:
        given = x.clone().requires_grad_()
        (d_x,) = torch.autograd.grad(layer(given)[0].square().sum(), given, create_graph=True)
        (again,) = torch.autograd.grad(d_x.square().sum(), given)
        return again.detach()

    assert_agrees(bent(half), bent(whole), tolerance=KEPT)
    found, expected = (torch.func.grad(loss(m))(dict(m.named_parameters())) for m in (half, whole))
    direct, by_parameter = both_ways(half, x)[0][0], dict(half.named_parameters())
    assert_agrees(direct, whole(x)[0].detach(), tolerance=EXACT)
    for name in by_parameter:
        assert_agrees(found[name], expected[name], tolerance=KEPT)
    assert any(not torch.equal(found[name], expected[name]) for name in found)


def test_a_copy_keeps_the_same() -> None:
    _, half = pair("GRU")
    assert copy.deepcopy(half).kept == "bfloat16"
    assert "kept='bfloat16'" in repr(half)
