"""A stream gives, step by step, what the layer gives for the whole sequence."""

import copy
import pickle
from typing import Any

import pytest
import torch

import unrolled
import unrolled.cells
from tests.tolerances import EXACT, FLOAT32, FLOAT64, assert_agrees
from unrolled.cells import library
from unrolled.errors import ArgumentError, ShapeError, UnrolledError

CELLS = dict(library.variants())
DROP_INS = {
    "RNN": (unrolled.RNN, {}),
    "GRU": (unrolled.GRU, {"num_layers": 2}),
    "LSTM": (unrolled.LSTM, {"num_layers": 3}),
    "projected": (unrolled.LSTM, {"num_layers": 2, "proj_size": 3}),
    "no bias": (unrolled.GRU, {"bias": False}),
}
T = 5


def sequence(layer: Any, batch: int) -> torch.Tensor:
    like = next(layer.parameters())
    draw = torch.Generator().manual_seed(1)
    return torch.randn(T, batch, layer.input_size, generator=draw, dtype=like.dtype)


def assert_streams(layer: Any, batch: int, tolerance: Any) -> None:
    xs = sequence(layer, batch)
    with torch.no_grad():
        ys, finals = layer(xs)
    stream = layer.stream(batch)
    for number, (x, y) in enumerate(zip(xs, ys, strict=True)):
        assert_agrees(stream.step(x), y, tolerance=tolerance, name=f"step {number}")
    found = stream.states
    assert isinstance(found, tuple) == isinstance(finals, tuple)
    for one, other in zip(*((s if isinstance(s, tuple) else (s,)) for s in (found, finals)),
                          strict=True):  # fmt: skip
        assert_agrees(one, other, tolerance=tolerance)


@pytest.mark.sweep
@pytest.mark.parametrize("name", CELLS)
def test_every_cell(name: str) -> None:
    torch.manual_seed(0)
    cell = CELLS[name]
    inputs = 7 if unrolled.equation(cell).input_is_hidden else 11
    proj_size = 3 if "proj_size" in unrolled.equation(cell).sizes else 0
    layer = unrolled.Recurrent(cell, inputs, 7, proj_size=proj_size, dtype=torch.float64)
    assert_streams(layer, 3, FLOAT64)


@pytest.mark.parametrize("batch", [1, 5])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("kind", "more"), DROP_INS.values(), ids=DROP_INS)
def test_drop_ins(kind: Any, more: dict[str, Any], dtype: torch.dtype, batch: int) -> None:
    torch.manual_seed(0)
    tolerance = FLOAT32 if dtype == torch.float32 else FLOAT64
    assert_streams(kind(3, 9, dtype=dtype, **more), batch, tolerance)
    assert_streams(kind(16, 16, dtype=dtype, **more), batch, tolerance)


def test_one_sequence_without_a_batch() -> None:
    layer = unrolled.LSTM(3, 8)
    xs = sequence(layer, 1)
    stream, other = layer.stream(), layer.stream()
    for x in xs:
        y = stream.step(x[0])
        assert y.shape == (8,)
        assert_agrees(y, other.step(x)[0], tolerance=EXACT)


def test_the_returned_buffer_is_the_streams_own() -> None:
    layer = unrolled.LSTM(8, 8)
    stream = layer.stream()
    first = stream.step(torch.ones(8))
    kept = first.clone()
    h, _ = stream.states
    first.fill_(100.0)  # a user's change does not reach the states
    assert torch.equal(stream.states[0], h)
    second = stream.step(torch.ones(8))
    assert second.data_ptr() == first.data_ptr()
    assert not torch.equal(second, kept)
    fed = layer.stream()
    y = fed.step(torch.ones(8))
    expected = layer.stream()
    expected.step(torch.ones(8))
    kept = y.clone()
    assert torch.equal(fed.step(y), expected.step(kept))  # its own output as the next input


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("cell", ["peepholelstm", "sru"])
def test_the_input_may_be_written_where_it_is_read(cell: str, batch: int) -> None:
    """SRU's input is read unit by unit, so in whole vectors."""
    layer = unrolled.Recurrent(CELLS[cell], 7, 7)
    xs = sequence(layer, batch)
    with torch.no_grad():
        ys, _ = layer(xs)
    stream = layer.stream(batch)
    form, room = ((7,) if batch == 1 else (batch, 7)), stream.x.numpy()
    assert tuple(stream.x.shape) == form
    for number, (x, y) in enumerate(zip(xs, ys, strict=True)):
        if number % 2:
            room[:] = x.reshape(form).numpy()
        else:
            stream.x = x.reshape(form)
        found = stream.step()
        assert tuple(found.shape) == form
        assert_agrees(found, y.reshape(form), tolerance=FLOAT32, name=f"step {number}")
    with pytest.raises(ShapeError, match=r"not \(4,\)"):
        stream.x = [0.0] * 4
    states = stream.states
    stream.step()
    assert not torch.equal(torch.stack([*stream.states]), torch.stack([*states]))


