"""What a cell does on arrays: shapes, types, states, weights, copies."""

import copy
import pickle
from math import inf
from typing import Any

import numpy as np
import pytest

from tests.tolerances import EXACT, FLOAT64, assert_agrees
from unrolled import Cell, CellError, ShapeError, equation, sigmoid, tanh
from unrolled.cells import GRU, LSTM, SLSTM, AntisymmetricRNN, Elman, ProjectedLSTM

generator = np.random.default_rng(0)


class Peep(Cell):
    """A vector of weights beside a state, where a wrong broadcast would go unnoticed at B = H."""

    scalars = ("alpha",)

    def step(self, x: Any, h: Any, c: Any) -> Any:
        i = sigmoid(self.W @ x + self.p * c + self.b)
        c = i * c + self.alpha * tanh(self.U @ h)
        return tanh(c), c


@pytest.mark.parametrize("batch", [1, 3, 4])
def test_a_batch_is_many_columns(batch: int) -> None:
    cell = Peep(2, 4, seed=0)
    x, h, c = (generator.normal(size=(n, batch)) for n in (2, 4, 4))
    together = cell.step(x, h, c)
    for column in range(batch):
        alone = cell.step(x[:, column], h[:, column], c[:, column])
        for whole, single in zip(together, alone, strict=True):
            assert single.shape == (4,)
            assert_agrees(whole[:, column], single, tolerance=FLOAT64)


def test_the_step_is_the_formula() -> None:
    cell = Elman(3, 4, seed=0)
    x, h = generator.normal(size=3), generator.normal(size=4)
    expected = np.tanh(cell.W @ x + cell.U @ h + cell.b)
    assert_agrees(cell.step(x, h), expected, tolerance=FLOAT64)


@pytest.mark.parametrize("batch", [(), (5,)])
def test_unroll_runs_the_step_again_and_again(batch: tuple[int, ...]) -> None:
    cell = LSTM(2, 3, seed=0)
    xs = generator.normal(size=(4, 2, *batch))
    outputs, (h, c) = cell.unroll(xs)
    states = (np.zeros((3, *batch)), np.zeros((3, *batch)))
    for t, x in enumerate(xs):
        states = cell.step(x, *states)
        assert_agrees(outputs[t], states[0], tolerance=EXACT)
    assert_agrees(h, states[0], tolerance=EXACT)
    assert_agrees(c, states[1], tolerance=EXACT)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_everything_has_the_type_of_the_input(dtype: Any) -> None:
    for cell in (AntisymmetricRNN(2, 3, seed=0), SLSTM(2, 3, seed=0)):
        outputs, states = cell.unroll(np.ones((4, 2), dtype))
        assert outputs.dtype == dtype
        assert all(state.dtype == dtype for state in states)
        new = cell.step(np.ones(2, dtype), *(np.zeros(3, dtype) for _ in cell.states))
        assert all(n.dtype == dtype for n in (new if isinstance(new, tuple) else (new,)))


def test_whole_numbers_are_taken_as_numbers() -> None:
    outputs, _ = Elman(2, 3, seed=0).unroll([[1, 0], [0, 1]])
    assert outputs.dtype == np.float64


def test_a_sequence_of_no_steps_leaves_the_states() -> None:
    cell = SLSTM(2, 3, seed=0)
    outputs, states = cell.unroll(np.zeros((0, 2, 5)))
    assert outputs.shape == (0, 3, 5)
    assert [state.shape for state in states] == [(3, 5)] * 4
    assert (states[3] == -inf).all()


def test_the_first_step_from_minus_infinity_is_finite() -> None:
    outputs, states = SLSTM(2, 3, seed=0).unroll(generator.normal(size=(3, 2)))
    assert np.isfinite(outputs).all()
    assert all(np.isfinite(state).all() for state in states)


