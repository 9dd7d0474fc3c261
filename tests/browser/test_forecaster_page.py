"""A forecaster's page in Chromium: it forecasts as the forecaster does, new values included."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import unrolled
from tests.browser.conftest import DESK, PHONE, Opened
from tests.tolerances import FIGURE, assert_agrees
from unrolled import Forecaster
from unrolled.data.times import TimeStep
from unrolled.data.timeseries import TimeSeries
from unrolled.errors import ArgumentError
from unrolled.tasks.live import rounded

SMALL = {"horizon": 3, "epochs": 1, "hidden": 4}


def monthly(count: int) -> TimeSeries:
    steps = np.arange(count)
    noise = np.random.default_rng(0).normal(0, 1, count)
    values = 20 + 5 * np.sin(2 * np.pi * steps / 12) + 0.05 * steps + noise
    empty = np.zeros((count, 0))
    start = np.datetime64("2001-01-31T00:00:00", "us")
    return TimeSeries("units", start, TimeStep(1, "month"), values, empty, empty)


def with_more(series: TimeSeries, more: list[float]) -> TimeSeries:
    values = np.concatenate([series.values, more])
    empty = np.zeros((len(values), 0))
    return replace(series, values=values, known=empty, past=empty)


@pytest.fixture(scope="module")
def run() -> Forecaster:
    """Everything at once: a calendar, shares, calibration by the errors of the series."""
    return Forecaster(**SMALL).fit(monthly(140), test=0.1)


def shares_of_all(model: Forecaster, own_map: float) -> None:
    """Every method has its part, whatever the validation said."""
    model.shares_.share[:] = [0.4 - own_map, 0.15, own_map, 0.15, 0.15, 0.15]


@pytest.mark.parametrize("width", [PHONE, DESK])
def test_a_page_takes_new_values(
    run: Forecaster, tmp_path: Path, opened: Opened, width: int
) -> None:
    unrolled.export(run, tmp_path / "page.html")
    page = opened(tmp_path / "page.html", width)
    for more in ([], [31.5], [20.0, 19.5, 22.0, 25.0, 40.0]):
        found = np.array(page.evaluate("forecast", "\n".join(map(str, more))))
        wanted = run.forecast(with_more(run.series_[0], more))[0].quantiles
        assert_agrees(found, wanted, tolerance=FIGURE)
    assert page.locator("#rows td").first.text_content() == "2012-09-30"
    page.fill("#text", "month,units\n2012-09-30,20\n2012-10-31,21")
    page.get_by_text("2 new values").wait_for()
    assert page.locator("#rows td").first.text_content() == "2012-11-30"
    page.fill("#text", "20\nmany")
    page.locator("#wrong:not(:empty)").wait_for()
    assert "“many” is not a number" in page.inner_text("#wrong")


def test_all_methods_share_it_and_int8(tmp_path: Path, opened: Opened) -> None:
    values = monthly(90).values
    model = Forecaster(**SMALL, season=6, layers=2).fit([values, values[::-1].copy()])
    model.shares_ = replace(model.shares_, path=replace(model.shares_.path, name="linear map"))
    shares_of_all(model, own_map=0.0)
    done = unrolled.export(model, tmp_path / "page.html", int8=True)
    assert "int8 weights move a forecast by at most" in str(done)
    model.model_ = rounded(model.model_)
    page = opened(tmp_path / "page.html")
    found = np.array(page.evaluate("forecast", ""))
    assert_agrees(found, model.forecast()[0].quantiles, tolerance=FIGURE)
    own = np.random.default_rng(1).normal(5, 2, 60)
    text = ", ".join(map(repr, own.tolist()))
    found = np.array(page.evaluate("text => forecast(text, true)", text))
    assert_agrees(found, model.forecast(own)[0].quantiles, tolerance=FIGURE)


def test_each_series_has_its_own_map(tmp_path: Path, opened: Opened) -> None:
    """In logarithms; a page knows no map of a series that somebody else brings."""
    steps, noise = np.arange(90), np.random.default_rng(0).normal(0, 0.05, (2, 90))
    growing = list(np.exp(0.03 * steps + noise) * (1 + 0.5 * np.sin(2 * np.pi * steps / 12)))
    model = Forecaster(**SMALL, season=12).fit(growing)
    assert model.layout_.logs
    model.shares_ = replace(model.shares_, path=replace(model.shares_.path, name="own map"))
    shares_of_all(model, own_map=0.2)
    unrolled.export(model, tmp_path / "page.html")
    page = opened(tmp_path / "page.html")
    assert page.locator("#alone").count() == 0
    for more in ([], [3.0, 2.5, 4.0]):
        found = np.array(page.evaluate("forecast", "\n".join(map(str, more))))
        wanted = model.forecast([np.concatenate([growing[0], more]), growing[1]])[0].quantiles
        assert_agrees(found, wanted, tolerance=FIGURE)


@pytest.mark.parametrize(("mode", "why"), [("fed-back", "draws sample paths")])
def test_what_a_page_cannot_do_is_refused(tmp_path: Path, mode: str, why: str) -> None:
    model: Any = Forecaster(**SMALL, mode=mode, paths=3).fit(monthly(60))
    with pytest.raises(ArgumentError, match=why):
        unrolled.export(model, tmp_path / "page.html")
