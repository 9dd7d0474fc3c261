"""A whole network's outputs step by step, and every gradient against finite differences."""

import numpy as np
import pytest

from tests.tolerances import FLOAT64, SLOPE, assert_agrees
from unrolled import cells
from unrolled.cells import GRU, LSTM, Elman
from unrolled.cells.base import Cell, equation
from unrolled.errors import ArgumentError
from unrolled.textbook import Network, gradient_errors, numerical_gradients
from unrolled.textbook.losses import mean_squared_error

LIBRARY = [getattr(cells, name) for name in cells.__all__ if name != "Cell"]
T, B, INPUTS, HIDDEN, OUTPUTS = 5, 6, 3, 4, 2
ROUNDING = 1e-6  # of a central difference with its step of 6e-6; a mistake shows at 1e-2 and above


def make(cell, layers=2, many_to="many", loss="cross_entropy", seed=0) -> Network:
    return Network(cell, INPUTS, HIDDEN, OUTPUTS, layers, many_to=many_to, loss=loss, seed=seed)


def sizes_for(cell: type[Cell]) -> dict[str, int]:
    return {"proj_size": 3} if "proj_size" in equation(cell).sizes else {}


def batch(network: Network, steps: int = T) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(7)
    xs = random.normal(size=(steps, INPUTS, B))
    seen = steps if network.many_to == "many" else 1
    if network.loss_name == "cross_entropy":
        return xs, random.integers(0, OUTPUTS, (seen, B))
    return xs, random.normal(size=(seen, OUTPUTS, B))


@pytest.mark.parametrize(("cell", "layers"), [(Elman, 1), (Elman, 3), (GRU, 2), (LSTM, 2)])
@pytest.mark.parametrize("many_to", ["many", "one"])
@pytest.mark.parametrize("loss", ["cross_entropy", "mean_squared_error"])
def test_every_gradient_is_the_slope_of_the_loss(cell, layers, many_to, loss):
    network = make(cell, layers, many_to, loss)
    pair = batch(network)
    random = np.random.default_rng(3)
    states = [
        tuple(random.normal(size=s.shape) for s in layer) for layer in network.first_states(B)
    ]
    gradients = network.evaluate(*pair, states).gradients
    errors = gradient_errors(gradients, numerical_gradients(network, *pair, states))
    assert list(errors) == list(network.weights)
    assert max(errors.values()) < ROUNDING, errors
    assert all(np.abs(gradient).max() > 0 for gradient in gradients.values())


@pytest.mark.sweep
@pytest.mark.parametrize("cell", LIBRARY, ids=lambda cell: cell.__name__)
def test_every_cell_of_the_library_has_right_gradients_in_a_network(cell):
    inputs = 3 if not equation(cell).input_is_hidden else HIDDEN
    network = Network(cell, inputs, HIDDEN, OUTPUTS, seed=2, **sizes_for(cell))
    random = np.random.default_rng(5)
    xs, targets = random.normal(size=(3, inputs, 2)), random.integers(0, OUTPUTS, (3, 2))
    gradients = network.evaluate(xs, targets).gradients
    errors = gradient_errors(gradients, numerical_gradients(network, xs, targets))
    assert max(errors.values()) < ROUNDING, errors


def test_the_check_of_gradients_finds_a_wrong_one():
    network = make(Elman)
    pair = batch(network)
    gradients = network.evaluate(*pair).gradients
    numerical = numerical_gradients(network, *pair)
    gradients["U_l1"] = -gradients["U_l1"]
    errors = gradient_errors(gradients, numerical)
    assert [name for name, error in errors.items() if error > ROUNDING] == ["U_l1"]


def test_a_gradient_of_nearly_nothing_is_measured_against_the_whole():
    numerical = {"W": np.array([1.0]), "b": np.array([0.0])}
    noise = gradient_errors({"W": np.array([1.0]), "b": np.array([1e-12])}, numerical)
    wrong = gradient_errors({"W": np.array([1.0]), "b": np.array([1e-3])}, numerical)
    assert noise["b"] < ROUNDING < wrong["b"]


def test_measuring_slopes_leaves_the_weights_as_they_were():
    network = make(Elman)
    before = {name: weight.copy() for name, weight in network.weights.items()}
    numerical_gradients(network, *batch(network))
    for name, weight in network.weights.items():
        assert np.array_equal(weight, before[name])


def test_the_outputs_are_the_cells_own_steps_in_a_row():
    network = make(LSTM)
    xs, _ = batch(network)
    below, above = network.layers
    hs, last_below = below.unroll(xs)
    tops, last_above = above.unroll(hs)
    V, c = network.weights["V"], network.weights["c"]
    trace = network.forward(xs)
    for t in range(T):
        assert_agrees(trace.outputs[t], V @ tops[t] + c[:, None], tolerance=FLOAT64)
    for ours, expected in zip(trace.states, [last_below, last_above], strict=True):
        for state, reference in zip(ours, expected, strict=True):
            assert_agrees(state, reference, tolerance=FLOAT64)


