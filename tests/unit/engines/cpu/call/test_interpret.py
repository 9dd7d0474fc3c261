"""A call that is interpreted in NumPy gives what the equation gives: so a wrong number can be
pinned to the call, or to the machine code."""

from typing import Any

import numpy as np
import pytest
import torch

from tests.tolerances import EXACT, FLOAT64, KEPT, assert_agrees
from tests.unit.engines.cpu.call.calls import Calls
from unrolled.cells import (
    LSTM,
    SLSTM,
    Elman,
    GRUCho2014,
    LayerNormLSTM,
    RecurrentHighway,
)
from unrolled.engines.cpu.call.interpret import rounded
from unrolled.engines.cpu.call.verify import verify
from unrolled.engines.plan.directions import Inputs
from unrolled.engines.plan.schedule import Schedule, dense_schedule, ragged_schedule
from unrolled.equations.interpret import backward as equation_backward
from unrolled.equations.interpret import forward as equation_forward

CELLS = (Elman, LSTM, GRUCho2014, LayerNormLSTM, RecurrentHighway)
INPUTS, HIDDEN = 3, 11


def tokens_of(schedule: Schedule, row: int) -> list[int]:
    """The tokens of the sequence in a row, in the order of steps."""
    found = []
    for step in range(schedule.steps):
        for job, base in enumerate(schedule.base):
            if base <= row < base + schedule.active[job, step]:
                found.append(int(schedule.offsets[job, step] + row - base))
    return found


SCHEDULES = {
    "dense": dense_schedule(4, 3, 2),
    "reverse": dense_schedule(4, 3, 2, reverse=True),
    "single": dense_schedule(5, 1, 1),
    "ragged": ragged_schedule(np.array([2, 5, 0, 3]), 2),
    "no steps": dense_schedule(0, 2, 1),
}


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("inside", [True, False])
@pytest.mark.parametrize("kind", CELLS)
def test_a_call_computes_the_equation(kind: Any, inside: bool, name: str) -> None:
    inputs = HIDDEN if kind is RecurrentHighway else INPUTS
    cell = kind(input_size=inputs, hidden_size=HIDDEN, seed=2)
    calls, schedule = Calls(kind, inputs, HIDDEN, inside=inside), SCHEDULES[name]
    generator = np.random.default_rng(3)
    xs = generator.standard_normal((schedule.tokens, inputs))
    d_outputs = generator.standard_normal((schedule.tokens, HIDDEN))
    before = calls.interpret_forward(schedule, cell.weights, xs)
    how = Inputs.INSIDE if inside else Inputs.OUTSIDE
    _, results = calls.interpret_backward(schedule, before, d_outputs, how)
    total = {name: np.zeros_like(weight) for name, weight in cell.weights.items()}
    for row in range(schedule.rows):
        mine = tokens_of(schedule, row)
        run = equation_forward(calls.equation, cell.weights, xs[mine], **calls.lengths)
        if not mine:
            continue
        assert_agrees(before[calls.forward.y][mine], run.outputs, tolerance=FLOAT64, name="outputs")
        found = equation_backward(run, d_outputs[mine])
        d_x = results["d x"][mine, :inputs]
        assert_agrees(d_x, found.inputs, tolerance=FLOAT64, name="d x")
        for weight, gradient in found.weights.items():
            total[weight] += gradient.reshape(total[weight].shape)
    if schedule.steps:
        for number, weight in enumerate(calls.weights):
            mine = results[f"sum {number}"].reshape(total[weight].shape)
            assert_agrees(mine, total[weight], tolerance=FLOAT64, name=f"d {weight}")