def test_a_result_is_nobody_elses_array() -> None:
    class Delay(Cell):
        def step(self, x: Any, h: Any, p: Any) -> Any:
            return tanh(self.W @ x + p), h

    cell = Delay(2, 3, seed=0)
    h = np.ones(3)
    _, p = cell.step(np.ones(2), h, h)
    p[...] = 7
    assert h.tolist() == [1, 1, 1]


def test_weights_are_read_set_and_checked() -> None:
    cell = Elman(2, 3, seed=0)
    assert list(cell.weights) == ["W", "U", "b"]
    assert cell.b is cell.weights["b"]
    cell.b = [1, 2, 3]
    assert cell.b.tolist() == [1, 2, 3]
    with pytest.raises(ShapeError, match=r"b of this Elman has the shape \(3,\), not \(2,\)"):
        cell.b = [1, 2]
    with pytest.raises(AttributeError, match=r"no weight 'w'.*did you mean 'W'"):
        cell.w = 1
    with pytest.raises(AttributeError, match="no weight 'Q'; it has: W, U, b"):
        _ = cell.Q


def test_the_seed_decides_the_weights() -> None:
    one, same, other = (Elman(2, 3, seed=seed) for seed in (1, 1, 2))
    assert_agrees(one.W, same.W, tolerance=EXACT)
    assert (one.W != other.W).all()
    assert (np.abs(one.W) <= 1 / np.sqrt(3)).all()


def test_copies_and_pickles_are_cells_of_their_own() -> None:
    cell = AntisymmetricRNN(2, 3, seed=0, gamma=0.5)
    for twin in (copy.deepcopy(cell), pickle.loads(pickle.dumps(cell))):  # noqa: S301, our own
        assert equation(twin) == equation(cell)
        assert twin.gamma == 0.5
        x, h = np.ones(2), np.ones(3)
        assert_agrees(twin.step(x, h), cell.step(x, h), tolerance=EXACT)
        twin.W[...] = 0
        assert cell.W.any()


def test_hyper_parameters() -> None:
    cell = AntisymmetricRNN(2, 3, seed=0, epsilon=0.5)
    assert (cell.epsilon, cell.gamma, AntisymmetricRNN.epsilon) == (0.5, 0.01, 0.1)
    assert repr(cell) == "AntisymmetricRNN(input_size=2, hidden_size=3, epsilon=0.5)"
    assert "epsilon" in equation(cell).text
    with pytest.raises(CellError, match=r"no hyperparameter 'epsilom'.*did you mean 'epsilon'"):
        AntisymmetricRNN(2, 3, epsilom=0.5)


def test_a_whole_number_may_count_a_loop() -> None:
    class Deep(Cell):
        depth = 2

        def step(self, x: Any, h: Any) -> Any:
            for _ in range(self.depth):
                h = tanh(self.U @ h + self.W @ x)
            return h

    assert equation(Deep).text.count("tanh") == 2
    assert equation(Deep(depth=4)).text.count("tanh") == 4
    cell = Deep(2, 3, seed=0, depth=3)
    outputs, _ = cell.unroll(np.ones((2, 2)))
    assert np.isfinite(outputs).all()


def test_the_choice_of_a_nonlinearity() -> None:
    assert equation(Elman(nonlinearity="relu")).text.endswith("h = relu(net_h)")
    with pytest.raises(CellError, match="Elman has no nonlinearity 'rely': it is one of tanh"):
        Elman(2, 3, nonlinearity="rely")


def test_two_classes_of_one_name_are_two_cells() -> None:
    def make(sign: int) -> type[Cell]:
        class Same(Cell):
            def step(self, x: Any, h: Any) -> Any:
                return tanh(self.W @ x + sign * h)

        return Same

    assert equation(make(2)) != equation(make(3))


