"""torch.nn's single steps: what they compute, however they run, against torch.nn's own."""

import copy
import pickle
from typing import Any

import pytest
import torch
from torch import nn

import unrolled
from tests.tolerances import FLOAT32, FLOAT64, assert_agrees

CELLS = ["RNNCell", "GRUCell", "LSTMCell"]


def pair(name: str, dtype: torch.dtype = torch.float64, **more: Any) -> tuple[Any, Any]:
    """Ours and torch's, with the same values; `engine` is ours alone."""
    engine = more.pop("engine", "cpu")
    torch.manual_seed(0)
    ours = getattr(unrolled, name)(3, 5, dtype=dtype, engine=engine, **more)
    torch.manual_seed(0)
    theirs = getattr(nn, name)(3, 5, dtype=dtype, **more)
    return ours, theirs


def given(name: str, rows: int | None, dtype: torch.dtype = torch.float64) -> tuple[Any, Any]:
    """An input and states, with gradients."""
    shape = () if rows is None else (rows,)
    torch.manual_seed(1)
    x = torch.randn(*shape, 3, dtype=dtype, requires_grad=True)
    h = torch.randn(*shape, 5, dtype=dtype, requires_grad=True)
    c = torch.randn(*shape, 5, dtype=dtype, requires_grad=True)
    return x, (h, c) if name == "LSTMCell" else h


def flat(states: Any) -> list[torch.Tensor]:
    return [states] if isinstance(states, torch.Tensor) else [*states]


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("engine", ["auto", "cpu", "torch"])
@pytest.mark.parametrize("rows", [None, 1, 4])
@pytest.mark.parametrize("bias", [True, False])
def test_values_and_gradients(name: str, engine: str, rows: int | None, bias: bool) -> None:
    ours, theirs = pair(name, engine=engine, bias=bias)
    found = []
    for cell in (ours, theirs):
        x, hx = given(name, rows)
        states = flat(cell(x, hx))
        states = flat(cell(x, tuple(states) if len(states) > 1 else states[0]))  # a second step
        torch.manual_seed(2)
        loss = sum((torch.randn_like(state) * state).sum() for state in states)
        loss.backward()
        grads = [x.grad, *(one.grad for one in flat(hx)), *(p.grad for p in cell.parameters())]
        found.append([*states, *grads])
    assert ours.state_dict().keys() == theirs.state_dict().keys()
    for number, (one, other) in enumerate(zip(*found, strict=True)):
        assert_agrees(one, other, tolerance=FLOAT64, name=str(number))


@pytest.mark.parametrize("name", CELLS)
def test_without_states_in_float32(name: str) -> None:
    ours, theirs = pair(name, torch.float32)
    x, _ = given(name, 4, torch.float32)
    for one, other in zip(flat(ours(x)), flat(theirs(x)), strict=True):
        assert_agrees(one, other, tolerance=FLOAT32)


def test_which_engine_runs() -> None:
    assert unrolled.LSTMCell(3, 5).engine == "torch.nn"
    assert unrolled.LSTMCell(3, 5, engine="cpu").engine == "cpu"
    assert unrolled.GRUCell(3, 5, engine="torch").engine == "torch"
    assert isinstance(unrolled.GRUCell(3, 5), nn.GRUCell)
    assert "h = " in unrolled.RNNCell(3, 5, nonlinearity="relu").equation.text


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("engine", ["auto", "cpu"])
def test_a_loop_is_compiled_whole(name: str, engine: str) -> None:
    cell, _ = pair(name, torch.float32, engine=engine)
    x, hx = given(name, 4, torch.float32)

    def loop(x: torch.Tensor, hx: Any) -> Any:
        for _ in range(3):
            hx = cell(x, hx)
        return hx

    expected = flat(loop(x, hx))
    found = flat(torch.compile(loop, backend="eager", fullgraph=True)(x, hx))
    for one, other in zip(found, expected, strict=True):
        assert_agrees(one, other, tolerance=FLOAT32)


@pytest.mark.parametrize("name", CELLS)
def test_it_is_exported_and_mapped(name: str) -> None:
    cell, _ = pair(name, torch.float32)
    x, hx = given(name, 4, torch.float32)
    expected = flat(cell(x, hx))
    program = torch.export.export(cell, (x, hx)).module()
    for one, other in zip(flat(program(x, hx)), expected, strict=True):
        assert_agrees(one, other, tolerance=FLOAT32)
    mapped = flat(torch.func.vmap(lambda x, hx: cell(x, hx))(x, hx))
    for one, other in zip(mapped, expected, strict=True):
        assert_agrees(one, other, tolerance=FLOAT32)


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_autocast_gives_the_dtypes_of_torch(name: str, dtype: torch.dtype) -> None:
    ours, theirs = pair(name, torch.float32, engine="auto")
    x = torch.randn(4, 3).to(dtype)
    with torch.autocast("cpu", torch.bfloat16):
        for one, other in zip(flat(ours(x)), flat(theirs(x)), strict=True):
            assert one.dtype == other.dtype
        kernels = pair(name, torch.float32)[0](x)
    assert flat(kernels)[0].shape == (4, 5)


def test_copies_and_fixed_weights() -> None:
    cell, _ = pair("LSTMCell", torch.float32)
    x, hx = given("LSTMCell", 4, torch.float32)
    expected = cell(x, hx)[0]
    for again in (copy.deepcopy(cell), pickle.loads(pickle.dumps(cell))):  # noqa: S301
        assert again.engine == "cpu"
        assert_agrees(again(x, hx)[0], expected, tolerance=FLOAT32)
    with unrolled.fixed_weights(cell), torch.no_grad():
        assert_agrees(cell(x, hx)[0], expected, tolerance=FLOAT32)
        assert_agrees(cell(x, hx)[0], expected, tolerance=FLOAT32)


def test_what_does_not_fit_is_told() -> None:
    cell, _ = pair("LSTMCell", torch.float32)
    x, hx = torch.randn(4, 3), (torch.randn(4, 5), torch.randn(4, 5))
    for wrong, sentence in (
        ((torch.randn(2, 4, 3), hx), "be \\(batch, input\\)"),
        ((torch.randn(4, 2), hx), "has input_size=3"),
        ((x, hx[0]), "are 2 \\(h, c\\)"),
        ((x, (hx[0], torch.randn(3, 5))), "the state c has the shape"),
        ((x, (hx[0].double(), hx[1])), "float64"),
    ):
        with pytest.raises(unrolled.ShapeError, match=sentence):
            cell(*wrong)
    with pytest.raises(unrolled.ArgumentError, match="engine must be one of"):
        unrolled.LSTMCell(3, 5, engine="gpu")
