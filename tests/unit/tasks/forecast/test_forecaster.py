"""A forecaster learns, looks at nothing that comes later, and is the same after it was kept."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone

from tests.tolerances import FLOAT32, assert_agrees
from unrolled.cells.choosing import choose_cell
from unrolled.data.times import TimeStep
from unrolled.data.timeseries import TimeSeries
from unrolled.data.windows import anchors, prepare
from unrolled.errors import UnrolledError
from unrolled.tasks.estimator import NotFitted
from unrolled.tasks.forecast import job as forecast_job
from unrolled.tasks.forecast.forecaster import Forecaster
from unrolled.tasks.forecast.job import ForecastJob
from unrolled.tasks.forecast.layout import layout_of, parts_of
from unrolled.tasks.forecast.model import ForecastNetwork
from unrolled.tasks.forecast.rolling import Roller
from unrolled.training.job import Share

SMALL: dict[str, Any] = {"horizon": 6, "season": 8, "hidden": 11, "window": 32, "batch_size": 8,
                         "epochs": 30, "lr": 0.01}  # fmt: skip
HOURS = TimeStep(3600, "second")


def series(count: int = 240, name: str = "s", *, size: float = 1.0, sale: bool = False) -> Any:
    """A wave of 8 steps that swells and ebbs: the value one season before is never quite right."""
    draw, t = np.random.default_rng(5), np.arange(count + 20)
    values = np.sin(2 * np.pi * t / 8) * (2 + np.sin(2 * np.pi * t / 60)) + 0.05 * draw.normal(
        size=count + 20
    )
    known = (draw.random((count + 20, 1)) < 0.2).astype(float)
    if sale:
        values = values + 3 * known[:, 0]
    known = known if sale else np.zeros((count + 20, 0))
    first = np.datetime64("2024-01-01", "us")
    return TimeSeries(name, first, HOURS, size * values[:count], known, np.zeros((count, 0)))


@cache
def fitted(mode: str = "direct") -> Forecaster:
    return Forecaster(**SMALL, mode=mode, paths=40).fit(series(), test=0.25)


def test_it_beats_the_seasonal_naive_method() -> None:
    backtest = fitted().backtest()
    assert backtest.gain > 0.5
    assert backtest.figures["network"]["pinball"] < backtest.figures["seasonal naive"]["pinball"]
    assert fitted().score() == -backtest.figures["network"]["mase"]
    assert {"network", "naive", "seasonal naive", "smoothing"} <= set(backtest.figures)
    one = backtest.series[0]
    assert one.origins[0] == 179
    assert one.actual.shape == (one.origins[-1] - 178, 6)
    assert one.origins[-1] + 6 == 239


def test_a_forecast_that_is_fed_back_learns_too() -> None:
    backtest = fitted("fed-back").backtest()
    assert backtest.gain > 0.3
    forecast = fitted("fed-back").forecast()[0]
    assert forecast.quantiles.shape == (6, 3)
    assert (np.diff(forecast.quantiles, axis=1) >= 0).all()
    again = fitted("fed-back").forecast()[0]
    assert np.array_equal(forecast.quantiles, again.quantiles)


@pytest.mark.parametrize("mode", ["direct", "fed-back"])
def test_the_state_at_an_origin_knows_nothing_of_what_comes(mode: str) -> None:
    """The moving origin's forecast is that of the series cut off there, read from its start."""
    model = fitted(mode)
    whole, layout, learned = model.series_[0], model.layout_, model.learned_[0]
    roller = Roller(model.model_, [0.1, 0.5, 0.9], mode == "fed-back", 40, 0)
    origins = np.array([165, 171, 201])
    moving = roller.forecast(prepare(whole, layout, learned), origins)
    for number, origin in enumerate(origins):
        alone = prepare(whole.until(origin + 1), layout, learned)
        assert_agrees(
            roller.forecast(alone, np.array([origin]))[0].astype(np.float32),
            moving[number].astype(np.float32),
            tolerance=FLOAT32,
        )


@cache
def uneasy() -> Forecaster:
    """The noise swells with the wave, and grows fourfold over the series."""
    draw, t = np.random.default_rng(3), np.arange(2000)
    scale = 0.1 * (1.5 + np.sin(2 * np.pi * t / 8)) * np.linspace(1, 4, 2000)
    values = np.sin(2 * np.pi * t / 8) + scale * draw.normal(size=2000)
    return Forecaster(**{**SMALL, "epochs": 8}).fit(dated(values), test=0.25)


def dated(values: Any) -> TimeSeries:
    nothing = np.zeros((len(values), 0))
    return TimeSeries("s", np.datetime64("2024-01-01", "us"), HOURS, values, nothing, nothing)


