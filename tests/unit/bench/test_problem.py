"""What every contestant is given: shapes are parsed, padding is padding, weights differ."""

import numpy as np
import pytest

from tests.tolerances import FLOAT32, assert_agrees
from unrolled import cells
from unrolled.bench.problem import OWN, SHAPES, Problem, Shape, shape_from
from unrolled.errors import UsageError

SHAPE = Shape(5, 12, 3, 4)


@pytest.mark.parametrize("text", ["5,12,3,4", "B5,T12,I3,H4", "5x12x3x4", "B5 T12 I3 H4"])
def test_a_shape_is_read(text: str) -> None:
    assert shape_from(text) == SHAPE
    assert shape_from(str(SHAPE)) == SHAPE


@pytest.mark.parametrize("text", ["5,12,3", "5,12,3,0", "a,b,c,d", "5,12,3,4,5", ""])
def test_what_is_no_shape_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="four whole numbers from 1 up"):
        shape_from(text)


def test_the_shapes_are_those_that_goals_speak_of() -> None:
    assert len(SHAPES) == 8
    assert Shape(20, 35, 650, 650) in SHAPES


def test_dense_sequences_are_of_full_length() -> None:
    problem = Problem("LSTM", SHAPE)
    assert problem.tokens == 60
    assert problem.going.all()


def test_ragged_lengths_are_between_a_quarter_and_the_whole() -> None:
    problem = Problem("LSTM", Shape(400, 12, 3, 4), ragged=True)
    assert set(problem.lengths.tolist()) == set(range(3, 13))
    assert not problem.d_y[~problem.going].any()
    assert problem.d_y[problem.going].all()


def test_no_problem_is_chaotic() -> None:
    problem = Problem("LayerNormLSTM", Shape(2, 500, 1, 128))
    cell = cells.LayerNormLSTM(1, 128)
    for name, weight in problem.weights.items():
        setattr(cell, name, weight)
    xs = np.float64(problem.x).transpose(0, 2, 1)
    once, again = cell.unroll(xs)[0], cell.unroll(xs * (1 + 1e-9))[0]
    assert_agrees(np.float32(again), np.float32(once), tolerance=FLOAT32)


@pytest.mark.parametrize("cell", OWN)
def test_no_two_weights_are_the_same(cell: str) -> None:
    weights = list(Problem(cell, SHAPE).weights.values())
    assert all(w.dtype == np.float32 for w in weights)
    seen = {w.tobytes() for w in weights}
    assert len(seen) == len(weights)
    assert all(len(np.unique(w)) == w.size for w in weights)
