"""A bound on the gradient of the state: within it nothing changes, beyond it a plain PyTorch loop
with a hook on every state says what is right.
"""

from typing import Any

import pytest
import torch
from torch import Tensor

from tests.tolerances import FLOAT64, assert_agrees
from unrolled import (
    ArgumentError,
    Cell,
    CellError,
    Recurrent,
    UnrolledError,
    check_gradients,
    equation,
    modify,
)
from unrolled.cells import LSTM
from unrolled.cells.modifiers import GradientBound, Zoneout

T, B, I, H = 6, 3, 4, 5


class Copying(Cell):
    """A state that is another one's old value."""

    def step(self, x: Any, h: Any, before: Any) -> Any:
        return self.W @ x + 1.5 * h - before, h


def lstm_loop(layer: Recurrent, x: Tensor, bound: float, of: str) -> Tensor:
    """A plain LSTM whose states clip the derivative that comes to them."""
    h = c = x.new_zeros(B, H)
    outputs = []
    w = {name.removesuffix("_l0"): weight for name, weight in layer.named_parameters()}
    for step in x:
        a = {g: step @ w[f"W_{g}"].T + h @ w[f"U_{g}"].T + w[f"b_{g}"] for g in "ifgo"}
        c = torch.sigmoid(a["f"]) * c + torch.sigmoid(a["i"]) * torch.tanh(a["g"])
        if "c" in of:
            c.register_hook(lambda d: d.clamp(-bound, bound))
        h = torch.sigmoid(a["o"]) * torch.tanh(c)
        if "h" in of:
            h.register_hook(lambda d: d.clamp(-bound, bound))
        outputs.append(h)
    return torch.stack(outputs)


@pytest.mark.parametrize("engine", ["cpu", "torch"])
@pytest.mark.parametrize("state", ["", "c"])
def test_beyond_the_bound_it_is_that_of_a_loop_with_hooks(engine: str, state: str) -> None:
    torch.manual_seed(1)
    bound = 0.3
    layer = Recurrent(LSTM, I, H, modifiers=[GradientBound(bound, state)], dtype=torch.float64,
                      engine=engine)  # fmt: skip
    x = torch.randn(T, B, I, dtype=torch.float64, requires_grad=True)
    d = torch.randn(T, B, H, dtype=torch.float64)
    wanted = [x, *layer.parameters()]
    y, expected = layer(x)[0], lstm_loop(layer, x, bound, state or "hc")
    assert_agrees(y.detach(), expected.detach(), tolerance=FLOAT64)
    found = torch.autograd.grad((y * d).sum(), wanted)
    right = torch.autograd.grad((expected * d).sum(), wanted)
    free = torch.autograd.grad((lstm_loop(layer, x, bound, "") * d).sum(), wanted)
    assert (right[0] - free[0]).abs().max() > 0.01, "the bound is met"
    for mine, theirs in zip(found, right, strict=True):
        assert_agrees(mine, theirs, tolerance=FLOAT64)


def slopes_of_slopes(y: Tensor, d: Tensor, wanted: list[Tensor]) -> tuple[Tensor, ...]:
    """The gradient of a sum over the gradients."""
    found = torch.autograd.grad((y * d).sum(), wanted, create_graph=True)
    weights = [torch.linspace(-1, 1, g.numel(), dtype=g.dtype).reshape(g.shape) for g in found]
    total = sum((g * w).sum() for g, w in zip(found, weights, strict=True))
    return torch.autograd.grad(total, wanted)


@pytest.mark.parametrize("bptt", ["whole", "recompute"])
@pytest.mark.parametrize("bound", [0.3, 100.0])
def test_a_second_derivative_is_that_of_a_loop_with_hooks(bound: float, bptt: str) -> None:
    """Beyond the bound, where the hooks clip once more, and within it."""
    torch.manual_seed(1)
    layer = Recurrent(LSTM, I, H, modifiers=[GradientBound(bound)], dtype=torch.float64, bptt=bptt)
    x = torch.randn(T, B, I, dtype=torch.float64, requires_grad=True)
    d = torch.randn(T, B, H, dtype=torch.float64)
    wanted = [x, *layer.parameters()]
    found = slopes_of_slopes(layer(x)[0], d, wanted)
    right = slopes_of_slopes(lstm_loop(layer, x, bound, "hc"), d, wanted)
    for mine, theirs in zip(found, right, strict=True):
        assert_agrees(mine, theirs, tolerance=FLOAT64)
    free = slopes_of_slopes(lstm_loop(layer, x, bound, ""), d, wanted)
    assert ((right[0] - free[0]).abs().max() > 0.01) == (bound < 1), "the bound is met"


def test_a_second_derivative_beyond_the_bound_and_resets() -> None:
    layer = Recurrent(LSTM, I, H, modifiers=[GradientBound(0.3)], dtype=torch.float64)
    x = torch.randn(4, B, I, dtype=torch.float64, requires_grad=True)
    reset = torch.zeros(4, B, dtype=torch.bool)
    reset[2] = True
    d = torch.randn(4, B, H, dtype=torch.float64)
    wanted = [x, *layer.parameters()]
    found = slopes_of_slopes(layer(x, reset=reset)[0], d, wanted)
    apart = torch.cat([layer(x[:2])[0], layer(x[2:])[0]])
    for mine, theirs in zip(found, slopes_of_slopes(apart, d, wanted), strict=True):
        assert_agrees(mine, theirs, tolerance=FLOAT64)


def test_transformations_refuse_a_second_derivative() -> None:
    layer = Recurrent(LSTM, I, H, modifiers=[GradientBound(0.3)])
    with pytest.raises(UnrolledError, match="differentiate it only once"):
        torch.func.hessian(lambda x: layer(x)[0].sum())(torch.randn(2, 1, I))


@pytest.mark.exhaustive
def test_it_prints_and_is_proved() -> None:
    bounded = modify(LSTM, GradientBound(1.0, "c"))
    assert "c = clip_gradient(f * c_prev + i * g, 1)" in equation(bounded).text
    assert check_gradients(bounded, order=2).passed, "differences are of the step without the bound"
    assert check_gradients(modify(Copying, GradientBound(0.1), Zoneout(0.1))).passed


def test_what_it_refuses() -> None:
    with pytest.raises(CellError, match="LSTM has no state 'x'; it has h, c"):
        modify(LSTM, GradientBound(1.0, "x"))
    with pytest.raises(ArgumentError, match="bound must be a positive number, not -1"):
        modify(LSTM, GradientBound(-1))