def test_an_interval_holds_the_share_that_it_says() -> None:
    backtest = uneasy().backtest()
    before, after = backtest.as_said, backtest.figures["network"]
    assert before["coverage"] < 0.75
    assert abs(after["coverage"] - 0.8) < 0.03
    assert after["pinball"] < before["pinball"]
    for name in ("mae", "rmse", "smape", "mase"):
        assert after[name] == before[name]
    one = backtest.series[0]
    wide = one.forecasts["network"][..., 2] - one.forecasts["network"][..., 0]
    calm, stormy = (wide[(one.origins + 1) % 8 == phase, 0].mean() for phase in (6, 2))
    assert stormy > 1.5 * calm  # what the network knows of the noise is still there


def test_who_is_judged_on_the_validation_part_has_not_seen_it() -> None:
    """Without a test, its errors set right only what comes after them."""
    model = Forecaster(**{**SMALL, "epochs": 2}).fit(uneasy().series_, test=0.0)
    backtest = model.backtest()
    one = backtest.series[0]
    assert one.origins[0] == model.learned_[0] - 1
    assert model.calibration_.shift.any()
    prepared = model._prepared(model.series_, model.learned_)[0]
    said = model._roller(model.shares_.unseen()).forecast(prepared, one.origins)
    right = one.forecasts["network"]
    assert np.array_equal(right[:20], said[:20])
    assert not np.array_equal(right[40:, 0], said[40:, 0])


@pytest.mark.exhaustive
def test_without_a_validation_part_nothing_is_set_right(tmp_path: Path) -> None:
    model = Forecaster(**{**SMALL, "epochs": 1}, validation=0.0, out=tmp_path / "run")
    backtest = model.fit(uneasy().series_, test=0.25).backtest()
    assert backtest.as_said == backtest.figures["network"]
    page = (tmp_path / "run" / "report.html").read_text()
    assert "too few steps for that" in page


@pytest.mark.exhaustive
@pytest.mark.drawn
def test_a_point_forecast_has_no_coverage(tmp_path: Path) -> None:
    model = Forecaster(**{**SMALL, "epochs": 1}, quantiles=(0.5,), out=tmp_path / "run")
    model.fit(uneasy().series_, test=0.25)
    page = (tmp_path / "run" / "report.html").read_text()
    heads = re.findall(r"<th[^>]*>([^<]*)", page)
    assert "pinball" in heads
    assert "coverage" not in heads
    assert "How sure the network is" not in page


def test_a_longer_file_is_judged_where_learning_ended() -> None:
    """Read again with the run's own steps in it, those are no test."""
    model = uneasy()
    whole = model.series_[0]
    again = model.backtest([replace(whole, values=whole.values.copy())])
    assert again.figures == model.backtest().figures
    cut = replace(whole, first=whole.times(900, 901)[0], values=whole.values[900:].copy())
    assert model.after_learning([cut]) == [model.learned_[0] - 900]
    assert model.backtest([cut]).series[0].origins[0] == model.tested_[0] - 901
    renamed = replace(cut, name="another file")
    assert model.after_learning([renamed]) == [model.learned_[0] - 900]
    other = replace(whole, values=-whole.values)
    assert model.after_learning([other]) == [0]
    assert model.backtest([other]).series[0].origins[0] == 999


def test_the_end_of_the_series_is_the_test() -> None:
    """What is held out decides nothing: other values there, the same network."""
    whole = series(160)
    other = replace(whole, values=whole.values.copy())
    other.values[120:] += 7.0
    short = {**SMALL, "epochs": 2}
    one, two = (Forecaster(**short).fit(x, test=0.25) for x in (whole, other))
    for left, right in zip(one.model_.parameters(), two.model_.parameters()):
        assert np.array_equal(left.detach().numpy(), right.detach().numpy())


def test_several_series_of_any_size() -> None:
    many = [series(200, "a"), series(150, "b", size=1000.0)]
    model = Forecaster(**{**SMALL, "epochs": 15}).fit(many, test=0.2)
    assert model.predict().shape == (2, 6)
    backtest = model.backtest()
    assert [one.name for one in backtest.series] == ["a", "b"]
    assert backtest.figures["network"]["mase"] < backtest.figures["seasonal naive"]["mase"]
    assert [one.name for one in model.forecast(series(90, "new"))] == ["new"]


def test_a_known_covariate_is_used_and_must_be_known() -> None:
    whole = series(240, sale=True)
    model = Forecaster(**SMALL).fit(whole, test=0.25)
    without = replace(whole, known=np.zeros((len(whole), 0)))
    blind = Forecaster(**SMALL).fit(without, test=0.25)
    seen, unseen = (one.backtest().figures["network"]["mae"] for one in (model, blind))
    assert seen < 0.6 * unseen
    ended = replace(whole, known=whole.known[:242])
    with pytest.raises(UnrolledError, match="the known covariates of 's' end 4 steps before"):
        model.forecast(ended)
    with pytest.raises(UnrolledError, match="has 0 known and 0 past covariates"):
        model.forecast(without)


