"""Intervals hold the share they say, on series of which the truth is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.tolerances import FLOAT64, assert_agrees
from unrolled.data.times import TimeStep
from unrolled.data.timeseries import TimeSeries
from unrolled.data.windows import Layout, prepare
from unrolled.tasks.forecast.calibrated import errors as errors_of
from unrolled.tasks.forecast.calibration import (
    Calibration,
    conformal,
    moving_shifts,
    outward,
    shift_of_all,
    shifted,
)

LEVELS = [0.1, 0.5, 0.9]
MANY = np.inf  # windows that do not overlap
NORMAL = 1.2815515655446004  # the 0.9 quantile of a normal distribution
COUNT, SIZE = 4_000, 400  # steps, and how many of them the validation part has


def said(scale: Any, horizon: int = 3) -> tuple[Any, Any, Any]:
    """Noise of one step in a thousand of sizes, and forecasts of an interval of such a width."""
    draw = np.random.default_rng(4)
    actual = draw.normal(size=(COUNT, horizon)) * scale[:, None]
    width = NORMAL * scale[:, None]
    zero = np.zeros_like(actual)
    return actual, width + zero, zero


def set_right(actual: Any, forecast: Any) -> tuple[Any, Any]:
    """The first `SIZE` are the validation part; the others are judged, first and then."""
    errors = actual[..., None] - forecast
    known = errors[:SIZE].copy()
    for h in range(errors.shape[1]):
        known[SIZE - 1 - h :, h] = np.nan  # has not come yet
    of_all = Calibration(*shift_of_all(known, LEVELS, MANY), size=SIZE)
    right = shifted(forecast, moving_shifts(errors, np.arange(COUNT), LEVELS, of_all), 1.0, LEVELS)
    once = shifted(forecast, of_all.shift, 1.0, LEVELS)
    return right[SIZE:], once[SIZE:]


def held(actual: Any, forecast: Any) -> float:
    return float(((actual >= forecast[..., 0]) & (actual <= forecast[..., 2])).mean())


@pytest.mark.parametrize("factor", [0.4, 1.0, 2.5])
def test_too_narrow_or_too_wide_for_noise_that_swells_and_ebbs(factor: float) -> None:
    scale = 2 + np.sin(2 * np.pi * np.arange(COUNT) / 24)
    actual, width, middle = said(scale)
    forecast = np.stack([-factor * width, middle, factor * width], -1)
    right, _ = set_right(actual, forecast)
    assert abs(held(actual[SIZE:], right) - 0.8) < 0.02
    assert np.array_equal(right[..., 1], middle[SIZE:])
    below = (actual[SIZE:] < right[..., 0]).mean()
    above = (actual[SIZE:] > right[..., 2]).mean()
    assert abs(below - 0.1) < 0.015
    assert abs(above - 0.1) < 0.015


def test_noise_that_grows_is_followed() -> None:
    """Four times as wide at the end: shifted once, the interval holds ever less."""
    actual, _, middle = said(np.linspace(1, 4, COUNT))
    forecast = np.stack([middle - 1, middle, middle + 1], -1)
    right, once = set_right(actual, forecast)
    assert held(actual[SIZE:], once) < 0.6
    assert abs(held(actual[SIZE:], right) - 0.8) < 0.02
    for begin in range(0, COUNT - SIZE, 900):
        part = slice(begin, begin + 900)
        assert abs(held(actual[SIZE:][part], right[part]) - 0.8) < 0.05


def test_a_forecast_that_drifts_away_is_followed() -> None:
    """Too low by more and more: both bounds rise. The lower one stops at the median."""
    actual, width, middle = said(np.ones(COUNT))
    forecast = np.stack([middle - width, middle, middle + width], -1)
    for drift, alone in ((1.0, 0.75), (6.0, 0.3)):
        moved = actual + np.linspace(0, drift, COUNT)[:, None]
        right, once = set_right(moved, forecast)
        assert held(moved[SIZE:], once) < alone
        assert abs((moved[SIZE:] > right[..., 2]).mean() - 0.1) < 0.015
        assert held(moved[SIZE:], right) > 0.78


def test_nothing_is_set_right_by_what_comes_later() -> None:
    draw = np.random.default_rng(0)
    origins = np.arange(0, 600, 2)
    errors = draw.normal(size=(300, 4, 3))
    of_all = Calibration(np.ones((4, 3)), np.full(4, 30), size=50, stride=2)
    shifts = moving_shifts(errors, origins, LEVELS, of_all)
    other = errors.copy()
    for h in range(4):
        other[(origins + 1 + h) > 400, h] += 100  # comes after step 400
    changed = moving_shifts(other, origins, LEVELS, of_all)
    assert np.array_equal(shifts[origins <= 400], changed[origins <= 400])
    for h in range(4):  # and what comes later still is
        assert not np.array_equal(shifts[origins > 402, h, 2], changed[origins > 402, h, 2])
    assert (shifts[:15, :, 2] == 1).all()  # by all series, while there are too few of its own


def test_the_share_that_is_aimed_at_by_hand() -> None:
    """The paper's rule: after each miss a little wider, after each hit a very little narrower."""
    from unrolled.tasks.forecast.calibration import Lane

    lane = Lane(0.9, 200, shift_of_all=3.0, count_of_all=25)
    for error in range(25):
        assert lane.shift() == 3.0
        lane.learn(float(error), lane.shift())
    assert lane.aim == 0.9
    assert lane.shift() == conformal(list(range(25)), 0.9) == 23.0
    lane.learn(30.0, 23.0)
    assert_agrees(lane.aim, 0.9 + 0.005 * 0.9, tolerance=FLOAT64)
    lane.learn(5.0, 23.0)
    assert_agrees(lane.aim, 0.9 + 0.005 * 0.9 - 0.005 * 0.1, tolerance=FLOAT64)


