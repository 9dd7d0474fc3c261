"""One time step with its cache, against the equation written out; and two steps in a row."""

import numpy as np

from tests.tolerances import FLOAT64, assert_agrees
from unrolled.cells import LSTM, Elman
from unrolled.textbook import Readout, backward, cell_backward, cell_forward, forward

B, INPUTS, HIDDEN, OUTPUTS = 5, 2, 3, 4


def arrays(*shapes):
    random = np.random.default_rng(0)
    return [random.normal(size=shape) for shape in shapes]


def test_a_step_of_elman_forward_and_backward_is_the_textbooks():
    cell, readout = Elman(INPUTS, HIDDEN, seed=0), Readout(HIDDEN, OUTPUTS, seed=1)
    W, U, b = (cell.weights[name] for name in "WUb")
    V, c = readout.weights["V"], readout.weights["c"]
    x, h, d_y, d_h_next = arrays((INPUTS, B), (HIDDEN, B), (OUTPUTS, B), (HIDDEN, B))
    (h_t,), y_t, cache = cell_forward(cell, x, (h,), readout)
    assert_agrees(h_t, np.tanh(W @ x + U @ h + b[:, None]), tolerance=FLOAT64)
    assert_agrees(y_t, V @ h_t + c[:, None], tolerance=FLOAT64)

    step = cell_backward(cache, d_y, (d_h_next,))
    d_a = (d_h_next + V.T @ d_y) * (1 - h_t**2)
    expected = {"W": d_a @ x.T, "U": d_a @ h.T, "b": d_a.sum(axis=1)}
    assert step.weights.keys() == expected.keys()
    for name, value in expected.items():
        assert_agrees(step.weights[name], value, tolerance=FLOAT64, name=name)
    assert_agrees(step.readout["V"], d_y @ h_t.T, tolerance=FLOAT64)
    assert_agrees(step.readout["c"], d_y.sum(axis=1), tolerance=FLOAT64)
    assert_agrees(step.values["d_net_h"], d_a, tolerance=FLOAT64)
    assert_agrees(step.x_t, W.T @ d_a, tolerance=FLOAT64)
    assert_agrees(step.states[0], U.T @ d_a, tolerance=FLOAT64)


def test_the_cache_shows_every_named_value():
    cell = LSTM(INPUTS, HIDDEN, seed=0)
    x, h, c = arrays((INPUTS, B), (HIDDEN, B), (HIDDEN, B))
    (h_t, c_t), y_t, cache = cell_forward(cell, x, (h, c))
    values = cache.values
    assert_agrees(values["f"] * c + values["i"] * values["g"], c_t, tolerance=FLOAT64)
    assert_agrees(values["o"] * np.tanh(c_t), h_t, tolerance=FLOAT64)
    assert y_t is h_t
    assert cache.x_t is x


def test_two_steps_in_a_row_are_two_cells_cascaded():
    cell, readout = LSTM(INPUTS, HIDDEN, seed=0), Readout(HIDDEN, OUTPUTS, seed=1)
    xs, h, c, d_ys = arrays((2, INPUTS, B), (HIDDEN, B), (HIDDEN, B), (2, OUTPUTS, B))
    trace = forward(cell, xs, (h, c), readout)
    first, y_1, cache_1 = cell_forward(cell, xs[0], (h, c), readout)
    second, y_2, cache_2 = cell_forward(cell, xs[1], first, readout)
    assert_agrees(trace.outputs, np.stack([y_1, y_2]), tolerance=FLOAT64)
    assert_agrees(trace.states[2][1], second[1], tolerance=FLOAT64)

    zeros = (np.zeros((HIDDEN, B)), np.zeros((HIDDEN, B)))
    later = cell_backward(cache_2, d_ys[1], zeros)
    earlier = cell_backward(cache_1, d_ys[0], later.states)
    gradients = backward(trace, d_ys)
    for name in cell.weights:
        total = earlier.weights[name] + later.weights[name]
        assert_agrees(gradients.weights[name], total, tolerance=FLOAT64, name=name)
    for name in readout.weights:
        total = earlier.readout[name] + later.readout[name]
        assert_agrees(gradients.readout[name], total, tolerance=FLOAT64, name=name)
    assert_agrees(gradients.inputs, np.stack([earlier.x_t, later.x_t]), tolerance=FLOAT64)
    for state, expected in zip(gradients.by_state[0], earlier.states, strict=True):
        assert_agrees(state, expected, tolerance=FLOAT64)


def test_the_derivative_by_the_last_states_counts():
    cell = Elman(INPUTS, HIDDEN, seed=0)
    xs, h, d_h = arrays((3, INPUTS, B), (HIDDEN, B), (HIDDEN, B))
    trace = forward(cell, xs, (h,))
    d_ys = np.zeros((3, HIDDEN, B))
    as_state = backward(trace, d_ys, (d_h,))
    d_ys[-1] = d_h
    as_output = backward(trace, d_ys)
    for name, gradient in as_output.weights.items():
        assert_agrees(as_state.weights[name], gradient, tolerance=FLOAT64, name=name)
