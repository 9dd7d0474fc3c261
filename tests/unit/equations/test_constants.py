"""Hyper-parameters that are arrays: constants of the equation."""

import json
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

from tests.exported import Constant
from tests.tolerances import EXACT, FLOAT32, FLOAT64, assert_agrees
from unrolled import (
    Cell,
    CellError,
    Equation,
    EquationError,
    Recurrent,
    ShapeError,
    check_gradients,
    equation,
    modify,
    tanh,
)
from unrolled.cells.modifiers import LayerNorm
from unrolled.equations import interpret
from unrolled.equations.verify import MOST_NUMBERS


class Given(Cell):
    """A matrix of the class, which an instance may replace."""

    sizes: ClassVar = {"m": "order"}
    A = np.array([[0.0, 1.0], [-1.0, 0.5]])

    def step(self, x: Any, h: Any, m: Any) -> Any:
        m = self.A @ m + self.B @ x
        return tanh(self.W @ x + self.U @ h + self.V @ m), m


def test_arrays_keep_their_name_form_and_numbers() -> None:
    found = equation(Constant)
    assert found.lengths == {"order": 4, "two": 2, "three": 3}
    assert_agrees(found.constants["B"].array, 1 / np.arange(1.0, 5.0), tolerance=EXACT)
    assert "m = leak * (A - A.T) @ m_prev + (1 - leak) * m_prev + B * u" in found.text
    assert "A^{\\top}" in found.latex.replace("{A}", "A")
    assert not set(found.constants) & set(found.weights)


def test_an_equation_with_arrays_is_stored_and_read() -> None:
    found = equation(Constant)
    read = Equation.from_json(found.to_json())
    assert read == found
    assert read.constants["A"] is found.constants["A"]
    assert read.backward == found.backward


def test_the_step_its_equation_both_engines_and_their_gradients_agree() -> None:
    assert check_gradients(Constant).passed
    torch.manual_seed(0)
    layer = Recurrent(Constant, 3, 5, num_layers=2, bidirectional=True)
    other = Recurrent(Constant, 3, 5, num_layers=2, bidirectional=True, engine="torch")
    other.load_state_dict(layer.state_dict())
    x = torch.randn(6, 2, 3)
    for one, two in zip(
        torch.autograd.grad(layer(x)[0].sin().sum(), list(layer.parameters())),
        torch.autograd.grad(other(x)[0].sin().sum(), list(other.parameters())),
        strict=True,
    ):
        assert_agrees(one, two, tolerance=FLOAT32)


def test_an_instance_brings_arrays_of_its_own() -> None:
    rotation = np.array([[0.6, -0.8, 0.0], [0.8, 0.6, 0.0], [0.0, 0.0, 0.25]])
    cell = Given(3, 4, seed=1, A=rotation)
    assert repr(cell) == "Given(input_size=3, hidden_size=4, order=3, A=<3 x 3 array>)"
    assert repr(Recurrent(cell, 3, 4)) == (
        "Recurrent(Given, 3, 4, order=3, A=<3 x 3 array>, engine='cpu')"
    )
    xs = np.random.default_rng(2).normal(size=(5, 3))
    run = interpret.forward(equation(cell), cell.weights, xs, input_size=3, hidden_size=4)
    outputs, (_, m) = cell.unroll(xs)
    assert_agrees(run.outputs, outputs, tolerance=FLOAT64)
    by_hand = np.zeros(3)
    for x in xs:
        by_hand = rotation @ by_hand + cell.B @ x
    assert_agrees(m, by_hand, tolerance=FLOAT64)
    tensors = {name: torch.from_numpy(array) for name, array in cell.weights.items()}
    bound = cell.bind(tensors)
    _, m = bound.step(torch.from_numpy(xs[0])[:, None], torch.zeros(4, 1).double(),
                      torch.zeros(3, 1).double())  # fmt: skip
    assert_agrees(m[:, 0], cell.B @ xs[0], tolerance=FLOAT64)


def test_large_arrays_that_print_alike_are_told_apart() -> None:
    one, other = np.zeros((60, 60)), np.zeros((60, 60))
    other[30, 30] = 1.0
    assert repr(one) == repr(other)
    assert equation(Given(A=one)) != equation(Given(A=other))


@pytest.mark.parametrize("order", [2, 5])
def test_a_size_of_the_layer_decides_what_is_computed_from_it(order: int) -> None:
    layer = Recurrent(Constant(order=3), 3, 5, sizes={"order": order})
    assert layer.equation.lengths["order"] == order
    assert f"order={order}" in repr(layer)
    assert layer(torch.ones(4, 1, 3))[1][1].shape == (1, 1, order)


def refused(match: str, **declared: Any) -> None:
    step = declared.pop("step", Given.step.__wrapped__)
    kind = type("Given", (Cell,), {"sizes": {"m": "order"}, **declared, "step": step})
    with pytest.raises((CellError, EquationError), match=match):
        equation(kind)


def test_what_is_no_constant_is_refused() -> None:
    refused("finite real numbers", A=np.array([[np.nan, 0], [0, 1]]))
    refused("finite real numbers", A=np.zeros((2, 2, 2)))
    refused("finite real numbers", A=np.array([["a"]]))
    refused("an array of 1 axes, a vector, and is used as a matrix here", A=np.ones(2))
    refused("must return a dictionary of arrays", constants=lambda self: [])
    refused("order is 2 and, in A, 3", A=np.ones((2, 3)))
    refused("return it from constants", A=property(lambda self: np.eye(2)))
    array = np.eye(2)
    refused("make a constant array a hyperparameter",
            step=lambda self, x, h, m: (tanh(self.W @ x + self.U @ h), array @ m))  # fmt: skip


def test_a_size_that_the_array_has_not_is_refused() -> None:
    for make in (lambda: Given(order=3), lambda: Recurrent(Given, 3, 4, sizes={"order": 3}),
                 lambda: Recurrent(equation(Given), 3, 4, sizes={"order": 3})):  # fmt: skip
        with pytest.raises(
            ShapeError, match="the constant A of Given has the form 2 x 2, so order"
        ):
            make()


def test_too_many_numbers_are_refused() -> None:
    side = int(MOST_NUMBERS**0.5) + 1
    with pytest.raises(EquationError, match="66,049 numbers, and 65,536 is the most"):
        equation(Given(A=np.ones((side, side))))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({1: "B x"}, "is not a name"),
        ({2: ["order", "no size"]}, "is not a size"),
        ({2: ["order"]}, "other numbers than its form"),
        ({3: [2, 3]}, "reshape|cannot"),
        ({3: [4, 1]}, "order is 4 and, in A, 1"),
        ({3: [-1, 2]}, "not a length"),
        ({4: [1.0]}, "reshape|cannot"),
        ({4: [1.0, "nan", 0, 0]}, "not finite"),
        ({4: [0.0] * (MOST_NUMBERS + 1)}, "more than 65,536"),
    ],
)
def test_a_damaged_array_is_refused(change: dict[int, Any], says: str) -> None:
    data = json.loads(equation(Given).to_json())
    row = next(row for row in data["nodes"] if row[0] == "array")
    for place, value in change.items():
        row[place] = value
    with pytest.raises(EquationError, match=says):
        Equation.from_json(json.dumps(data))


@pytest.mark.exhaustive
def test_a_cell_with_arrays_is_modified_like_any_other() -> None:
    changed = modify(Constant, LayerNorm())
    assert check_gradients(changed, kernels=False).passed
    assert set(equation(changed).constants) == set(equation(Constant).constants)
