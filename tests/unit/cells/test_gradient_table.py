"""`check_gradients`: what it shows, what it refuses, and how it deals with kinks."""

from typing import Any

import numpy as np
import pytest

from unrolled import Cell, CellError, GradientError, check_gradients, equation, log, relu, tanh
from unrolled.cells import LSTM, AntisymmetricRNN, Elman
from unrolled.cells.gradients import TOLERANCE, GradientTable


def test_the_table_prints_every_row_and_what_was_drawn() -> None:
    table = check_gradients(Elman, kernels=False)
    lines = str(table).splitlines()
    assert lines[0].startswith("Elman: derived gradients and central differences")
    for name in ("W", "U", "b", "x", "h"):
        assert any(name in line.split() for line in lines)
    assert sum("steps from" in line for line in lines) == 3
    assert "as many sequences as units" in str(table)
    assert 0 < table.worst < TOLERANCE


def test_one_draw_has_as_many_sequences_as_units() -> None:
    words = check_gradients(LSTM, kernels=False).drawn[0]
    batch = words.split("(")[1].split(")")[0]
    assert f"hidden_size {batch}" in words


def test_other_seeds_draw_other_numbers() -> None:
    assert (
        check_gradients(Elman, seed=1, kernels=False).rows
        != check_gradients(Elman, seed=2, kernels=False).rows
    )
    assert (
        check_gradients(Elman, seed=1, kernels=False).rows
        == check_gradients(Elman, seed=1, kernels=False).rows
    )


def test_an_instance_brings_its_hyper_parameters() -> None:
    cell = AntisymmetricRNN(3, 4, seed=0, gamma=0.7)
    before = {name: weight.copy() for name, weight in cell.weights.items()}
    assert check_gradients(cell, kernels=False).passed
    for name, weight in cell.weights.items():
        assert np.array_equal(weight, before[name]), "the weights that were given stay as they are"


def test_a_size_that_the_class_declares_is_not_drawn() -> None:
    class Factored(Cell):
        rank = 1
        sizes = {"B": "rank"}

        def step(self, x: Any, h: Any) -> Any:
            return tanh(self.A @ (self.B @ h) + self.W @ x)

    assert all("rank 1" in drawn for drawn in check_gradients(Factored, kernels=False).drawn)


def test_the_input_is_as_wide_as_the_state_where_it_must_be() -> None:
    class Residual(Cell):
        def step(self, x: Any, h: Any) -> Any:
            return tanh(self.U @ h) + x

    assert check_gradients(Residual, kernels=False).passed


def test_kinks_are_counted_and_not_compared() -> None:
    class Kinked(Cell):
        """At rest every unit sits on the kink of relu, and moves onto its side at once."""

        def step(self, x: Any, h: Any) -> Any:
            return relu(self.U @ h) + 0.1 * h

    table = check_gradients(Kinked, kernels=False)
    row = table.rows[-1]
    assert (row.kind, row.name) == ("initial state", "h")
    assert row.skipped > 0
    assert row.checked > 0
    assert table.passed


def test_a_wrong_gradient_raises_with_the_table() -> None:
    class Mine(Cell):
        def step(self, x: Any, h: Any) -> Any:
            return tanh(self.W @ x + self.U @ h)

    derived = equation(Mine)
    swapped = [("d_W", "d_W"), ("d_U", "d_U")]
    assert [name for name, _ in swapped] == list(derived.backward.results[2:])
    statements = [
        (name, node if name != "d_U" else -node) for name, node in derived.backward.statements
    ]
    object.__setattr__(derived.backward, "statements", tuple(statements))
    derived.backward.__dict__.pop("locals", None)
    with pytest.raises(GradientError, match=r"respect to weight U is wrong: at U\[") as caught:
        check_gradients(Mine, kernels=False)
    assert isinstance(caught.value.table, GradientTable)
    assert "wrong" in str(caught.value.table)
    assert not caught.value.table.passed
    assert caught.value.table.worst > 0.5


def test_a_step_that_does_something_else_each_time_is_found() -> None:
    noise = np.random.default_rng(0)

    class Noisy(Cell):
        def step(self, x: Any, h: Any) -> Any:
            return tanh(self.W @ x + h) + float(noise.normal())

    with pytest.raises(GradientError, match=r"does not compute what its step computes"):
        check_gradients(Noisy, kernels=False)


def test_a_step_without_a_value_is_found() -> None:
    class Negative(Cell):
        initial = {"b": -1.0}

        def step(self, x: Any, h: Any) -> Any:
            return log(self.b - 100) + 0 * h + self.W @ x

    with pytest.raises(GradientError, match="Negative is not finite on random inputs"):
        check_gradients(Negative, kernels=False)


def test_an_equation_has_no_step() -> None:
    with pytest.raises(CellError, match="give check_gradients the cell"):
        check_gradients(equation(LSTM), kernels=False)
