"""At a kink, and at a tie, the derivative is the one that torch chooses."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from tests.tolerances import EXACT, assert_agrees
from unrolled import (
    Cell,
    abs,
    equation,
    leaky_relu,
    max,
    maximum,
    min,
    minimum,
    relu,
    sign,
    sqrt,
    where,
)
from unrolled.engines.torch.functions import TORCH
from unrolled.equations import interpret

assert TORCH

POINTS = np.array([-1.0, -0.0, 0.0, 1.0, 2.0])
OTHERS = np.array([-1.0, 0.0, 0.0, 3.0, 1.0])

KINKED: dict[str, Callable[[Any, Any], Any]] = {
    "relu": lambda x, h: relu(x) * h,
    "leaky_relu": lambda x, h: leaky_relu(x, 0.1) * h,
    "abs": lambda x, h: abs(x) * h,
    "sign": lambda x, h: sign(x) * h + x,
    "maximum": maximum,
    "minimum": minimum,
    "maximum of a number": lambda x, h: maximum(x, 0.0) + h,
    "where <": lambda x, h: where(x < h, 2 * x, 3 * h),
    "where <=": lambda x, h: where(x <= h, 2 * x, 3 * h),
    "where >": lambda x, h: where(x > h, 2 * x, 3 * h),
    "where >=": lambda x, h: where(x >= h, 2 * x, 3 * h),
    "max": lambda x, h: max(x) * h,
    "min": lambda x, h: min(h) * x,
    "nothing at 0": lambda x, h: relu(sqrt(abs(x) + 1) - 1) + h,
}


@pytest.mark.parametrize("name", KINKED)
def test_a_kink_is_torchs(name: str) -> None:
    function = KINKED[name]

    class Kinked(Cell):
        def step(self, x: Any, h: Any) -> Any:
            return function(x, h)

    run = interpret.forward(
        equation(Kinked), {}, POINTS[None], (OTHERS,), input_size=5, hidden_size=5
    )
    weights = np.array([[1.0, 2.0, 3.0, 4.0, 5.0]])
    mine = interpret.backward(run, weights)

    x = torch.tensor(POINTS, requires_grad=True)
    h = torch.tensor(OTHERS, requires_grad=True)
    y = function(x[:, None], h[:, None])[:, 0]
    (y * torch.from_numpy(weights[0])).sum().backward()
    assert_agrees(run.outputs[0], y.detach().numpy(), tolerance=EXACT, name="h")
    assert x.grad is not None
    assert h.grad is not None
    assert_agrees(mine.inputs[0], x.grad.numpy() + 0, tolerance=EXACT, name="d_x")
    assert_agrees(mine.states[0], h.grad.numpy() + 0, tolerance=EXACT, name="d_h_prev")
