"""Every cell's gradients against torch's autograd, run over the very same step."""

from typing import Any

import numpy as np
import pytest
import torch

from tests.gradients.one_operation import OPERATIONS
from tests.tolerances import FLOAT64, assert_agrees
from unrolled import Cell, equation
from unrolled.cells.library import variants
from unrolled.cells.trials import FORMS, Trial, draw_trial
from unrolled.engines.torch.functions import TORCH
from unrolled.equations import interpret

CELLS = dict(variants()) | {f"{name} alone": cell for name, cell in OPERATIONS.items()}
assert TORCH


def by_autograd(trial: Trial) -> dict[str, Any]:
    """The gradients that torch finds for the user's own lines."""

    def leaf(array: Any) -> torch.Tensor:
        return torch.tensor(array, requires_grad=True)

    weights = {
        name: leaf(weight[:, None] if weight.ndim == 1 else weight)
        for name, weight in trial.cell.weights.items()
    }
    columns = trial.xs if trial.xs.ndim == 3 else trial.xs[:, :, None]
    xs = leaf(columns)
    batch = columns.shape[2]
    initial = [leaf(state.reshape(-1, batch)) for state in trial.states]
    named = {
        name: leaf(array if array.ndim == 3 else array[:, :, None])
        for name, array in trial.named.items()
    }
    bound, now, outputs = trial.cell.bind(weights), list(initial), []
    for t, x in enumerate(xs):
        new = bound.step(x, *now, **{name: value[t] for name, value in named.items()})
        now = [n.expand(len(s), batch) for n, s in
               zip(new if isinstance(new, tuple) else (new,), now, strict=True)]  # fmt: skip
        outputs.append(now[0])
    loss = sum(
        (value.reshape(d.shape) * torch.from_numpy(d)).sum()
        for value, d in zip((torch.stack(outputs), *now), trial.cotangents, strict=True)
    )
    loss.backward()
    leaves = {**weights, **named, "xs": xs, **dict(zip(trial.cell.states, initial, strict=True))}
    return {
        name: (torch.zeros_like(v) if v.grad is None else v.grad).numpy()
        for name, v in leaves.items()
    }


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", CELLS)
def test_gradients_agree_with_autograd(name: str, form: str) -> None:
    cell: type[Cell] | Cell = CELLS[name]
    trial = draw_trial(cell, equation(cell), form, np.random.default_rng(5))
    run = interpret.forward(
        trial.equation, trial.cell.weights, trial.xs, trial.states, trial.named, **trial.sizes
    )
    mine = interpret.backward(run, trial.d_outputs, trial.d_states)
    theirs = by_autograd(trial)
    for weight, d in mine.weights.items():
        assert_agrees(d, theirs[weight].reshape(d.shape), tolerance=FLOAT64, name=f"d_{weight}")
    assert_agrees(mine.inputs, theirs["xs"].reshape(mine.inputs.shape), tolerance=FLOAT64)
    for name, d in mine.named.items():
        assert_agrees(d, theirs[name].reshape(d.shape), tolerance=FLOAT64, name=f"d_{name}")
    for state, d in zip(trial.cell.states, mine.states, strict=True):
        assert_agrees(d, theirs[state].reshape(d.shape), tolerance=FLOAT64, name=f"d_{state}")
