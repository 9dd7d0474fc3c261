"""What a user can get wrong with a layer, each told in one sentence."""

import re
from collections.abc import Callable
from typing import Any, ClassVar

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_sequence

import unrolled
import unrolled.cells
from unrolled import cells
from unrolled.cells import LSTM, IndRNN, ProjectedLSTM
from unrolled.errors import ArgumentError, CellError, ShapeError, UnrolledError

Recurrent = unrolled.Recurrent


def x(*shape: int, **more: Any) -> torch.Tensor:
    return torch.zeros(*(shape or (4, 2, 3)), **more)


def check(call: Callable[[], Any], error: type[Exception], sentence: str) -> None:
    with pytest.raises(error, match=re.escape(sentence)) as caught:
        call()
    said = str(caught.value)
    assert isinstance(caught.value, UnrolledError)
    assert "\n" not in said
    assert not said.endswith(".")


MADE: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: Recurrent(unrolled.LSTM, 3, 5), CellError, "LSTM is a whole layer: use it directly"),
    (lambda: Recurrent(nn.GRU(3, 5), 3, 5), CellError, "GRU is a whole layer"),
    (lambda: Recurrent("lstm", 3, 5), CellError, "'lstm' is not a cell"),
    (lambda: Recurrent(LSTM, 0, 5), ShapeError, "input_size must be a positive integer, not 0"),
    (lambda: Recurrent(LSTM, 3, "5"), ShapeError, "hidden_size must be a positive integer"),
    (lambda: Recurrent(LSTM, 3, 5, 0), ShapeError, "num_layers must be a positive integer"),
    (lambda: Recurrent(LSTM, 3, 5, True), ShapeError, "num_layers must be a positive integer"),
    (lambda: Recurrent(LSTM, 3, 5, dropout=1.5), ArgumentError, "must be between 0 and 1, not 1.5"),
    (
        lambda: Recurrent(LSTM, 3, 5, engine="gpu"),
        ArgumentError,
        "engine must be one of auto, cpu, torch",
    ),
    (
        lambda: Recurrent(LSTM, 3, 5, bptt="half"),
        ArgumentError,
        'bptt must be "whole", "recompute", or',
    ),
    (lambda: Recurrent(LSTM, 3, 5, kept="int8"), ArgumentError, 'kept must be "bfloat16" or None'),
    (
        lambda: Recurrent(LSTM, 3, 5, kept="bfloat16").double()(torch.ones(2, 1, 3).double()),
        ShapeError,
        "this layer runs as float64 on the kernels: leave kept= out",
    ),
    (
        lambda: Recurrent(LSTM, 3, 5, kept="bfloat16", engine="torch")(torch.ones(2, 1, 3)),
        ShapeError,
        "this layer runs as autograd: leave kept= out",
    ),
    (
        lambda: Recurrent(LSTM, 3, 5, bptt=0),
        ArgumentError,
        "the number of steps of a window, not 0",
    ),
    (lambda: Recurrent(LSTM, 3, 5, proj_size=2), ShapeError, "ProjectedLSTM has one"),
    (
        lambda: Recurrent(ProjectedLSTM, 3, 5, proj_size=-1),
        ShapeError,
        "proj_size must be an integer",
    ),
    (lambda: Recurrent(ProjectedLSTM, 3, 5), ShapeError, "proj_size"),
    (
        lambda: unrolled.LSTM(3, 5, engine="gpu"),
        ArgumentError,
        "engine must be one of auto, cpu, torch",
    ),
    (lambda: unrolled.GRU(3, 5, bptt=1.5), ArgumentError, "window, not 1.5"),
    (lambda: Recurrent(MEETS, 3, 5), ShapeError, "hidden_size"),
    (lambda: Recurrent(MEETS, 5, 5, 2, bidirectional=True), ShapeError, "take one layer, or one"),
]


class MEETS(unrolled.Cell):
    """Its input meets its state unit by unit."""

    def step(self, x: Any, h: Any) -> Any:
        return unrolled.tanh(self.U @ h + x * h)


@pytest.mark.parametrize(("call", "error", "sentence"), MADE)
def test_making_a_layer(call: Any, error: Any, sentence: str) -> None:
    check(call, error, sentence)