def test_states_are_read_and_set() -> None:
    layer = unrolled.Recurrent(unrolled.cells.SLSTM, 3, 5, 2, dtype=torch.float64)
    xs = sequence(layer, 2)
    stream = layer.stream(2)
    for x in xs[:2]:
        stream.step(x)
    states = stream.states
    expected = [stream.step(x).clone() for x in xs[2:]]
    other = layer.stream(2)
    other.step(xs[4])  # an odd number of steps before
    other.states = states
    for x, y in zip(xs[2:], expected, strict=True):
        assert_agrees(other.step(x), y, tolerance=EXACT)
    other.reset()
    fresh = layer.stream(2)
    for one, another in zip(other.states, fresh.states, strict=True):
        assert torch.equal(one, another)
    assert torch.equal(other.step(xs[0]), fresh.step(xs[0]))


def test_strided_inputs() -> None:
    layer = unrolled.GRU(3, 5)
    stream, other = layer.stream(2), layer.stream(2)
    wide = torch.randn(3, 2)
    assert torch.equal(stream.step(wide.t()), other.step(wide.t().contiguous()))


def test_an_input_that_wants_a_gradient_leaves_the_stream_without() -> None:
    stream = unrolled.GRU(3, 5).stream(2)
    wide = torch.randn(3, 2, requires_grad=True)
    assert not stream.step(wide.t()).requires_grad
    stream.x = wide.t()
    assert not stream.x.requires_grad
    assert not stream.step().requires_grad


@pytest.mark.parametrize("cell", [unrolled.cells.PeepholeLSTM, unrolled.cells.AntisymmetricRNN])
def test_changed_weights_are_taken_over_on_refresh(cell: Any) -> None:
    layer = unrolled.Recurrent(cell, 3, 5)
    xs = sequence(layer, 1)
    stream = layer.stream()
    before = stream.step(xs[0]).clone()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.mul_(2)
    stream.reset()
    assert torch.equal(stream.step(xs[0]), before)
    stream.reset()
    stream.refresh()
    expected, _ = layer(xs[:1])
    assert_agrees(stream.step(xs[0]), expected[0], tolerance=FLOAT32)
    assert not torch.equal(stream.step(xs[0]), before)


def test_a_stream_never_drops() -> None:
    layer = unrolled.LSTM(3, 5, 2, dropout=0.9)
    assert layer.training
    x = torch.ones(1, 1, 3)
    found = layer.stream().step(x[0]).clone()
    assert_agrees(found, layer.eval()(x)[0][0], tolerance=FLOAT32)


def test_a_stream_outlives_its_layer() -> None:
    stream = unrolled.LSTM(3, 5).stream()
    first = stream.step(torch.ones(3)).clone()
    for _ in range(20):
        unrolled.LSTM(3, 5)(torch.randn(4, 2, 3))[0].sum().backward()
    stream.reset()
    assert torch.equal(stream.step(torch.ones(3)), first)


@pytest.mark.parametrize(
    ("x", "sentence"),
    [
        (torch.ones(4), r"takes a tensor of shape \(1, 3\) or \(3,\), not shape \(4,\)"),
        (torch.ones(2, 3), r"not shape \(2, 3\)"),
        (torch.ones(3).double(), "the input is torch.float64 and the layer torch.float32"),
        (torch.ones(3, device="meta"), "the input is on meta and the layer on cpu"),
        ([1.0, 2.0, 3.0], "not list"),
    ],
)
def test_a_step_refuses(x: Any, sentence: str) -> None:
    with pytest.raises(ShapeError, match=sentence):
        unrolled.LSTM(3, 5).stream().step(x)


def test_what_cannot_stream_says_so() -> None:
    with pytest.raises(ArgumentError, match="bidirectional layer reads a sequence from its end"):
        unrolled.LSTM(3, 5, bidirectional=True).stream()
    with pytest.raises(ArgumentError, match="a stream runs on the compiled kernels"):
        unrolled.LSTM(3, 5, engine="torch").stream()
    with pytest.raises(ArgumentError, match="a stream runs on the compiled kernels"):
        unrolled.LSTM(3, 5).to(torch.float8_e5m2).stream()
    with pytest.raises(ArgumentError, match="batch must be a positive integer"):
        unrolled.LSTM(3, 5).stream(0)
    stream = unrolled.LSTM(3, 5).stream()
    with pytest.raises(ShapeError, match="states are 2"):
        stream.states = torch.zeros(1, 1, 5)
    with pytest.raises(ShapeError, match=r"the state c has the shape \(1, 1, 4\)"):
        stream.states = (torch.zeros(1, 1, 5), torch.zeros(1, 1, 4))
    for copied in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(UnrolledError, match="cannot be copied or pickled"):
            copied(stream)
