"""The networks written out by hand: against slopes, against the derived equations, and learning."""

import ast
import inspect
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from tests.tolerances import FLOAT64, SLOPE, assert_agrees
from unrolled.cells import GRU, LSTM, Elman, Jordan
from unrolled.cells.base import Cell, equation
from unrolled.equations import interpret
from unrolled.textbook import Network, cell_backward, cell_forward, deep, elman, gru, lstm
from unrolled.textbook.cell import first_states, sizes_of, written_in

T, B, INPUTS, HIDDEN, OUTPUTS = 5, 6, 2, 3, 4
MODULES = {"elman": elman, "lstm": lstm, "gru": gru, "deep": deep}


def weights_of(module: ModuleType, seed: int = 0) -> dict[str, Any]:
    layers = (3,) if module is deep else ()
    weights = module.initialize(INPUTS, HIDDEN, OUTPUTS, *layers, seed=seed)
    random = np.random.default_rng((seed, 1))
    for weight in weights.values():  # biases too: zero would hide a mistake
        weight[...] = random.normal(size=weight.shape)
    return weights


def data(loss: Callable[..., Any]) -> tuple[Any, Any]:
    random = np.random.default_rng(5)
    xs = random.normal(size=(T, INPUTS, B))
    if loss is elman.cross_entropy:
        return xs, random.integers(0, OUTPUTS, (T, B))
    return xs, random.normal(size=(T, OUTPUTS, B))


@pytest.mark.parametrize("name", MODULES)
@pytest.mark.parametrize("loss", [elman.cross_entropy, elman.squared_error])
def test_every_gradient_is_the_slope_of_the_loss(name: str, loss: Callable[..., Any]) -> None:
    module, (xs, targets) = MODULES[name], data(loss)
    weights, step = weights_of(module), 6e-6
    ys, caches = module.forward(xs, weights)
    gradients = module.backward(loss(ys, targets)[1], caches, weights)
    assert gradients.keys() == weights.keys()
    for key, weight in weights.items():
        slopes = np.zeros_like(weight)
        for place in np.ndindex(weight.shape):
            value, losses = weight[place], []
            for moved in (value + step, value - step):
                weight[place] = moved
                losses.append(loss(module.forward(xs, weights)[0], targets)[0])
            weight[place] = value
            slopes[place] = (losses[0] - losses[1]) / (2 * step)
        assert np.abs(slopes).max() > 0
        assert_agrees(gradients[key], slopes, tolerance=SLOPE, name=f"d_{key}")


@pytest.mark.parametrize("nonlinearity", ["sigmoid", "relu", "identity"])
def test_elman_has_the_slope_of_each_nonlinearity(nonlinearity: str) -> None:
    xs, targets = data(elman.cross_entropy)
    weights, step = weights_of(elman), 6e-6
    ys, caches = elman.forward(xs, weights, nonlinearity)
    d_ys = elman.cross_entropy(ys, targets)[1]
    d_U = elman.backward(d_ys, caches, weights, nonlinearity)["U"]
    for place in [(0, 1), (2, 0)]:
        losses = []
        for move in (step, -2 * step):
            weights["U"][place] += move
            losses.append(
                elman.cross_entropy(elman.forward(xs, weights, nonlinearity)[0], targets)[0]
            )
        weights["U"][place] += step
        slope = (losses[0] - losses[1]) / (2 * step)
        assert_agrees(d_U[place], slope, tolerance=SLOPE, name=nonlinearity)


@pytest.mark.parametrize(("cell_type", "module"), [(Elman, elman), (LSTM, lstm), (GRU, gru)])
def test_a_step_is_that_of_the_equation_and_its_derivative(
    cell_type: type[Cell], module: ModuleType
) -> None:
    random = np.random.default_rng(3)
    cell = cell_type(INPUTS, HIDDEN, seed=0)
    for weight in cell.weights.values():
        weight[...] = random.normal(size=weight.shape)
    x = random.normal(size=(INPUTS, B))
    states = tuple(random.normal(size=(HIDDEN, B)) for _ in cell.states)
    d_states = tuple(random.normal(size=(HIDDEN, B)) for _ in cell.states)
    *after, cache = module.cell_forward(x, *states, cell.weights)
    by_hand = module.cell_backward(*d_states, cache, cell.weights)

    run = interpret.forward(equation(cell), cell.weights, x[None], states, **sizes_of(cell))
    derived = interpret.backward(run, np.zeros((1, HIDDEN, B)), d_states)
    for mine, expected in zip(after, run.states, strict=True):
        assert_agrees(mine, expected, tolerance=FLOAT64)
    for name, expected in derived.weights.items():
        assert_agrees(by_hand[f"d_{name}"], expected, tolerance=FLOAT64, name=f"d_{name}")
    assert_agrees(by_hand["d_x"], derived.inputs[0], tolerance=FLOAT64, name="d_x")
    # every line of the derived equation has its value here, under the same name
    for name, expected in derived.steps[0].items():
        if not name.startswith(("d_W", "d_U", "d_b", "d_c_n")):
            assert_agrees(by_hand[name], expected, tolerance=FLOAT64, name=name)


