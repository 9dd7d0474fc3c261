"""How many steps a budget has room for, with made-up clocks."""

import numpy as np
import pytest

from tests.tolerances import FLOAT64, assert_agrees
from tests.toy_job import ToyJob
from unrolled.training.loop import train
from unrolled.training.planning import ENOUGH, FIRST, Planner
from unrolled.training.settings import Settings


def watch(planner, pace, steps, measuring=0, late=0.0, until=10_000):
    """The plan, and at which step it was made, of steps that take `pace` seconds each."""
    for step in range(1, until):
        seconds = late + step * pace
        plan = planner.plan(seconds, step, step % steps == 0, steps, measuring)
        if plan is not None:
            return plan, step
    return None


def test_the_plan_fills_the_budget():
    plan, when = watch(Planner(1.0), 0.1, steps=1000)
    assert abs(plan - 600) <= 1
    assert abs(when - 30) <= 1  # a twentieth of it


def test_the_first_steps_do_not_count():
    plan, _ = watch(Planner(1.0), 0.1, steps=1000, late=10.0)
    assert abs(plan - 500) <= 1


def test_evaluations_take_their_part():
    plan, _ = watch(Planner(1.0), 0.1, steps=100, measuring=20)
    evaluations = plan // 100 + 1
    assert 60 * 0.95 < 0.1 * (plan + 20 * evaluations) <= 60


def test_it_is_settled_at_the_end_of_the_first_epoch_at_the_latest():
    assert watch(Planner(60.0), 0.1, steps=50)[1] == 50


def test_too_few_steps_tell_nothing():
    assert watch(Planner(1.0), 30.0, steps=3, until=FIRST + ENOUGH) is None


def test_a_plan_is_never_behind():
    assert watch(Planner(0.001), 10.0, steps=3) == (FIRST + ENOUGH, FIRST + ENOUGH)


@pytest.mark.parametrize(("schedule", "steps"), [("linear", 9), ("constant", 18)])
def test_the_schedule_ends_with_the_plan(monkeypatch, schedule, steps):
    rates = []

    def noted(optimizer, rate):
        rates.append(rate)
        for group in optimizer.param_groups:
            group["lr"] = rate

    monkeypatch.setattr("unrolled.training.loop.set_rate", noted)
    monkeypatch.setattr(Planner, "plan", lambda self, *rest: 9)
    settings = Settings(schedule=schedule, lr=0.9, epochs=3, minutes=60.0)
    state = train(ToyJob(), settings)  # six steps an epoch
    assert state.step == steps
    if schedule == "linear":
        expected = np.array([0.9 * (1 - step / 9) for step in range(1, 9)])
        assert_agrees(np.array(rates[1:]), expected, tolerance=FLOAT64)
    else:
        assert set(rates) == {0.9}


def test_a_plan_for_more_than_all_epochs_changes_nothing(monkeypatch):
    monkeypatch.setattr(Planner, "plan", lambda self, *rest: 1000)
    settings = {"schedule": "linear", "epochs": 3}
    whole, planned = (
        train(ToyJob(), Settings(**settings, minutes=minutes)) for minutes in (None, 60.0)
    )
    assert whole.history[-1]["train_loss"] == planned.history[-1]["train_loss"]
    assert planned.finished == "all epochs are done"