def test_a_season_that_no_calendar_knows_is_found_and_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    values = np.sin(2 * np.pi * np.arange(200) / 9) + 0.05 * np.random.default_rng(0).normal(
        size=200
    )
    quick = {**SMALL, "epochs": 1, "season": None}
    found = Forecaster(**quick, out=tmp_path / "run").fit(values)
    assert found.layout_.season == 9
    said = "note: the season was estimated as 9 steps of 1 step"
    assert said in capsys.readouterr().err
    assert "the season was estimated as 9 steps" in (tmp_path / "run" / "report.html").read_text()
    assert Forecaster(**{**quick, "season": 1}).fit(values).layout_.season == 1
    assert said not in capsys.readouterr().err


def test_gaps_are_never_judged() -> None:
    whole = series(200)
    whole.values[150:180:3] = np.nan
    model = Forecaster(**{**SMALL, "epochs": 2}).fit(whole, test=0.25)
    actual = model.backtest().series[0].actual
    assert np.isnan(actual).any()
    assert np.isfinite(model.backtest().figures["network"]["mae"])


@pytest.mark.exhaustive
@pytest.mark.drawn
def test_a_season_that_never_changes(tmp_path: Path) -> None:
    """Then the seasonal naive method is right, and nothing can be a share better."""
    model = Forecaster(**{**SMALL, "epochs": 1, "season": 7}, out=tmp_path / "run")
    backtest = model.fit(np.arange(90) % 7.0, test=0.2).backtest()
    assert backtest.figures["seasonal naive"]["mae"] == 0
    assert backtest.gain == -np.inf
    page = (tmp_path / "run" / "report.html").read_text()
    assert "where the seasonal naive method makes no error" in page


def test_arrays_and_constants() -> None:
    model = Forecaster(**{**SMALL, "epochs": 1}).fit(np.full(80, 3.0))
    assert abs(model.predict() - 3.0).max() < 0.3
    assert model.predict([np.arange(50.0), np.arange(60.0)]).shape == (2, 6)
    times = model.forecast()[0].times
    assert times.tolist() == list(range(80, 86))


@pytest.mark.exhaustive
@pytest.mark.drawn
def test_a_run_can_be_moved(tmp_path: Path) -> None:
    place = tmp_path / "run"
    model = Forecaster(**{**SMALL, "epochs": 2}, out=place).fit(
        series(sale=True), test=0.25, data={"what": "units", "source": "x"}
    )
    wanted = model.forecast()[0]
    shutil.move(place, tmp_path / "moved")
    loaded = Forecaster.load(tmp_path / "moved")
    found = loaded.forecast()[0]
    assert np.array_equal(found.quantiles, wanted.quantiles)
    assert np.array_equal(found.times, wanted.times)
    assert loaded.backtest().figures == model.backtest().figures
    page = (tmp_path / "moved" / "report.html").read_text(encoding="utf-8")
    assert ('id="live"' in page) != ("this page does not contain the network" in page)
    assert "seasonal naive" in page
    assert "Forecasts and actual values" in page
    (tmp_path / "moved" / "series.json").write_text("[{}]")
    with pytest.raises(UnrolledError, match=r"series\.json"):
        Forecaster.load(tmp_path / "moved")


def test_training_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    short = {**SMALL, "epochs": 2}
    whole = Forecaster(**{**SMALL, "epochs": 4}).fit(series(160), test=0.25)
    Forecaster(**short, out=tmp_path / "run").fit(series(160), test=0.25)
    longer = Forecaster(**{**SMALL, "epochs": 4}, out=tmp_path / "run")
    longer.fit(series(160), test=0.25, resume=True)
    for left, right in zip(whole.model_.parameters(), longer.model_.parameters()):
        assert np.array_equal(left.detach().numpy(), right.detach().numpy())


def test_it_is_an_estimator() -> None:
    model = Forecaster(horizon=3, cell="gru")
    assert clone(model).get_params() == model.get_params()
    assert model.set_params(horizon=4).horizon == 4
    with pytest.raises(NotFitted, match="this Forecaster is not fitted yet"):
        model.predict()


