"""Rates as the textbook has them, at the places where one can check them by hand."""

import pytest

from tests.tolerances import FLOAT64, assert_agrees
from unrolled.training.job import State
from unrolled.training.schedules import SCHEDULES, after_epoch, factor, has_an_end


@pytest.mark.parametrize(
    ("name", "done", "expected"),
    [
        ("constant", 0.9, 1.0), ("linear", 0.25, 0.75), ("cosine", 0.0, 1.0),
        ("cosine", 0.5, 0.5),
        ("cosine", 1.0, 0.0), ("step", 0.3, 1.0), ("step", 0.4, 0.1), ("step", 1.0, 0.01),
        ("exponential", 0.5, 0.1), ("warmup", 0.05, 0.5), ("warmup", 0.1, 1.0),
        ("warmup", 1.0, 0.0),
    ],
)  # fmt: skip
def test_factors(name, done, expected):
    assert_agrees(float(factor(name, done, State())), float(expected), tolerance=FLOAT64)


@pytest.mark.parametrize("name", SCHEDULES)
def test_no_schedule_raises_the_rate_above_the_given_one_or_below_nothing(name):
    assert all(0 <= factor(name, step / 97, State()) <= 1 for step in range(120))


def test_a_plateau_halves_the_rate_after_waiting():
    state = State()
    for better in [True, False, False]:
        after_epoch("plateau", state, better)
    assert factor("plateau", 0.5, state) == 1.0
    after_epoch("plateau", state, False)
    assert factor("plateau", 0.5, state) == 0.5
    after_epoch("plateau", state, True)
    assert state.plateau_waited == 0


def test_other_schedules_do_not_look_at_the_figures():
    state = State()
    for _ in range(9):
        after_epoch("cosine", state, False)
    assert state.scale == 1.0


def test_a_steady_rate_knows_no_end():
    assert {name for name in SCHEDULES if not has_an_end(name)} == {"constant", "plateau"}