def test_a_projected_cell_has_an_output_of_its_own_size() -> None:
    cell = ProjectedLSTM(2, 5, seed=0, proj_size=3)
    outputs, (h, c) = cell.unroll(np.ones((4, 2, 6)))
    assert (outputs.shape, h.shape, c.shape) == ((4, 3, 6), (3, 6), (5, 6))
    with pytest.raises(ShapeError, match="ProjectedLSTM needs proj_size"):
        ProjectedLSTM(2, 5)


@pytest.mark.parametrize(
    ("sizes", "answer"),
    [
        ({"input_size": 2}, "LSTM needs hidden_size: give it as hidden_size=..., 1 or more"),
        ({"hidden_size": 2}, "LSTM needs input_size"),
        ({"input_size": 0, "hidden_size": 2}, "input_size must be a positive integer, not 0"),
        ({"input_size": 2.0, "hidden_size": 2}, "input_size must be a positive integer, not 2.0"),
        ({"input_size": True, "hidden_size": 2}, "input_size must be a positive integer, not True"),
    ],
)
def test_sizes_are_checked(sizes: dict[str, Any], answer: str) -> None:
    with pytest.raises(ShapeError, match=answer):
        LSTM(**sizes)


def test_an_input_beside_a_state_is_as_wide() -> None:
    class Residual(Cell):
        def step(self, x: Any, h: Any) -> Any:
            return tanh(self.U @ h) + x

    assert Residual(hidden_size=3).input_size == 3
    assert Residual(3, 3).input_size == 3
    with pytest.raises(ShapeError, match="input_size must be hidden_size: 2 is not 3"):
        Residual(2, 3)


@pytest.mark.parametrize(
    ("x", "states", "answer"),
    [
        ((2,), [(3,)], "takes the input and 2 states .h, c., not 1"),
        ((3,), [(3,), (3,)], r"x of this LSTM has the shape \(2,\)"),
        ((2,), [(3,), (2,)], r"c of this LSTM has the shape \(3,\)"),
        ((2, 4), [(3, 4), (3, 5)], r"c of this LSTM has the shape \(3, 4\)"),
        ((2, 4), [(3,), (3, 4)], r"h of this LSTM has the shape \(3, 4\)"),
        ((2, 4, 5), [(3,), (3,)], "x of this LSTM"),
    ],
)
def test_shapes_are_checked(x: Any, states: Any, answer: str) -> None:
    with pytest.raises(ShapeError, match=answer):
        LSTM(2, 3, seed=0).step(np.ones(x), *map(np.ones, states))


def test_a_cell_without_sizes_says_how_to_give_them() -> None:
    cell = GRU()
    assert equation(cell) == equation(GRU)
    assert (cell.input_size, cell.hidden_size, dict(cell.weights)) == (None, None, {})
    with pytest.raises(ShapeError, match=r"make it as GRU\(input_size=3, hidden_size=4, seed=0\)"):
        cell.unroll(np.ones((2, 3)))
    with pytest.raises(ShapeError, match="made without sizes"):
        cell.step(np.ones(3), np.ones(4))
    with pytest.raises(AttributeError, match="no weight 'W_r': it was made without sizes"):
        _ = cell.W_r
    with pytest.raises(ShapeError, match=r"xs must be .time, input. or"):
        GRU(2, 3).unroll(np.ones(3))


def test_what_is_no_cell_is_refused() -> None:
    class Empty(Cell):
        pass

    with pytest.raises(CellError, match="Empty has no step"):
        equation(Empty)
    with pytest.raises(CellError, match=r"42 is not a cell: .*unrolled\.cells\.LSTM"):
        equation(42)


def test_a_weight_assigned_in_a_step_on_arrays_is_refused() -> None:
    class Assigning(Cell):
        def step(self, x: Any, h: Any) -> Any:
            if isinstance(x, np.ndarray):
                self.W = x
            return tanh(self.W @ x + h)

    with pytest.raises(CellError, match="is assigned in the step"):
        Assigning(2, 3, seed=0).step(np.ones(2), np.ones(3))
