"""Layers of bfloat16 and float16 on the kernels: what comes out is what float32 computes of the
same numbers, rounded once; the error, against float64, is no larger than that of torch.nn.
"""

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import unrolled
from tests.tolerances import BFLOAT16, EXACT, FLOAT16, Tolerance, assert_agrees
from unrolled import cells
from unrolled.engines.cpu.machine.target import host

pytestmark = pytest.mark.exhaustive

HALVES = {torch.bfloat16: BFLOAT16, torch.float16: FLOAT16}
CELLS = ["LSTM", "GRU", "Elman", "PeepholeLSTM", "GRUCho2014", "LayerNormLSTM", "IndRNN"]
T, B, I, H = 6, 3, 5, 9


def with_gradients(layer: Any, x: Tensor, weigh: Tensor, **more: Any) -> list[Tensor]:
    """The output, the first final state, and gradients: of the input, then of every parameter."""
    layer.zero_grad()
    x = x.clone().requires_grad_()
    y, states, *_ = layer(x, **more)
    first = states if isinstance(states, Tensor) else states[0]
    ((y * weigh.to(y.dtype)).sum() + first.sum()).backward()
    return [y.detach(), first.detach(), x.grad, *[p.grad for p in layer.parameters()]]


def drawn(*shape: int, half: torch.dtype) -> Tensor:
    return torch.randn(shape).to(half)


def same(half: torch.dtype) -> Tolerance:
    """Exact, but where the machine multiplies bfloat16, and rounds rows to it."""
    return BFLOAT16 if half is torch.bfloat16 and host().multiplies_bfloat16 else EXACT


FORMS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "plain": ({}, {}),
    "ragged": ({}, {"lengths": [6, 2, 0]}),
    "reset": ({}, {"reset": torch.rand(T, B, generator=torch.Generator().manual_seed(3)) < 0.3}),
    "deep": ({"num_layers": 2, "bidirectional": True}, {"lengths": [3, 6, 5]}),
    "recompute": ({"bptt": "recompute"}, {}),
    "windows": ({"bptt": 2}, {}),
}


@pytest.mark.parametrize("half", HALVES)
@pytest.mark.parametrize(
    ("cell", "form"), [*((c, "plain") for c in CELLS), *(("LSTM", f) for f in [*FORMS][1:])]
)
def test_it_is_float32_rounded(cell: str, form: str, half: torch.dtype) -> None:
    torch.manual_seed(0)
    made, given = FORMS[form]
    layer = unrolled.Recurrent(getattr(cells, cell), I, H, **made).to(half)
    wide = copy.deepcopy(layer).float()
    assert layer.engine == "cpu"
    width = H * (2 if "bidirectional" in made else 1)
    x, weigh = drawn(T, B, I, half=half), drawn(T, B, width, half=half)
    found = with_gradients(layer, x, weigh, **given)
    expected = with_gradients(wide, x.float(), weigh.float(), **given)
    assert {t.dtype for t in found} == {half}
    if form not in ("deep", "windows"):  # where what is rounded goes in again
        for mine, theirs in zip(found[:2], expected[:2], strict=True):
            assert_agrees(mine.float(), theirs.to(half).float(), tolerance=same(half))
    for mine, theirs in zip(found, expected, strict=True):
        assert_agrees(mine.float(), theirs, tolerance=HALVES[half])


@pytest.mark.parametrize("half", HALVES)
@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
def test_the_error_is_no_larger_than_that_of_torch(kind: str, half: torch.dtype) -> None:
    torch.manual_seed(1)
    theirs = getattr(nn, kind)(I, H, num_layers=2).to(half)
    ours, _ = unrolled.convert(copy.deepcopy(theirs))
    exact = copy.deepcopy(ours).double()
    x, weigh = drawn(T, B, I, half=half), drawn(T, B, H, half=half)
    reference = with_gradients(exact, x.double(), weigh.double())

    def error(layer: Any) -> float:
        found = with_gradients(layer, x, weigh)
        each = [((a.double() - b).norm() / b.norm()).item()
                for a, b in zip(found, reference, strict=True)]  # fmt: skip
        return sum(each) / len(each)

    assert ours.engine == "cpu"
    assert 0 < error(ours) <= error(theirs)


@pytest.mark.parametrize("half", HALVES)
def test_values_that_are_recorded_and_norms(half: torch.dtype) -> None:
    layer = unrolled.Recurrent(cells.LSTM, I, H).to(half)
    wide = copy.deepcopy(layer).float()
    x = drawn(T, B, I, half=half)
    found, expected = ([*m(a, record=("f", "d_c"))] for m, a in ((layer, x), (wide, x.float())))
    assert_agrees(found[2]["f"].float(), expected[2]["f"].to(half).float(), tolerance=same(half))
    for results in (found, expected):
        results[0].sum().backward()
    assert_agrees(found[2]["d_c"].grad.float(), expected[2]["d_c"].grad, tolerance=HALVES[half])


@pytest.mark.parametrize("half", HALVES)
@pytest.mark.parametrize("batch", [1, 2])
def test_a_stream_keeps_its_states_in_float32(batch: int, half: torch.dtype) -> None:
    layer = unrolled.LSTM(I, H, num_layers=2).to(half)
    xs = drawn(T, batch, I, half=half)
    stream, wide = layer.stream(batch=batch), copy.deepcopy(layer).float().stream(batch=batch)
    for number, x in enumerate(xs):
        if number % 2:
            stream.x = x if batch > 1 else x[0]
            y = stream.step()
        else:
            y = stream.step(x)
        expected = wide.step(x.float())
        assert y.dtype == half
        assert_agrees(
            y.float().flatten(), expected.to(half).float().flatten(), tolerance=same(half)
        )
    assert stream.states[0].dtype == half
    stream.states = stream.states
    stream.refresh()


@pytest.mark.parametrize("half", HALVES)
def test_operators_and_second_derivatives(half: torch.dtype) -> None:
    torch.manual_seed(2)
    layer = unrolled.LSTM(I, H).to(half)
    wide = copy.deepcopy(layer).float()

    def bent(model: Any, x: Tensor) -> Tensor:
        x = x.clone().requires_grad_()
        (d_x,) = torch.autograd.grad(model(x)[0].square().sum(), x, create_graph=True)
        (again,) = torch.autograd.grad(d_x.square().sum(), x)
        return again.detach()

    x = drawn(T, B, I, half=half)
    assert_agrees(bent(layer, x).float(), bent(wide, x.float()), tolerance=HALVES[half])
    weights = dict(layer.named_parameters())
    loss = lambda p: torch.func.functional_call(layer, p, (x,))[0].float().square().sum()  # noqa: E731
    found = torch.func.grad(loss)(weights)
    layer(x)[0].float().square().sum().backward()
    for name, parameter in layer.named_parameters():
        assert found[name].dtype == half
        assert_agrees(found[name].float(), parameter.grad.float(), tolerance=HALVES[half])
