"""The backward step as an equation: its names, what it keeps, and what it is given."""

from typing import Any

import numpy as np

from tests.tolerances import FLOAT64, assert_agrees
from unrolled import Cell, equation, mean, softplus, tanh
from unrolled.cells import GRU, LSTM, SRU, Elman, GRUCho2014
from unrolled.equations import interpret
from unrolled.equations.derive import adjoints, cotangents
from unrolled.equations.nodes import Variable
from unrolled.equations.verify import verify


def test_elman_is_the_textbooks() -> None:
    assert equation(Elman).backward.text.splitlines() == [
        "d_net_h = d_h * (1 - h**2)",
        "d_x = W.T @ d_net_h",
        "d_h_prev = U.T @ d_net_h",
        "d_W = outer(d_net_h, x)",
        "d_U = outer(d_net_h, h_prev)",
        "d_b = d_net_h",
    ]


def test_its_results_are_the_derivatives_of_all_that_is_given() -> None:
    derived = equation(GRU)
    wanted = [f"d_{v.name}_prev" if v.role == "state" else f"d_{v.name}" for v in derived.given]
    assert list(derived.backward.results) == wanted
    verify(derived.backward)


def test_a_state_that_the_step_goes_on_to_use_arrives_as_next() -> None:
    assert {name: v.name for name, v in cotangents(equation(LSTM)).items()} == {
        "h": "d_h",
        "c": "d_c_next",
    }
    assert {name: v.name for name, v in cotangents(equation(Elman)).items()} == {"h": "d_h"}


def test_names_tell_what_a_derivative_is_of() -> None:
    names = [name for name, _ in equation(GRUCho2014).backward.statements]
    assert "d_rh" in names, "of r * h"
    assert "d_net_n" in names, "of what goes into tanh"
    assert not any("net_net" in name for name in names)


def test_a_derivative_is_computed_once() -> None:
    for cell in (GRU, LSTM, SRU):
        backward = equation(cell).backward
        computed = [node for name, node in backward.statements if name not in backward.results]
        assert len(set(computed)) == len(computed)


def test_every_named_value_has_its_derivative_even_where_two_share_it() -> None:
    class Shared(Cell):
        def step(self, x: Any, h: Any) -> Any:
            a = tanh(self.W @ x)
            s = a + self.U @ h
            t = s + 2 * h
            return tanh(t)

    lines = equation(Shared).backward.text.splitlines()
    assert lines[:3] == ["d_t = d_h * (1 - h**2)", "d_s = d_t", "d_a = d_t"]
    assert not any(line.startswith("d_net_h") for line in lines)


def test_what_the_derivative_needs_of_a_product_is_kept() -> None:
    class Soft(Cell):
        def step(self, x: Any, h: Any) -> Any:
            return softplus(self.W @ x + self.U @ h)

    assert equation(Soft).text.splitlines() == [
        "net_h = W @ x + U @ h_prev",
        "h = softplus(net_h)",
    ]
    assert "@" not in equation(Soft).backward.text.splitlines()[0]


def test_what_the_derivative_needs_of_a_mean_is_kept() -> None:
    class Centred(Cell):
        def step(self, x: Any, h: Any) -> Any:
            a = self.W @ x + h
            return tanh((a - mean(a)) ** 2)

    assert "difference_h = a - mean(a)" in equation(Centred).text
    assert "mean(a)" not in equation(Centred).backward.text


def test_the_forward_values_stay_the_same_nodes() -> None:
    derived = equation(LSTM)
    found = adjoints(derived)
    assert set(derived.locals.values()) <= set(found)
    assert all(v in found for v in derived.given)


def test_a_state_that_nothing_depends_on_gets_no_derivative() -> None:
    assert "d_h_prev = 0" in equation(SRU).backward.text.splitlines()


def test_values_and_cotangents_are_given_to_it() -> None:
    backward = equation(LSTM).backward
    roles = {role: [v.name for v in backward.given if v.role == role]
             for role in ("value", "cotangent")}  # fmt: skip
    assert roles == {"value": list("ifgoch"), "cotangent": ["d_h", "d_c_next"]}
    assert all(isinstance(v, Variable) for v in backward.given)


def test_the_interpreter_keeps_every_value_of_every_step() -> None:
    cell = LSTM(2, 3, seed=0)
    xs = np.random.default_rng(0).normal(size=(4, 2))
    run = interpret.forward(equation(cell), cell.weights, xs, input_size=2, hidden_size=3)
    assert len(run.values) == len(run.before) == 4
    assert set(run.values[0]) == {*"ifgoch"}
    assert_agrees(run.values[1]["h"][:, 0], run.outputs[1], tolerance=FLOAT64)
    assert_agrees(run.before[2]["c"], run.values[1]["c"], tolerance=FLOAT64)
    gradients = interpret.backward(run, np.ones((4, 3)))
    assert set(gradients.steps[0]) == {name for name, _ in equation(cell).backward.statements}
    assert gradients.inputs.shape == (4, 2)
    assert [d.shape for d in gradients.states] == [(3,), (3,)]


def test_whole_numbers_do_not_cut_off_the_gradient_of_the_input() -> None:
    cell = Elman(2, 3, seed=0)
    run = interpret.forward(
        equation(cell), cell.weights, np.eye(2, dtype=int), input_size=2, hidden_size=3
    )
    assert interpret.backward(run, np.ones((2, 3))).inputs.dtype == np.float64


def test_a_sequence_of_no_steps_hands_its_derivatives_back() -> None:
    cell = LSTM(2, 3, seed=0)
    run = interpret.forward(
        equation(cell), cell.weights, np.zeros((0, 2, 4)), input_size=2, hidden_size=3
    )
    d = (np.ones((3, 4)), 2 * np.ones((3, 4)))
    gradients = interpret.backward(run, np.zeros((0, 3, 4)), d)
    assert_agrees(gradients.states[1], d[1], tolerance=FLOAT64)
    assert all(not g.any() for g in gradients.weights.values())