def test_a_split_sequence_is_the_whole_one():
    network = make(GRU)
    xs, targets = batch(network)
    whole = network.forward(xs)
    first = network.forward(xs[:2])
    second = network.forward(xs[2:], first.states)
    assert_agrees(np.concatenate([first.outputs, second.outputs]), whole.outputs, tolerance=FLOAT64)
    assert_agrees(network.loss(xs, targets), network.evaluate(xs, targets).loss, tolerance=FLOAT64)


def test_only_the_last_step_counts_in_many_to_one():
    network = make(Elman, many_to="one")
    many = make(Elman, many_to="many")
    xs, _ = batch(network)
    assert_agrees(network.forward(xs).outputs, many.forward(xs).outputs[-1:], tolerance=FLOAT64)


def test_the_loss_of_a_batch_is_the_mean_over_its_sequences():
    network = make(LSTM)
    xs, targets = batch(network)
    alone = [network.loss(xs[..., [n]], targets[..., [n]]) for n in range(B)]
    assert_agrees(network.loss(xs, targets), np.mean(alone), tolerance=FLOAT64)


def test_a_batch_as_wide_as_the_layer_is_no_special_case():
    network = Network(Elman, 4, 4, 4, 2, seed=1)
    random = np.random.default_rng(0)
    xs, targets = random.normal(size=(3, 4, 4)), random.integers(0, 4, (3, 4))
    errors = gradient_errors(
        network.evaluate(xs, targets).gradients, numerical_gradients(network, xs, targets)
    )
    assert max(errors.values()) < ROUNDING


def test_the_shares_of_the_steps_add_up():
    network = make(LSTM)
    evaluation = network.evaluate(*batch(network), keep_steps=True)
    for number, layer in enumerate(evaluation.layers):
        assert len(layer.by_step) == T
        assert len(layer.by_state) == T + 1
        for name, total in layer.weights.items():
            shares = sum(step.weights[name] for step in layer.by_step)
            assert_agrees(shares, total, tolerance=FLOAT64, name=name)
            assert_agrees(evaluation.gradients[f"{name}_l{number}"], total, tolerance=FLOAT64)


def test_the_derivative_by_the_first_states_and_the_inputs_is_the_slope():
    network = make(LSTM, layers=1, loss="mean_squared_error")
    xs, targets = batch(network)
    (states,) = network.first_states(B)
    layer = network.evaluate(xs, targets, [states]).layers[0]
    e = 6e-6
    for array, gradient in [*zip(states, layer.by_state[0], strict=True), (xs, layer.inputs)]:
        place = (1,) * array.ndim
        losses = []
        for move in (e, -2 * e):
            array[place] += move
            losses.append(network.loss(xs, targets, [states]))
        array[place] += e
        assert_agrees((losses[0] - losses[1]) / (2 * e), gradient[place], tolerance=SLOPE)


def test_the_weights_have_names_and_are_the_networks_own():
    network = make(Elman)
    assert list(network.weights) == ["W_l0", "U_l0", "b_l0", "W_l1", "U_l1", "b_l1", "V", "c"]
    xs, targets = batch(network)
    before = network.loss(xs, targets)
    network.weights["U_l0"][0, 0] += 1.0
    assert network.loss(xs, targets) != before


def test_a_seed_gives_the_same_network_and_another_another():
    def draw(seed):
        return np.concatenate([w.ravel() for w in make(LSTM, seed=seed).weights.values()])

    assert np.array_equal(draw(0), draw(0))
    assert not np.array_equal(draw(0), draw(1))
    layers = make(Elman, layers=3, seed=0).layers
    assert not np.array_equal(layers[1].weights["U"], layers[2].weights["U"])


@pytest.mark.parametrize(
    ("make_it", "says"),
    [
        (lambda: make(Elman, many_to="few"), "many_to='many' or many_to='one'"),
        (lambda: make(Elman, layers=0), "at least one layer"),
        (lambda: make(Elman, loss="l2"), "cross_entropy, mean_squared_error"),
        (lambda: Network(Elman, 3, 4, 0), "output_size=0"),
        (lambda: make(Elman).forward(np.zeros((T, INPUTS))), r"xs\[:, :, None\]"),
        (lambda: make(Elman).forward(np.zeros((T, INPUTS + 1, B))), r"\(time, 3, batch\)"),
        (lambda: make(Elman).forward(np.zeros((0, INPUTS, B))), "at least one time step"),
    ],
)
def test_what_cannot_be_is_explained(make_it, says):
    with pytest.raises(ArgumentError, match=says):
        make_it()


def test_the_derivative_at_the_outputs_is_the_losss():
    network = make(Elman, layers=1, loss="mean_squared_error")
    xs, targets = batch(network)
    trace = network.forward(xs)
    _, d_outputs = mean_squared_error(trace.outputs, targets)
    (layer,) = network.backward(trace, d_outputs)
    assert_agrees(layer.readout["c"], d_outputs.sum(axis=(0, 2)), tolerance=FLOAT64)
