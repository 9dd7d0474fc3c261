"""What a network sees of a series, and what it must not: nothing that comes after the origin."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.tolerances import EXACT, FIGURE, FLOAT32, FLOAT64, assert_agrees
from unrolled.data.times import TimeStep
from unrolled.data.timeseries import TimeSeries
from unrolled.data.windows import (
    Layout,
    Prepared,
    anchors,
    drifts,
    memory,
    own_inputs,
    prepare,
    scale_of,
)


def layout(horizon: int = 5, season: int = 3, **more: object) -> Layout:
    plain = Layout(horizon, season, [], True, True, [], [], [], [])
    return replace(plain, **more)  # type: ignore[arg-type]


def series(count: int = 40, *, gaps: bool = True) -> TimeSeries:
    draw = np.random.default_rng(0)
    values = draw.normal(size=count).cumsum()
    if gaps:
        values[[4, 5, 17]] = np.nan
    known, past = draw.normal(size=(count + 9, 1)), draw.normal(size=(count, 2))
    start = np.datetime64("2024-01-01", "us")
    return TimeSeries("s", start, TimeStep(3600, "second"), values, known, past)


def anchor_of(one: Prepared, origins: Any) -> Any:
    return anchors(one.values, origins, one.layout.horizon, one.layout.season)


FULL = {
    "cycles": ["day"],
    "known_means": [0.5],
    "known_scales": [2.0],
    "past_means": [0.0, 1.0],
    "past_scales": [1.0, 3.0],
}


def test_anchors_are_one_season_before() -> None:
    values = np.arange(10.0)
    assert anchors(values, [7], 5, 3).tolist() == [[5, 6, 7, 5, 6]]
    assert anchors(values, [7], 3, 1).tolist() == [[7, 7, 7]]
    assert anchors(values, [0], 4, 3).tolist() == [[0, 0, 0, 0]]


def test_shapes() -> None:
    told = layout(**FULL)  # type: ignore[arg-type]
    one = prepare(series(), told, 30)
    assert one.inputs.shape == (40, told.inputs)
    assert one.around(np.array([20, 39])).shape == (2, 5, told.ahead)


@pytest.mark.parametrize("origin", [0, 2, 5, 20, 39])
def test_nothing_comes_from_after_the_origin(origin: int) -> None:
    told = layout(**FULL)  # type: ignore[arg-type]
    whole = series()
    other = replace(whole, values=whole.values.copy(), past=whole.past.copy())
    other.values[origin + 1 :] = 99.0
    other.past[origin + 1 :] = -99.0
    one, two = prepare(whole, told, 1), prepare(other, told, 1)
    two = replace(two, scale=one.scale)
    assert_agrees(
        two.inputs[: origin + 1], one.inputs[: origin + 1], tolerance=EXACT, name="inputs"
    )
    assert_agrees(two.around([origin]), one.around([origin]), tolerance=EXACT, name="around")
    if origin < 39:
        targets = [p.targets([origin], anchor_of(p, [origin]), 40)[0] for p in (one, two)]
        assert not np.array_equal(*targets), "this test could not fail"


def test_a_forecast_is_its_anchor_and_a_distance() -> None:
    one = prepare(series(), layout(), 30)
    origins = np.array([10, 14, 33])
    anchor = anchor_of(one, origins)
    distance, counts = one.targets(origins, anchor, 40)
    steps = origins[:, None] + 1 + np.arange(5)
    back = anchor + distance.astype(np.float64) * one.scale.unit
    assert_agrees(
        back[counts].astype(float), one.values[np.minimum(steps, 39)][counts], tolerance=FIGURE
    )
    assert counts[0].all()
    assert counts[1].tolist() == [True, True, False, True, True]  # step 17 is a gap
    assert counts[2].all()
    assert one.targets([33], anchor[2:], 36)[1].tolist() == [[True, True, False, False, False]]


def test_the_last_inputs_need_only_the_last_values() -> None:
    """What a forecast that is fed back computes is what the whole series gives."""
    told = layout(season=4)
    values = series(gaps=False).values
    scale = scale_of(values, 4)
    whole = own_inputs(values, np.ones(40, bool), scale, told)
    size = memory(told) + 1
    last = own_inputs(values[-size:, None], np.ones((size, 1), bool), scale, told, last=1)
    assert_agrees(last[0, 0], whole[-1], tolerance=FLOAT64)


def test_logarithms_of_what_grows_by_a_share() -> None:
    """What doubles each season is even in them; a value without one counts as half the least."""
    whole = series(gaps=False)
    whole = replace(whole, values=3.0 * 2.0 ** (np.arange(40) / 4))
    one = prepare(whole, layout(season=4, logs=True), 30)
    assert_agrees(one.scale.unit, np.log(2.0), tolerance=FLOAT64)
    assert_agrees(one.restored(one.values), whole.values, tolerance=FLOAT64)
    assert_agrees(one.seen_as(np.array([0.0])), np.log([1.5]), tolerance=FLOAT64)
    doubled = prepare(replace(whole, values=2 * whole.values), layout(season=4, logs=True), 30)
    distance = [p.targets([20], anchor_of(p, [20]), 40)[0] for p in (one, doubled)]
    assert_agrees(distance[1], distance[0], tolerance=FLOAT32)


def test_distances_are_measured_in_the_size_of_the_path() -> None:
    one = prepare(series(gaps=False), layout(), 30)
    path = anchor_of(one, [20])
    whole, half = (one.targets([20], path, 40, size)[0] for size in (1.0, 2.0))
    assert_agrees(2 * half, whole, tolerance=EXACT)


def test_scales() -> None:
    scale = scale_of(np.array([1.0, 5.0, 2.0, 7.0]), 2)
    assert (scale.mean, scale.unit) == (3.75, 1.5)
    constant = scale_of(np.full(9, 4.0), 2)
    assert (constant.spread, constant.unit) == (1.0, 1.0)
    assert drifts(np.arange(50.0))
    assert not drifts(np.sin(np.arange(50.0)))
    assert not drifts(np.ones(50))


def test_what_is_told_ahead_is_of_those_steps() -> None:
    told = layout(horizon=2, **FULL)  # type: ignore[arg-type]
    whole = series()
    one = prepare(whole, told, 30)
    ahead = one.around([10])
    assert_agrees(ahead[0, :, 2].astype(float), (whole.known[11:13, 0] - 0.5) / 2, tolerance=FIGURE)
    hours = np.arange(11, 13) / 24
    assert_agrees(ahead[0, :, 0].astype(float), np.sin(2 * np.pi * hours), tolerance=FIGURE)
