"""What a network sees of a series, and what it must not: nothing that comes after the origin."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.tolerances import EXACT, FIGURE, FLOAT64, assert_agrees
from unrolled.data.times import Step
from unrolled.data.timeseries import TimeSeries
from unrolled.data.windows import Layout, anchors, drifts, memory, own_inputs, prepare, scale_of


def layout(horizon: int = 5, season: int = 3, **more: object) -> Layout:
    plain = Layout(horizon, season, [], True, True, [], [], [], [])
    return replace(plain, **more)  # type: ignore[arg-type]


def series(count: int = 40, *, gaps: bool = True) -> TimeSeries:
    draw = np.random.default_rng(0)
    values = draw.normal(size=count).cumsum()
    if gaps:
        values[[4, 5, 17]] = np.nan
    known, past = draw.normal(size=(count + 9, 1)), draw.normal(size=(count, 2))
    return TimeSeries("s", np.datetime64("2024-01-01", "us"), Step(3600, "second"), values, known,
                      past)  # fmt: skip


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
    ahead, anchor = one.around(np.array([20, 39]))
    assert ahead.shape == (2, 5, told.ahead)
    assert anchor.shape == (2, 5)


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
    for seen, wanted in zip(two.around([origin]), one.around([origin])):
        assert_agrees(seen, wanted, tolerance=EXACT, name="around")
    if origin < 39:
        targets = [p.targets([origin], p.around([origin])[1], 40)[0] for p in (one, two)]
        assert not np.array_equal(*targets), "this test could not fail"


def test_a_forecast_is_its_anchor_and_a_distance() -> None:
    one = prepare(series(), layout(), 30)
    origins = np.array([10, 14, 33])
    _, anchor = one.around(origins)
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
    ahead, _ = one.around([10])
    assert_agrees(ahead[0, :, 2].astype(float), (whole.known[11:13, 0] - 0.5) / 2, tolerance=FIGURE)
    hours = np.arange(11, 13) / 24
    assert_agrees(ahead[0, :, 0].astype(float), np.sin(2 * np.pi * hours), tolerance=FIGURE)