def test_a_window_forgets() -> None:
    lane_errors = np.concatenate([np.full(60, 9.0), np.zeros(60)])[:, None, None]
    of_all = Calibration(np.zeros((1, 1)), np.full(1, 20), size=30)
    shifts = moving_shifts(lane_errors, np.arange(120), [0.9], of_all)[:, 0, 0]
    assert shifts[59] == 9.0
    assert shifts[119] == 0.0


def test_few_errors_count_for_what_they_are_worth() -> None:
    """Of n errors and one to come, in any order, the last lies below with the chance asked for."""
    ascending = [float(number) for number in range(1, 20)]  # 19: twenty places for the next one
    assert conformal(ascending, 0.9) == 18.0
    assert conformal(ascending, 0.1) == 2.0
    assert conformal(ascending, 0.95) == 19.0
    assert conformal(ascending, 0.999) == 19.0  # too few for that: the furthest
    assert conformal(ascending, 0.001) == 1.0
    for level in (0.03, 0.1, 0.25, 0.4):
        mirrored = [-error for error in reversed(ascending)]
        assert conformal(ascending, level) == -conformal(mirrored, 1 - level)


def test_few_windows_widen_an_interval() -> None:
    """Of 9 windows and one to come, the furthest is beyond the 0.9 quantile; of more, fewer are."""
    assert_agrees(outward(0.9, 9.0), 1.0, tolerance=FLOAT64)
    assert outward(0.1, 1.0) == 0.0
    assert_agrees(outward(0.9, 19.0), 1 - 1 / 19, tolerance=FLOAT64)
    assert outward(0.9, MANY) == 0.9
    assert_agrees(outward(0.1, 19.0), 1 - outward(0.9, 19.0), tolerance=FLOAT64)
    errors = np.random.default_rng(2).normal(size=(60, 2, 3))
    few, many = (shift_of_all(errors, LEVELS, windows)[0] for windows in (2.0, MANY))
    assert (few[:, 2] > many[:, 2]).all()
    assert (few[:, 0] < many[:, 0]).all()


def test_a_step_with_too_few_errors_moves_as_all_do() -> None:
    draw = np.random.default_rng(1)
    errors = np.repeat(draw.normal(size=(25, 4, 1)), 3, 2)
    errors[10:, 3] = np.nan
    shift, counts = shift_of_all(errors, LEVELS, MANY)
    assert counts.tolist() == [25, 25, 25, 10]
    known = errors[..., 2][~np.isnan(errors[..., 2])]
    assert shift[3, 2] == conformal(np.sort(known), 0.9)
    assert shift[0, 2] == conformal(np.sort(errors[:, 0, 2]), 0.9)
    assert not shift[:, 1].any()
    few, _ = shift_of_all(errors[:4], LEVELS, MANY)
    assert not few.any()


def test_no_quantile_crosses_the_median_or_another() -> None:
    forecast = np.array([[[1.0, 2.0, 3.0, 4.0, 5.0]]])
    shift = np.array([[4.0, -9.0, 7.0, -3.0, -3.0]])
    right = shifted(forecast, shift, 1.0, [0.1, 0.2, 0.5, 0.8, 0.9])
    assert right[0, 0].tolist() == [-7.0, -7.0, 3.0, 3.0, 3.0]
    assert forecast.tolist() == [[[1.0, 2.0, 3.0, 4.0, 5.0]]]


def test_a_gap_and_the_future_say_nothing() -> None:
    values = np.arange(40.0)
    values[30] = np.nan
    series = TimeSeries("s", np.int64(0), TimeStep(1, "step"), values)
    one = prepare(series, Layout(2, 1, [], True, True, [], [], [], []), 20)
    found = errors_of(one, np.zeros((3, 2, 1)), np.array([28, 29, 38]))[..., 0]
    assert np.isnan(found).tolist() == [[False, True], [True, False], [False, True]]
    assert found[0, 0] == 29 / one.scale.unit
    early = errors_of(one, np.zeros((1, 2, 1)), np.array([24]), end=26)[..., 0]
    assert np.isnan(early).tolist() == [[False, True]]
