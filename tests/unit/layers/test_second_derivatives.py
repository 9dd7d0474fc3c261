"""A gradient of a compiled layer that is differentiated again says so, whichever way it is done."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.autograd import functional, grad

import unrolled
from unrolled.errors import UnrolledError

LAYERS: dict[str, Callable[[], Any]] = {
    "whole": lambda: unrolled.Recurrent(unrolled.cells.Elman, 3, 4, dtype=torch.float64),
    "windows": lambda: unrolled.Recurrent(
        unrolled.cells.Elman, 3, 4, bptt=2, dtype=torch.float64
    ),
    "recompute": lambda: unrolled.Recurrent(
        unrolled.cells.Elman, 3, 4, bptt="recompute", dtype=torch.float64
    ),
    "stacked": lambda: unrolled.Recurrent(
        unrolled.cells.Elman, 3, 4, 2, bidirectional=True, dtype=torch.float64
    ),
    "batch first": lambda: unrolled.RNN(3, 4, batch_first=True, dtype=torch.float64),
}  # fmt: skip


def outputs(layer: Any, x: Tensor, h: Tensor) -> Tensor:
    return layer(x, h)[0]  # type: ignore[no-any-return]


def first(layer: Any, x: Tensor, h: Tensor, source: Tensor) -> Tensor:
    """A gradient with a graph of its own."""
    (found,) = grad(outputs(layer, x, h).square().sum(), source, create_graph=True)
    return found


def by_arriving(layer: Any, x: Tensor, h: Tensor) -> Any:
    arriving = torch.ones_like(outputs(layer, x, h), requires_grad=True)
    (found,) = grad(outputs(layer, x, h), x, arriving, create_graph=True)
    return grad(found.sum(), arriving)


def by_parameter(layer: Any, x: Tensor, h: Tensor) -> Any:
    parameter = next(layer.parameters())
    return grad(first(layer, x, h, parameter).sum(), parameter)


def by_optimizer_step(layer: Any, x: Tensor, h: Tensor) -> Any:
    """A gradient penalty, as it is written for training."""
    penalty = first(layer, x, h, x).square().sum()
    penalty.backward()  # type: ignore[no-untyped-call]


def of_final_state(layer: Any, x: Tensor, h: Tensor) -> Any:
    (found,) = grad(layer(x, h)[1].sum(), x, create_graph=True)
    return grad(found.sum(), x)


PATHS: dict[str, Callable[[Any, Tensor, Tensor], Any]] = {
    "x x": lambda f, x, h: grad(first(f, x, h, x).sum(), x),
    "x h": lambda f, x, h: grad(first(f, x, h, x).sum(), h),
    "h x": lambda f, x, h: grad(first(f, x, h, h).sum(), x),
    "h h": lambda f, x, h: grad(first(f, x, h, h).sum(), h),
    "x parameter": lambda f, x, h: grad(first(f, x, h, x).sum(), next(f.parameters())),
    "parameter parameter": by_parameter,
    "x arriving": by_arriving,
    "penalty": by_optimizer_step,
    "final h": of_final_state,
    "jvp": lambda f, x, h: functional.jvp(lambda z: outputs(f, z, h), (x,), (x,)),
    "jvp h": lambda f, x, h: functional.jvp(lambda z: outputs(f, x, z), (h,), (h,)),
    "hvp": lambda f, x, h: functional.hvp(lambda z: outputs(f, z, h).sum(), (x,), (x,)),
    "vhp": lambda f, x, h: functional.vhp(lambda z: outputs(f, z, h).sum(), (x,), (x,)),
    "hessian": lambda f, x, h: functional.hessian(lambda z: outputs(f, z, h).sum(), x),
    "gradgradcheck": lambda f, x, h: torch.autograd.gradgradcheck(
        lambda *z: outputs(f, *z), (x, h)
    ),
}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", LAYERS)
def test_every_path_to_a_second_derivative_is_refused(name: str, path: str) -> None:
    torch.manual_seed(0)
    layer = LAYERS[name]()
    x = torch.randn(5, 2, 3, dtype=torch.float64, requires_grad=True)
    rows = 5 if getattr(layer, "batch_first", False) else 2
    layers = layer.num_layers * (2 if layer.bidirectional else 1)
    h = torch.randn(layers, rows, 4, dtype=torch.float64, requires_grad=True)
    with pytest.raises(UnrolledError, match="differentiate once"):
        PATHS[path](layer, x, h)


def test_a_gradient_with_a_graph_that_nobody_uses_is_as_any_other() -> None:
    torch.manual_seed(0)
    layer = LAYERS["whole"]()
    x = torch.randn(5, 2, 3, dtype=torch.float64, requires_grad=True)
    h = torch.zeros(1, 2, 4, dtype=torch.float64, requires_grad=True)
    kept = first(layer, x, h, x)
    (plain,) = grad(outputs(layer, x, h).square().sum(), x)
    assert torch.equal(kept, plain)


def test_the_input_need_not_lie_in_one_piece() -> None:
    layer = LAYERS["whole"]()
    x = torch.randn(3, 2, 5, dtype=torch.float64, requires_grad=True)
    h = torch.zeros(1, 2, 4, dtype=torch.float64)
    (found,) = grad(outputs(layer, x.permute(2, 1, 0), h).square().sum(), x, create_graph=True)
    with pytest.raises(UnrolledError, match="differentiate once"):
        grad(found.sum(), x)
