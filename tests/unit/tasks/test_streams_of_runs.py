"""Forecasts and next tokens that are carried on step by step, against those of the whole."""

from typing import Any

import numpy as np
import pytest

from tests import served
from tests.tolerances import FIGURE, assert_agrees
from unrolled import Forecaster, Generator
from unrolled.data.times import TimeStep
from unrolled.data.timeseries import TimeSeries
from unrolled.data.windows import prepare
from unrolled.errors import ArgumentError
from unrolled.tasks.forecast.baselines import METHODS
from unrolled.tasks.forecast.calibration import shifted
from unrolled.tasks.forecast.linear_map import fit_map
from unrolled.tasks.forecast.linear_path import OTHERS, LinearPath
from unrolled.tasks.forecast.shares import Shares


def daily(count: int) -> TimeSeries:
    """A series with dates, a drift, a week's season and two gaps."""
    steps = np.arange(count)
    values = 5 + 0.1 * steps + np.sin(2 * np.pi * steps / 7)
    values += np.random.default_rng(1).normal(0, 0.2, count)
    values[[9, 61]] = np.nan
    empty = np.zeros((count, 0))
    first = np.datetime64("2024-02-26", "us")
    return TimeSeries("days", first, TimeStep(86_400, "second"), values, empty, empty)


@pytest.fixture(scope="module")
def model() -> Forecaster:
    """One that shares its forecasts with every other method."""
    options = {"hidden": 5, "epochs": 1, "horizon": 9}
    model = Forecaster(**options).fit(daily(90))
    learned = prepare(model.series_[0], model.layout_, 60)
    share = np.tile(np.linspace(1, 2, 1 + len(OTHERS)), (9, 1))
    early, late = fit_map([learned], [50]), fit_map([learned], [60])
    path = LinearPath("linear map", 0.7, early, late)
    model.shares_ = Shares(share / share.sum(1, keepdims=True), path)
    model.calibration_.shift[:, 0] -= 0.3
    return model


def test_a_stream_says_what_the_whole_series_says(model: Forecaster) -> None:
    whole, begun = daily(80), 50
    assert model.layout_.cycles
    assert model.layout_.gaps
    assert set(METHODS) < set(OTHERS)
    stream = model.stream(whole.until(begun))
    said = [stream.forecast()]
    for value in whole.values[begun:]:
        said.append(stream.step(None if np.isnan(value) else float(value)))
    prepared = prepare(whole, model.layout_, begun)
    origins = np.arange(begun - 1, 80)
    quantiles = model._roller().forecast(prepared, origins)
    shift = np.tile(model.calibration_.shift, (len(origins), 1, 1))
    expected = shifted(quantiles, shift, prepared.scale.unit, model._levels())
    assert_agrees(np.stack([one.quantiles for one in said]), expected, tolerance=FIGURE)
    assert [one.times[0] for one in said] == list(whole.times(begun, 81))


def test_a_series_that_was_learned_keeps_its_scale(model: Forecaster) -> None:
    stream = model.stream()
    assert stream.scale == prepare(model.series_[0], model.layout_, model.learned_[0]).scale


def test_what_a_stream_cannot_take(model: Forecaster) -> None:
    stream = model.stream()
    for value in (np.nan, np.inf):
        with pytest.raises(ArgumentError, match="must be finite, or None for a gap"):
            stream.step(value)
    fed_back = served.forecaster(mode="fed-back", validation=0.0, paths=2)
    with pytest.raises(ArgumentError, match="does not support single values"):
        fed_back.stream()


@pytest.mark.parametrize("options", [{}, {"layers": 2, "cell": "gru"}], ids=str)
def test_next_tokens(options: Any) -> None:
    model = Generator(hidden=4, epochs=1, window=8, **options).fit(served.chatter(400))
    stream = model.stream("ab")
    for piece in ("c", " ab", "d?"):
        stream.step(piece)
    whole = model.stream("abc abd?")
    tokens, chances = zip(*stream.likeliest(50), strict=True)
    expected_tokens, expected = zip(*whole.likeliest(50), strict=True)
    assert tokens == expected_tokens
    assert tokens[0] == model.predict(["abc abd?"])[0]
    assert_agrees(np.array(chances), np.array(expected), tolerance=FIGURE)
    assert_agrees(np.array(sum(chances)), np.array(1.0), tolerance=FIGURE)
