"""A gradient of a compiled layer, differentiated again in whichever way, is the one that autograd
finds in the same equation."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.autograd import functional, grad

import unrolled
from tests.tolerances import FLOAT64, assert_agrees

D = torch.float64
LAYERS: dict[str, Callable[..., Any]] = {
    "whole": lambda **k: unrolled.Recurrent(unrolled.cells.Elman, 3, 4, dtype=D, **k),
    "windows": lambda **k: unrolled.Recurrent(unrolled.cells.Elman, 3, 4, bptt=2, dtype=D, **k),
    "recompute": lambda **k: unrolled.Recurrent(
        unrolled.cells.Elman, 3, 4, bptt="recompute", dtype=D, **k
    ),
    "stacked": lambda **k: unrolled.Recurrent(
        unrolled.cells.Elman, 3, 4, 2, bidirectional=True, dtype=D, **k
    ),
    "made of weights": lambda **k: unrolled.Recurrent(
        unrolled.cells.AntisymmetricRNN, 3, 4, dtype=D, **k
    ),
    "batch first": lambda **k: unrolled.RNN(3, 4, batch_first=True, dtype=D, **k),
    "two biases": lambda **k: unrolled.GRU(3, 4, dtype=D, **k),
}


def outputs(layer: Any, x: Tensor, h: Tensor) -> Tensor:
    return layer(x, h)[0]  # type: ignore[no-any-return]


def first(layer: Any, x: Tensor, h: Tensor, source: Tensor) -> Tensor:
    """A gradient with a graph of its own."""
    (found,) = grad(outputs(layer, x, h).square().sum(), source, create_graph=True)
    return found


def by_arriving(layer: Any, x: Tensor, h: Tensor) -> Any:
    arriving = torch.ones_like(outputs(layer, x, h), requires_grad=True)
    (found,) = grad(outputs(layer, x, h), x, arriving, create_graph=True)
    return grad(found.square().sum(), (arriving, x, h))


def by_parameters(layer: Any, x: Tensor, h: Tensor) -> Any:
    found = grad(outputs(layer, x, h).square().sum(), [*layer.parameters()], create_graph=True)
    directions = [parameter.detach().cos() for parameter in layer.parameters()]
    return grad(found, [*layer.parameters(), x, h], directions)


def by_optimizer_step(layer: Any, x: Tensor, h: Tensor) -> Any:
    """A gradient penalty, as it is written for training."""
    layer.zero_grad()
    penalty = first(layer, x, h, x).square().sum()
    penalty.backward()  # type: ignore[no-untyped-call]
    return [parameter.grad for parameter in layer.parameters()]


def of_final_state(layer: Any, x: Tensor, h: Tensor) -> Any:
    (found,) = grad(layer(x, h)[1].square().sum(), x, create_graph=True)
    return grad(found.square().sum(), x)


def third(layer: Any, x: Tensor, h: Tensor) -> Any:
    (second,) = grad(first(layer, x, h, x).square().sum(), x, create_graph=True)
    return grad(second.square().sum(), (x, h, *layer.parameters()))


PATHS: dict[str, Callable[[Any, Tensor, Tensor], Any]] = {
    "x": lambda f, x, h: grad(first(f, x, h, x).square().sum(), (x, h)),
    "h": lambda f, x, h: grad(first(f, x, h, h).square().sum(), (x, h)),
    "x parameter": lambda f, x, h: grad(first(f, x, h, x).sum(), next(f.parameters())),
    "parameters": by_parameters,
    "arriving": by_arriving,
    "penalty": by_optimizer_step,
    "final h": of_final_state,
    "jvp": lambda f, x, h: functional.jvp(lambda z: outputs(f, z, h), x, x.detach()),
    "jvp h": lambda f, x, h: functional.jvp(lambda z: outputs(f, x, z), h, h.detach()),
    "hvp": lambda f, x, h: functional.hvp(
        lambda z: outputs(f, z, h).square().sum(), x, x.detach()
    ),
    "hessian": lambda f, x, h: functional.hessian(lambda z: outputs(f, x, z).square().sum(), h),
    "third": third,
}  # fmt: skip


@pytest.fixture(scope="module", params=LAYERS)
def twins(request: pytest.FixtureRequest) -> tuple[Any, Any]:
    """A compiled layer, and the same weights under autograd."""
    torch.manual_seed(0)
    layer, under_autograd = LAYERS[request.param](), LAYERS[request.param](engine="torch")
    under_autograd.load_state_dict(layer.state_dict())
    assert (layer.engine, under_autograd.engine) == ("cpu", "torch")
    return layer, under_autograd


def given(layer: Any) -> tuple[Tensor, Tensor]:
    torch.manual_seed(1)
    x = torch.randn(5, 2, 3, dtype=D, requires_grad=True)
    rows = 5 if layer.batch_first else 2
    layers = layer.num_layers * (2 if layer.bidirectional else 1)
    return x, torch.randn(layers, rows, 4, dtype=D, requires_grad=True)


def compare(found: Any, expected: Any) -> None:
    if isinstance(expected, Tensor):
        assert_agrees(found, expected, tolerance=FLOAT64)
        return
    for mine, theirs in zip(found, expected, strict=True):
        compare(mine, theirs)


@pytest.mark.parametrize("path", PATHS)
def test_every_path_to_a_second_derivative(twins: tuple[Any, Any], path: str) -> None:
    layer, under_autograd = twins
    x, h = given(layer)
    compare(PATHS[path](layer, x, h), PATHS[path](under_autograd, x, h))


class Level(unrolled.Cell):
    """What moves is one number, and is spread over the units."""

    def step(self, x: Any, h: Any) -> Any:
        return unrolled.sign(self.W @ x) + unrolled.mean(unrolled.sin(h + self.V @ x))


def test_a_movement_that_all_units_share_moves_again() -> None:
    torch.manual_seed(0)
    layers = [unrolled.Recurrent(Level, 3, 4, dtype=D, engine=e) for e in ("cpu", "torch")]
    layers[1].load_state_dict(layers[0].state_dict())
    x, h = given(layers[0])
    compare(*(third(layer, x, h) for layer in layers))


@pytest.mark.parametrize("bidirectional", [False, True])
def test_sequences_of_their_own_lengths(bidirectional: bool) -> None:
    torch.manual_seed(0)
    found = []
    layers = [unrolled.LSTM(3, 4, 2, bidirectional=bidirectional, dtype=D, engine=engine)
              for engine in ("auto", "torch")]  # fmt: skip
    layers[1].load_state_dict(layers[0].state_dict())
    x = torch.randn(5, 4, 3, dtype=D, requires_grad=True)
    for layer in layers:
        y, (h, c) = layer(x, lengths=[5, 2, 0, 3])
        (first,) = grad(y.square().sum() + h.sum() * c.sum(), x, create_graph=True)
        found.append(grad(first.square().sum(), [x, *layer.parameters()]))
    compare(*found)


def test_a_gradient_with_a_graph_that_nobody_uses_is_as_any_other() -> None:
    torch.manual_seed(0)
    layer = LAYERS["whole"]()
    x, h = given(layer)
    kept = first(layer, x, h, x)
    (plain,) = grad(outputs(layer, x, h).square().sum(), x)
    assert torch.equal(kept, plain)


def test_the_input_need_not_lie_in_one_piece() -> None:
    layer = LAYERS["whole"]()
    x = torch.randn(3, 2, 5, dtype=D, requires_grad=True)
    h = torch.zeros(1, 2, 4, dtype=D)
    found = [
        grad(first(layer, z, h, z).sum(), z)[0]
        for z in (x.permute(2, 1, 0), x.permute(2, 1, 0).contiguous())
    ]
    assert torch.equal(*found)


def test_an_input_changed_in_place_is_noticed() -> None:
    layer = LAYERS["whole"]()
    x, h = given(layer)
    moved = x * 1
    (found,) = grad(outputs(layer, moved, h).square().sum(), moved, create_graph=True)
    moved.data.add_(0)  # leaves no trace
    moved.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        grad(found.sum(), x)