@pytest.mark.parametrize(
    ("parameters", "data", "sentence"),
    [
        ({"horizon": 0}, None, "horizon must be an integer of at least 1, not 0"),
        ({"mode": "both"}, None, "mode must be one of direct, fed-back, not 'both'"),
        ({"quantiles": (0.1, 0.9)}, None, r"the quantiles must include 0.5"),
        ({"quantiles": (0.9, 0.5)}, None, r"quantiles must ascend between 0 and 1"),
        ({"quantiles": ("a",)}, None, "quantiles must be between 0 and 1"),
        (
            {},
            np.zeros((3, 4)),
            r"a series must be an array or a list of numbers \(T,\)",
        ),
        ({}, "text", r"a series must be an array or a list of numbers \(T,\)"),
        ({}, np.array([1.0, np.inf]), "a series contains infinite numbers"),
        ({}, np.full(40, np.nan), "a series contains only NaN"),
        ({"horizon": 30}, np.arange(40.0), "the series 'series' has 40 steps: too few to learn 30"),
    ],
)
def test_what_makes_no_sense(parameters: Any, data: Any, sentence: str) -> None:
    with pytest.raises(UnrolledError, match=sentence):
        Forecaster(**parameters).fit(series() if data is None else data)


def test_series_of_other_steps_do_not_mix() -> None:
    other = replace(series(), step=TimeStep(86_400, "second"))
    with pytest.raises(UnrolledError, match="all series must have the same step"):
        Forecaster(**SMALL).fit([series(), other])


@pytest.mark.parametrize("part", ["train", "validation"])
def test_the_shares_of_processes_add_up(part: str) -> None:
    """Three processes, of which one may have nothing to do, compute the loss of one."""
    many = [series(90, "a"), series(120, "b")]
    parts, learned, _ = parts_of(many, 6, 6, 0.2, 0.0)
    layout = layout_of(many, learned, 6, season=8, calendar=True)
    prepared = [prepare(one, layout, end) for one, end in zip(many, learned)]
    network = ForecastNetwork(choose_cell("lstm"), layout.inputs, layout.ahead, 6, 3, hidden=5,
                              layers=1, dropout=0.0)  # fmt: skip
    job = ForecastJob(network, prepared, parts, [0.1, 0.5, 0.9], window=32, batch_size=4, seed=0)
    batch = job.batches(part, 0)[0][:2]
    loss, sums = job.compute(network, batch, Share())
    shares = [job.compute(network, batch, Share(rank, 3)) for rank in range(3)]
    assert_agrees(sum(one for one, _ in shares), loss, tolerance=FLOAT32)
    for name, value in sums.items():
        assert_agrees(sum(one[name] for _, one in shares), value, tolerance=FLOAT32, name=name)
    assert float(sums["count"]) > 0


def test_it_begins_with_the_spread_around_the_anchor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of what it may learn from alone, whatever the size of a piece; a gap says nothing."""
    one = series(200)
    one.values[30] = np.nan
    parts, learned, _ = parts_of([one], 6, 6, 0.4, 0.0)
    layout = layout_of([one], learned, 6, season=8, calendar=False)
    prepared = prepare(one, layout, learned[0])
    levels = [0.1, 0.5, 0.9]
    network = ForecastNetwork(choose_cell("gru"), layout.inputs, layout.ahead, 6, 3, hidden=5,
                              layers=1, dropout=0.0)  # fmt: skip
    job = ForecastJob(network, [prepared], parts, levels, window=32, batch_size=4, seed=0)
    anchor = anchors(prepared.values, np.arange(len(one)), 6, 8)
    distances = [
        one.values[origin + ahead] - anchor[origin, ahead - 1]
        for origin in range(learned[0] - 1)
        for ahead in range(1, 7)
        if origin + ahead < learned[0] and origin + ahead != 30
    ]
    expected = np.quantile(np.array(distances) / prepared.scale.unit, levels)
    for piece in (2048, 10):
        monkeypatch.setattr(forecast_job, "PIECE", piece)
        assert_agrees(job.usual_quantiles().astype(np.float32), expected.astype(np.float32),
                      tolerance=FLOAT32)  # fmt: skip
    network.begin_at(job.usual_quantiles())
    told, _ = network(torch.randn(7, 2, layout.inputs), torch.randn(7, 2, 6, layout.ahead))
    assert_agrees(told.detach(), torch.tensor(expected).float().expand(7, 2, 6, 3),
                  tolerance=FLOAT32)  # fmt: skip


def test_a_long_series_is_judged_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every origin once, whatever the size of a piece."""
    one = series(200)
    parts, learned, _ = parts_of([one], 6, 6, 0.4, 0.0)
    prepared = [prepare(one, layout_of([one], learned, 6, season=8, calendar=False), learned[0])]
    job = ForecastJob(torch.nn.Linear(1, 1), prepared, parts, [0.5], window=8, batch_size=4, seed=0)
    for piece in (2048, 10):
        monkeypatch.setattr(forecast_job, "PIECE", piece)
        windows = [window for batch in job.batches("validation", 0) for window in batch]
        judged = sorted(step for window in windows for step in range(window.first, window.stop))
        assert judged == list(range(119, 194))
    assert len(windows) == 8