LAYERS = {
    "Recurrent": lambda **more: Recurrent(LSTM, 3, 5, **more),
    "LSTM": lambda **more: unrolled.LSTM(3, 5, **more),
}
H, C = torch.zeros(1, 2, 5), torch.zeros(1, 2, 5)
CALLED: list[tuple[Callable[[Any], Any], type[Exception], str]] = [
    (
        lambda f: f(x(4, 2, 4)),
        ShapeError,
        "the input has 4 numbers per step (its shape is (4, 2, 4))",
    ),
    (lambda f: f(x(4, 4)), ShapeError, "but this layer has input_size=3"),
    (lambda f: f(x(3)), ShapeError, "this has 1 axes: (3,)"),
    (lambda f: f([[1.0, 2.0, 3.0]]), ShapeError, "this has list"),
    (lambda f: f(x().double()), ShapeError, "x.to(torch.float32) or layer.to(torch.float64)"),
    (lambda f: f(x().long()), ShapeError, "the input is torch.int64 and the layer torch.float32"),
    (lambda f: f(x(device="meta")), ShapeError, "the input is on meta and the layer on cpu"),
    (lambda f: f(x(), H), ShapeError, "states are 2 (h, c), one tensor each, and 1 were given"),
    (lambda f: f(x(), (H, C, C)), ShapeError, "and 3 were given"),
    (lambda f: f(x(), (H, C[:, :1])), ShapeError, "the initial c has the shape (1, 1, 5)"),
    (
        lambda f: f(x(4, 3), (H, C)),
        ShapeError,
        "this layer needs (1, 5): layers x directions, units",
    ),
    (lambda f: f(x(), (H.double(), C)), ShapeError, "the initial h is torch.float64"),
    (lambda f: f(x(), (H, C.to("meta"))), ShapeError, "the initial c is on meta"),
    (lambda f: f(x(), lengths=[4]), ShapeError, "one whole number for each of the 2 sequences"),
    (lambda f: f(x(), lengths=[4.0, 1.0]), ShapeError, "(2,) of float64"),
    (
        lambda f: f(x(), lengths=[4, 5]),
        ShapeError,
        "lengths[1] is 5, but the sequences have 0 to 4",
    ),
    (lambda f: f(x(), lengths=[-1, 2]), ShapeError, "lengths[0] is -1"),
    (lambda f: f(x(), lengths=[(0, 2), (3, 2)]), ShapeError, "lengths[1] is [3, 2]"),
    (lambda f: f(x(), lengths=[(0, 2), (-1, 2)]), ShapeError, "lengths[1] is [-1, 2]"),
    (lambda f: f(pack_sequence([x(2, 3)]), lengths=[2]), ShapeError, "has its own lengths"),
    (lambda f: f(pack_sequence([x(2, 4)])), ShapeError, "the input has 4 numbers per step"),
    (lambda f: f(x(), record="forget"), ArgumentError, "computes no such value"),
    (lambda f: f(x(), record=("f", "f_l1")), ArgumentError, "record='f_l1'"),
]


@pytest.mark.parametrize(("call", "error", "sentence"), CALLED)
@pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS)
def test_calling_a_layer(make: Any, call: Any, error: Any, sentence: str) -> None:
    layer = make()
    check(lambda: call(layer), error, sentence)
    layer(x(), (H, C), lengths=[4, 0])  # and it goes on working


@pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS)
def test_parameters_that_do_not_fit(make: Any) -> None:
    def changed(change: Callable[[torch.Tensor], torch.Tensor]) -> Any:
        layer = make()
        name, parameter = list(layer.named_parameters())[1]
        setattr(layer, name, nn.Parameter(change(parameter.detach())))
        return layer

    check(lambda: changed(lambda p: p[:1])(x()), ShapeError, "but this layer was made with (")
    check(lambda: changed(lambda p: p.double())(x()), ShapeError, "is torch.float64 on cpu, but")
    check(lambda: changed(lambda p: p.to("meta"))(x()), ShapeError, "torch.float32 on meta, but")


@pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS)
def test_the_kernels_refuse_what_they_do_not_run(make: Any) -> None:
    layer = make(engine="cpu").to(torch.float8_e5m2)
    given = x().to(torch.float8_e5m2)
    check(lambda: layer(given), ShapeError, 'engine="cpu" runs float32, float64, bfloat16 and')


def test_the_names_of_values_are_told() -> None:
    with pytest.raises(ArgumentError, match="did you mean 'net_h'") as caught:
        Recurrent(IndRNN, 3, 5)(x(), record="net_x")
    assert "net_h_l0 for the lowest layer" in str(caught.value)


@pytest.mark.parametrize("engine", ["cpu", "torch"])
@pytest.mark.parametrize(
    ("cell", "name"),
    [(cells.AntisymmetricRNN, "A"), (cells.LRU, "gamma"), (cells.UnICORNN, "rate_l0")],
)
def test_what_no_step_changes_is_not_recorded(engine: str, cell: Any, name: str) -> None:
    layer = Recurrent(cell, 5, 5, engine=engine)
    check(lambda: layer(x(2, 1, 5), record=name), ArgumentError, "depends on weights alone")


class Irregular(unrolled.Cell):
    sizes: ClassVar = {"dt": "1"}

    def step(self, x: Any, h: Any, *, dt: Any, mask: Any = 1.0) -> Any:
        return unrolled.exp(-dt) * h + unrolled.tanh(self.W @ x + self.U @ (mask * h))


NAMED: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({}, ArgumentError, "Irregular needs the input 'dt' at each step: give it by name, dt=..."),
    ({"dt": 1.0, "maks": 1.0}, ArgumentError, "no input 'maks' (did you mean 'mask'?): its named"),
    ({"dt": x(4, 2, 3)}, ShapeError, "the input dt has the shape (4, 2, 3); for this input it must "
     "be (4, 2, 1), or (4, 2) for one number per step, or a single number"),
    ({"dt": x(4, 2).double()}, ShapeError, "the input dt is torch.float64 and the layer"),
    ({"dt": "1 s"}, ShapeError, "the input dt is a str, but must be a tensor or a number"),
]  # fmt: skip


@pytest.mark.parametrize(("named", "error", "sentence"), NAMED)
def test_named_inputs(named: dict[str, Any], error: type[Exception], sentence: str) -> None:
    layer = Recurrent(Irregular, 3, 5)
    check(lambda: layer(x(), **named), error, sentence)


def test_named_inputs_beside_a_packed_sequence() -> None:
    layer = Recurrent(Irregular, 3, 5)
    packed = pack_sequence([x(4, 3), x(2, 3)])
    check(lambda: layer(packed, dt=x(4, 2)), ShapeError, "a PackedSequence and dt a tensor")
    other = pack_sequence([x(3, 1), x(3, 1)])
    check(lambda: layer(packed, dt=other), ShapeError, "the PackedSequence dt has other lengths")


def test_a_stream_needs_the_named_inputs() -> None:
    stream = Recurrent(Irregular, 3, 5).eval().stream()
    check(lambda: stream.step(x(3)), ArgumentError, "Irregular needs the input 'dt' at each step")