def test_the_deep_network_is_the_layers_of_the_network() -> None:
    weights = weights_of(deep)
    network = Network(Elman, INPUTS, HIDDEN, OUTPUTS, 3)
    for name, weight in network.weights.items():
        key = f"{name[0]}{int(name[-1]) + 1}" if "_l" in name else name
        weight[...] = weights[key]
    xs, targets = data(elman.cross_entropy)
    whole = network.evaluate(xs, targets)
    ys, caches = deep.forward(xs, weights)
    loss, d_ys = elman.cross_entropy(ys, targets)
    assert_agrees(loss, whole.loss, tolerance=FLOAT64)
    gradients = deep.backward(d_ys, caches, weights)
    for name, expected in whole.gradients.items():
        key = f"{name[0]}{int(name[-1]) + 1}" if "_l" in name else name
        assert_agrees(gradients[key], expected, tolerance=FLOAT64, name=name)


@pytest.mark.parametrize("name", MODULES)
def test_training_lowers_the_loss(name: str) -> None:
    module, (xs, targets) = MODULES[name], data(elman.cross_entropy)
    layers = (2,) if module is deep else ()
    weights = module.initialize(INPUTS, 8, OUTPUTS, *layers, seed=1)
    losses = module.train(xs, targets, weights, rate=0.3, epochs=60)
    assert len(losses) == 60
    assert losses[-1] < 0.8 * losses[0]


def test_clipping_keeps_the_direction_and_bounds_the_norm() -> None:
    gradients = {"W": np.array([[3.0]]), "b": np.array([4.0])}
    clipped = elman.clip(gradients, 1.0)
    assert_agrees(clipped["W"], np.array([[0.6]]), tolerance=FLOAT64)
    assert_agrees(clipped["b"], np.array([0.8]), tolerance=FLOAT64)
    assert_agrees(elman.clip(gradients, 10.0)["b"], gradients["b"], tolerance=FLOAT64)
    nothing = {"W": np.zeros((2, 2))}
    assert_agrees(elman.clip(nothing, 1.0)["W"], nothing["W"], tolerance=FLOAT64)


def test_sigmoid_does_not_overflow() -> None:
    values = elman.sigmoid(np.array([-1e4, 0.0, 1e4]))
    assert_agrees(values, np.array([0.0, 0.5, 1.0]), tolerance=FLOAT64)


@pytest.mark.parametrize("name", MODULES)
def test_they_are_numpy_and_nothing_else_and_read_in_one_sitting(name: str) -> None:
    source = inspect.getsource(MODULES[name])
    assert len(source.splitlines()) < 200
    imported = {
        node.module if isinstance(node, ast.ImportFrom) else node.names[0].name
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    allowed = {"__future__", "collections.abc", "typing", "numpy", "numpy.typing"}
    assert imported <= allowed | (set() if name == "elman" else {"unrolled.textbook.elman"})


def test_a_network_says_whose_lines_it_runs() -> None:
    assert repr(Network(LSTM, 2, 3, 4, 2)) == (
        "Network(LSTM, 2 inputs, 3 hidden units, 4 outputs, 2 layers; "
        "each step written out in unrolled.textbook.lstm)"
    )
    assert "derived from the equation of Jordan" in repr(Network(Jordan, 2, 3, 4))
    assert "compiled from the equation of GRU" in repr(Network(GRU, 2, 3, 4, backend="compiled"))


def test_a_subclass_runs_its_own_equation() -> None:
    class Halved(LSTM):
        def step(self, x: Any, h: Any, c: Any) -> Any:
            h, c = super().step(x, h, c)
            return 0.5 * h, c

    cell = Halved(INPUTS, HIDDEN, seed=0)
    assert written_in(cell) == "derived from the equation of Halved"
    states = first_states(cell, B)
    x = np.random.default_rng(0).normal(size=(INPUTS, B))
    (h, _), _, cache = cell_forward(cell, x, states)
    plain = LSTM(INPUTS, HIDDEN, seed=0)
    assert_agrees(h, 0.5 * cell_forward(plain, x, states)[0][0], tolerance=FLOAT64)
    nothing = tuple(np.zeros((HIDDEN, B)) for _ in states)
    assert cell_backward(cache, np.ones((HIDDEN, B)), nothing).weights.keys() == cell.weights.keys()
