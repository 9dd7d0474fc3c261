"""`reset=`: stretches between resets are computed as sequences of their own."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

import unrolled
from tests.tolerances import FLOAT32, FLOAT64, assert_agrees
from unrolled import cells
from unrolled.cells.library import library
from unrolled.cells.trials import FORMS, draw_trial
from unrolled.equations import interpret
from unrolled.equations.reset import with_reset
from unrolled.errors import ShapeError

T, B, I, H = 7, 3, 3, 5
D = torch.float64
RESET = torch.tensor(
    [[0, 1, 0], [0, 0, 1], [1, 0, 0], [0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], dtype=torch.bool
)


def make(form: str, **more: Any) -> Any:
    torch.manual_seed(0)
    if form == "stacked drop-in":
        return unrolled.GRU(I, H, 2, bidirectional=True, dtype=D, **more)
    bptt = "recompute" if form == "recompute" else "whole"
    kinds = {"own start": cells.SLSTM, "two stages": cells.LayerNormLSTM}
    return unrolled.Recurrent(kinds.get(form, cells.LSTM), I, H, bptt=bptt, dtype=D, **more)


def apart(layer: Any, x: Tensor, reset: Tensor, lengths: list[int]) -> Tensor:
    """The same outputs, from each stretch as a sequence of a ragged batch."""
    stretches = []
    for b, end in enumerate(lengths):
        cuts = sorted({0, end, *(t for t in range(end) if reset[t, b])})
        stretches += [(b, *span) for span in pairwise(cuts)]
    longest = max(last - first for _, first, last in stretches)
    rows = [torch.cat([x[first:last, b], x.new_zeros(longest - last + first, x.shape[2])])
            for b, first, last in stretches]  # fmt: skip
    y, _ = layer(torch.stack(rows, 1), lengths=[last - first for _, first, last in stretches])
    result = y.new_zeros(*x.shape[:2], y.shape[2])
    for row, (b, first, last) in enumerate(stretches):
        result[first:last, b] = y[: last - first, row]
    return result


@pytest.mark.parametrize("lengths", [None, [6, 7, 2]], ids=["dense", "ragged"])
@pytest.mark.parametrize(
    "form", ["plain", "own start", "two stages", "recompute", "stacked drop-in", "torch"]
)
def test_stretches_are_sequences_of_their_own(form: str, lengths: Any) -> None:
    layer = make(form, engine="torch" if form == "torch" else "cpu")
    x = torch.randn(T, B, I, dtype=D, requires_grad=True)
    found = []
    for y in (
        layer(x, lengths=lengths, reset=RESET)[0],
        apart(layer, x, RESET, lengths or [T] * B),
    ):
        weights = torch.linspace(-1, 1, y.numel(), dtype=D).reshape(y.shape)
        slopes = torch.autograd.grad((y * weights).sum(), [x, *layer.parameters()])
        found.append([y, *slopes])
    for mine, theirs in zip(*found, strict=True):
        assert_agrees(mine, theirs, tolerance=FLOAT64)


def test_states_that_are_given_count_until_the_first_reset() -> None:
    layer = make("plain")
    x = torch.randn(T, B, I, dtype=D)
    start = tuple(torch.randn(1, B, H, dtype=D, requires_grad=True) for _ in range(2))
    y, last = layer(x, start, reset=RESET)
    at = int(RESET[:, 2].float().argmax())
    expected, _ = layer(x[:at, 2:], tuple(s[:, 2:] for s in start))
    assert_agrees(y[:at, 2:], expected, tolerance=FLOAT64)
    _, expected_last = layer(x[-1:, 2:])
    assert_agrees(last[1][:, 2:], expected_last[1], tolerance=FLOAT64)
    (slope,) = torch.autograd.grad(y.sum(), start[0])
    assert not slope[:, 1].any(), "the second sequence is reset before its first step"
    assert slope[:, 0].any()


def test_members_of_a_team_wait_for_the_states_that_start_anew() -> None:
    layer, x = unrolled.GRU(I, 96), torch.randn(20, 1, I)
    reset, before = torch.arange(20)[:, None] % 6 == 3, torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        y, _ = layer(x, reset=reset)
        slopes = torch.autograd.grad(y.sum(), [*layer.parameters()])
    finally:
        torch.set_num_threads(before)
    expected = apart(layer, x, reset, [20])
    assert_agrees(y, expected, tolerance=FLOAT32)
    for mine, theirs in zip(
        slopes, torch.autograd.grad(expected.sum(), [*layer.parameters()]), strict=True
    ):
        assert_agrees(mine, theirs, tolerance=FLOAT32)


def test_windows_between_which_no_derivative_passes() -> None:
    layer, start = make("plain"), torch.randn(1, B, H, dtype=D, requires_grad=True)
    cut = unrolled.Recurrent(cells.LSTM, I, H, bptt=3, dtype=D)
    cut.load_state_dict(layer.state_dict())
    x = torch.randn(T, B, I, dtype=D)
    y, _ = cut(x, (start, torch.zeros_like(start)), reset=RESET)
    parts, states = [], (start, torch.zeros_like(start))
    for first in range(0, T, 3):
        part, states = layer(x[first : first + 3], states, reset=RESET[first : first + 3])
        parts.append(part)
        states = tuple(state.detach() for state in states)
    expected = torch.cat(parts)
    assert_agrees(y, expected, tolerance=FLOAT64)
    for wanted, module in ((y, cut), (expected, layer)):
        wanted.square().sum().backward(inputs=[*module.parameters()])
    for mine, theirs in zip(cut.parameters(), layer.parameters(), strict=True):
        assert_agrees(mine.grad, theirs.grad, tolerance=FLOAT64)


def test_no_reset_is_as_none() -> None:
    layer = make("plain")
    x = torch.randn(T, B, I, dtype=D)
    assert_agrees(layer(x, reset=torch.zeros(T, B, dtype=torch.bool))[0], layer(x)[0],
                  tolerance=FLOAT64)  # fmt: skip


def test_every_form_of_a_batch() -> None:
    layer = make("plain")
    x = torch.randn(T, B, I, dtype=D)
    lengths = [7, 6, 2]
    expected, _ = layer(x, lengths=lengths, reset=RESET)
    single, _ = layer(x[:, 0], reset=RESET[:, 0].tolist())
    assert_agrees(single, expected[:, 0], tolerance=FLOAT64)
    packed = pack_padded_sequence(x, lengths)
    marks = pack_padded_sequence(RESET, lengths)
    y, _ = layer(packed, reset=marks)
    assert isinstance(y, PackedSequence)
    assert_agrees(pad_packed_sequence(y)[0], expected, tolerance=FLOAT64)
    first = unrolled.Recurrent(cells.LSTM, I, H, batch_first=True, dtype=D)
    first.load_state_dict(layer.state_dict())
    y, _ = first(x.transpose(0, 1), lengths=lengths, reset=RESET.T)
    assert_agrees(y.transpose(0, 1), expected, tolerance=FLOAT64)


def test_a_batch_that_torch_transforms_is_as_any_other() -> None:
    """A mark behind the end of a sequence is none, whichever way it is read."""
    layer = make("stacked drop-in")
    x, h = torch.randn(T, B, I, dtype=D), torch.randn(4, B, H, dtype=D)
    lengths, reset = torch.tensor([6, 7, 2]), RESET | (torch.arange(T) > 4)[:, None]
    reset[2] = True

    def run(z: Tensor) -> Tensor:
        y: Tensor = layer(z, h, lengths=lengths, reset=reset)[0]
        return y

    found, _ = torch.func.vjp(run, x)
    assert_agrees(found, run(x), tolerance=FLOAT64)


def test_second_derivatives_stop_there_too() -> None:
    layer = make("plain")
    x = torch.randn(4, B, I, dtype=D, requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda z: layer(z, reset=RESET[2:6])[0], x, fast_mode=True)


@pytest.mark.parametrize(
    ("reset", "sentence"),
    [
        (torch.zeros(T, B), "reset is torch.float32, but must be booleans"),
        (torch.zeros(B, T, dtype=torch.bool), r"reset has the shape \(3, 7\); .* \(7, 3\)"),
        (pack_padded_sequence(RESET, [7, 6, 2]), "only one of the input and `reset` is packed"),
    ],
)
def test_what_is_refused(reset: Any, sentence: str) -> None:
    with pytest.raises(ShapeError, match=sentence):
        make("plain")(torch.zeros(T, B, I, dtype=D), reset=reset)


@pytest.mark.parametrize("name", library())
def test_the_equation_of_every_cell(name: str) -> None:
    cell = library()[name]
    equation = unrolled.equation(cell)
    trial = draw_trial(cell, equation, FORMS[2], np.random.default_rng(0))
    steps, batch = trial.xs.shape[0], trial.xs.shape[2]
    marks = np.zeros((steps, 1, batch))
    marks[1] = 1
    run = interpret.forward(
        with_reset(equation), trial.cell.weights, trial.xs, trial.states, {"reset": marks},
        **trial.sizes,
    )  # fmt: skip
    before = interpret.forward(
        equation, trial.cell.weights, trial.xs[:1], trial.states, **trial.sizes
    )
    after = interpret.forward(equation, trial.cell.weights, trial.xs[1:], **trial.sizes)
    expected = np.concatenate([before.outputs, after.outputs])
    assert_agrees(run.outputs, expected, tolerance=FLOAT64)
