"""An output that is not a state: `output = "y"`, and the step returns y before its new states."""

from typing import Any, ClassVar

import numpy as np
import pytest
import torch

import unrolled
from tests.tolerances import FLOAT32, FLOAT64, assert_agrees
from unrolled import Cell, CellError, Equation, Recurrent, check_gradients, tanh
from unrolled.textbook.checking import gradient_errors, numerical_gradients
from unrolled.textbook.network import Network

T, B, I, H = 6, 3, 4, 7


class Reading(Cell):
    """A state that is read through a matrix, which the next step does not see."""

    output = "y"
    sizes: ClassVar = {"y": "readout"}
    readout = 2

    def step(self, x: Any, h: Any) -> Any:
        h = tanh(self.W @ x + self.U @ h + self.b)
        return self.V @ h + self.D @ x, h


class Gated(Cell):
    """As wide as the state, so that layers can be stacked."""

    output = "y"

    def step(self, x: Any, h: Any, c: Any) -> Any:
        c = 0.5 * c + tanh(self.W @ x + self.U @ h)
        h = tanh(self.A @ c)
        y = h * tanh(self.V @ x)
        return y, h, c


def test_it_prints_with_its_name_and_is_no_state() -> None:
    found = unrolled.equation(Reading)
    assert found.text.splitlines() == [
        "h = tanh(W @ x + U @ h_prev + b)", "y = V @ h + D @ x",
    ]  # fmt: skip
    assert list(found.carried) == ["h"]
    assert Reading(I, H, seed=0).states == ("h",)
    assert Equation.from_json(found.to_json()) == found


@pytest.mark.parametrize("cell", [Reading, Gated])
def test_every_derivative_is_proved(cell: type[Cell]) -> None:
    table = check_gradients(cell, order=2)
    assert table.passed
    states = [row.name for row in table.rows if row.kind == "initial state"]
    assert states == [*unrolled.equation(cell).carried]


def test_the_step_the_layers_and_the_streams_agree() -> None:
    cell = Reading(I, H, seed=0)
    layer = Recurrent(Reading, I, H, dtype=torch.float64)
    with torch.no_grad():
        for name, array in cell.weights.items():
            layer.get_parameter(f"{name}_l0").copy_(torch.from_numpy(array))
    x, start = torch.randn(T, B, I).double(), torch.randn(1, B, H).double()
    expected, (h,) = cell.unroll(x.numpy().transpose(0, 2, 1), (start[0].numpy().T,))
    y, last = layer(x, start)
    assert y.shape == (T, B, 2)
    assert last.shape == (1, B, H)
    assert_agrees(y.detach().numpy(), expected.transpose(0, 2, 1), tolerance=FLOAT64)
    assert_agrees(last[0].detach().numpy(), h.T, tolerance=FLOAT64)
    stream = layer.stream(batch=B)
    stream.states = start
    found = torch.stack([stream.step(row).clone() for row in x])
    assert_agrees(found.numpy(), y.detach().numpy(), tolerance=FLOAT64)
    assert_agrees(stream.states.numpy(), last.detach().numpy(), tolerance=FLOAT64)


@pytest.mark.parametrize("form", [{}, {"num_layers": 2, "bidirectional": True}], ids=str)
@pytest.mark.parametrize("bptt", ["whole", "recompute", 2])
def test_kernels_give_what_autograd_gives(form: dict[str, Any], bptt: Any) -> None:
    layer = Recurrent(Gated, I, H, bptt=bptt, **form)
    other = Recurrent(Gated, I, H, bptt=bptt, engine="torch", **form)
    other.load_state_dict(layer.state_dict())
    x = torch.randn(T, B, I)
    grads = []
    for one in (layer, other):
        given = x.clone().requires_grad_()
        y, (h, c) = one(given, lengths=[6, 3, 0])
        (y.cos().sum() + h.sum() + c.sin().sum()).backward()
        grads.append([y.detach(), given.grad, *(p.grad for p in one.parameters())])
    for mine, right in zip(*grads, strict=True):
        assert_agrees(mine.numpy(), right.numpy(), tolerance=FLOAT32)


def test_what_cannot_be_an_output_is_refused() -> None:
    def declared(name: Any) -> type[Cell]:
        return type("Mine", (Cell,), {"output": name, "step": Reading.step})

    with pytest.raises(CellError, match="output names `h`, which is an argument of the step"):
        unrolled.equation(declared("h"))
    with pytest.raises(CellError, match="output is 3: it must be a name for the first"):
        unrolled.equation(declared(3))

    class Alone(Gated):
        def step(self, x: Any, h: Any, c: Any) -> Any:
            return tanh(self.W @ x + self.U @ h + c), c

    with pytest.raises(CellError, match=r"takes 2 states \(h, c\) and declares the output y"):
        unrolled.equation(Alone)


def test_the_textbook_reads_it_out() -> None:
    ours, compiled = (
        Network(Gated, 2, 4, 3, num_layers=2, seed=0, backend=b) for b in ("numpy", "compiled")
    )
    random = np.random.default_rng(0)
    xs, targets = random.normal(size=(5, 2, 3)), random.integers(0, 3, (5, 3))
    found, again = ours.evaluate(xs, targets), compiled.evaluate(xs, targets)
    h = xs
    for cell in ours.layers:
        h, _ = cell.unroll(h)
    readout = ours.readout.weights
    expected = readout["V"] @ h + readout["c"].reshape(-1, 1)
    assert_agrees(found.trace.outputs, expected, tolerance=FLOAT64)
    assert_agrees(again.trace.outputs, expected, tolerance=FLOAT64)
    slopes = numerical_gradients(ours, xs, targets)
    assert max(gradient_errors(found.gradients, slopes).values()) < 1e-6, (
        "of a difference's rounding"
    )
    for name, gradient in found.gradients.items():
        assert_agrees(again.gradients[name], gradient, tolerance=FLOAT64, name=name)