@pytest.mark.parametrize("name", ["dense", "reverse", "ragged"])
@pytest.mark.parametrize("kind", [LSTM, GRUCho2014, SLSTM])
def test_where_states_start_anew(kind: Any, name: str) -> None:
    cell = kind(input_size=INPUTS, hidden_size=HIDDEN, seed=2)
    calls, schedule = Calls(kind, INPUTS, HIDDEN, resets=True), SCHEDULES[name]
    verify(calls.forward.call)
    verify(calls.backward(Inputs.INSIDE).call)
    generator = np.random.default_rng(3)
    xs = generator.standard_normal((schedule.tokens, INPUTS))
    d_outputs = generator.standard_normal((schedule.tokens, HIDDEN))
    reset = np.zeros(schedule.tokens)
    for row in range(schedule.rows):
        reset[tokens_of(schedule, row)[:1]] = 1  # from what the cell declares
    reset[::4] = 1
    before = calls.interpret_forward(schedule, cell.weights, xs, reset)
    _, results = calls.interpret_backward(schedule, before, d_outputs, Inputs.INSIDE)
    total = {name: np.zeros_like(weight) for name, weight in cell.weights.items()}
    for row in range(schedule.rows):
        mine = np.array(tokens_of(schedule, row), int)
        cuts = np.flatnonzero(reset[mine])
        for stretch in np.split(mine, cuts)[1:]:
            run = equation_forward(calls.equation, cell.weights, xs[stretch], **calls.lengths)
            assert_agrees(before[calls.forward.y][stretch], run.outputs, tolerance=FLOAT64)
            found = equation_backward(run, d_outputs[stretch])
            assert_agrees(results["d x"][stretch, :INPUTS], found.inputs, tolerance=FLOAT64)
            for weight, gradient in found.weights.items():
                total[weight] += gradient.reshape(total[weight].shape)
    for number, weight in enumerate(calls.weights):
        mine = results[f"sum {number}"].reshape(total[weight].shape)
        assert_agrees(mine, total[weight], tolerance=FLOAT64, name=f"d {weight}")


@pytest.mark.parametrize("name", ["dense", "ragged"])
@pytest.mark.parametrize("kind", [LSTM, GRUCho2014])
def test_what_is_kept_in_bfloat16_changes_the_way_back_alone(kind: Any, name: str) -> None:
    cell, schedule = kind(input_size=INPUTS, hidden_size=HIDDEN, seed=2), SCHEDULES[name]
    generator = np.random.default_rng(3)
    xs = generator.standard_normal((schedule.tokens, INPUTS))
    d_outputs = generator.standard_normal((schedule.tokens, HIDDEN))
    outputs, gradients = [], []
    for half in (False, True):
        calls = Calls(kind, INPUTS, HIDDEN, half=half)
        before = calls.interpret_forward(schedule, cell.weights, xs)
        outputs.append(before[calls.forward.y])
        gradients.append(calls.interpret_backward(schedule, before, d_outputs)[1])
    assert_agrees(outputs[1], outputs[0], tolerance=FLOAT64)
    assert any(not np.array_equal(gradients[0][n], gradients[1][n]) for n in gradients[0])
    for result, expected in gradients[0].items():
        assert_agrees(gradients[1][result], expected, tolerance=KEPT, name=result)


@pytest.mark.parametrize("inside", [True, False])
@pytest.mark.parametrize("kind", [LSTM, GRUCho2014])
def test_matrices_of_bfloat16_are_packed_and_read_as_they_are(kind: Any, inside: bool) -> None:
    cell, schedule = kind(input_size=INPUTS, hidden_size=HIDDEN, seed=2), SCHEDULES["ragged"]
    weights = {name: rounded(w) if w.ndim == 2 else w for name, w in cell.weights.items()}
    generator = np.random.default_rng(3)
    xs = generator.standard_normal((schedule.tokens, INPUTS))
    d_outputs = generator.standard_normal((schedule.tokens, HIDDEN))
    found = []
    for small in (False, True):
        calls = Calls(kind, INPUTS, HIDDEN, inside=inside, weights=small)
        before = calls.interpret_forward(schedule, weights, xs)
        how = Inputs.INSIDE if inside else Inputs.OUTSIDE
        results = calls.interpret_backward(schedule, before, d_outputs, how)[1]
        found.append({"y": before[calls.forward.y], **results})
    for name, expected in found[0].items():
        assert_agrees(found[1][name], expected, tolerance=FLOAT64, name=name)


def test_rounding_is_that_of_torch() -> None:
    bits = np.array([0x3F80_8000, 0x3F81_8000, 0x3F80_8001, 0x7F7F_FFFF, 0xFF80_0000, 0x8000_0001,
                     0x0000_8001, 0x7F80_0001], np.uint32)  # fmt: skip
    numbers = bits.view(np.float32)
    expected = torch.from_numpy(numbers.copy()).bfloat16().float().numpy()
    assert_agrees(rounded(numbers), expected, tolerance=EXACT, same_nan=True)
