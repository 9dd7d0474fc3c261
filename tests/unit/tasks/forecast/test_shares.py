"""Linear maps are ridge regressions, and shares go to the methods that are right."""

from pathlib import Path

import numpy as np
import pytest

from tests.tolerances import FIGURE, FLOAT64, assert_agrees
from unrolled.data.times import TimeStep
from unrolled.data.timeseries import TimeSeries
from unrolled.data.windows import Layout, prepare
from unrolled.tasks.forecast.baselines import OWN, own_map
from unrolled.tasks.forecast.layout import better_in_logs
from unrolled.tasks.forecast.linear_map import LinearMap, fit_map
from unrolled.tasks.forecast.linear_path import MAP, OTHERS, LinearPath, choose_path
from unrolled.tasks.forecast.ridge import PENALTIES, SO_FAR, Ridge, priors
from unrolled.tasks.forecast.series_file import shares_from
from unrolled.tasks.forecast.shares import Shared, Shares, learn_shares, names_for, past_forecasts
from unrolled.tasks.forecast.stacking import shares_of
from unrolled.tasks.forecast.unit_root import lags_for, returns_to_a_mean, statistic
from unrolled.training.manifest import NotARun


class Constant:
    """A roller that always forecasts so far above what comes."""

    levels, fed_back = (0.1, 0.5, 0.9), False

    def __init__(self, above):
        self.above = above

    def forecast(self, series, origins, path=None, size=1.0):
        steps = np.asarray(origins)[:, None] + 1 + np.arange(series.layout.horizon)
        actual = series.values[np.minimum(steps, len(series) - 1)]
        return (actual + self.above)[:, :, None] + np.array([-1.0, 0.0, 1.0])


def prepared(values, horizon=6, season=4, learned=None):
    layout = Layout(horizon, season, [], True, False, [], [], [], [])
    nothing = np.zeros((len(values) + horizon, 0))
    series = TimeSeries("x", 0, TimeStep(1, "step"), np.asarray(values, float), nothing, nothing)
    return prepare(series, layout, learned)


def wave(count=400, noise=0.0):
    draw = np.random.default_rng(0)
    return np.sin(np.arange(count) * 0.37) + noise * draw.normal(size=count)


def test_what_is_linear_in_the_past_is_forecast_exactly():
    """A sine is a linear recurrence of order two."""
    one = prepared(wave(), learned=300)
    found = fit_map([one], [300])
    origins = np.arange(320, 390)
    steps = origins[:, None] + 1 + np.arange(6)
    error = np.abs(found.points(one, origins) - one.values[steps]).max()
    assert error < 0.02


def test_a_map_moves_with_the_height_and_the_size_of_a_series():
    one = prepared(wave(noise=0.3), learned=300)
    found = fit_map([one], [300])
    other = prepared(1_000.0 + 7.0 * wave(noise=0.3), learned=300)
    origins = np.arange(320, 390)
    expected = 1_000.0 + 7.0 * found.points(one, origins)
    assert_agrees(found.points(other, origins), expected, tolerance=FLOAT64)


def test_a_ridge_regression_shrinks_to_its_prior():
    """Against the normal equations, with the bias as an input as large as the others."""
    draw = np.random.default_rng(2)
    x, y, prior = draw.normal(size=(50, 4)), draw.normal(size=(50, 3)), draw.normal(size=(4, 3))
    x1 = np.concatenate([x, np.ones((50, 1))], 1)
    ridge = Ridge(x1.T @ x1, x1.T @ y)
    size = float((x**2).sum(0).mean())
    scale = np.diag([1.0] * 4 + [(size / 50) ** 0.5])
    inputs, start = x1 @ scale, np.concatenate([prior, np.zeros((1, 3))])
    for number, penalty in enumerate(PENALTIES):
        weight = penalty * size
        left = inputs.T @ inputs + weight * np.eye(5)
        expected = scale @ np.linalg.solve(left, inputs.T @ y + weight * start)
        assert_agrees(ridge.weights(penalty, prior), expected, tolerance=FLOAT64)
        assert_agrees(ridge.said(x, prior)[number], x1 @ expected, tolerance=FLOAT64)


def test_priors_are_plain_forecasts():
    one, origins = prepared(wave(noise=0.3)), np.array([50, 61])
    found = {
        name: LinearMap(weight[:8], weight[8:], np.zeros(6)).points(one, origins)
        for name, weight in priors(8, 6, 4).items()
    }
    now = one.values[origins][:, None]
    assert_agrees(found["last"], np.repeat(now, 6, 1), tolerance=FLOAT64)
    window = one.values[origins[:, None] + np.arange(-7, 1)]
    assert_agrees(found["mean"][:, 0], window.mean(1), tolerance=FLOAT64)
    seasonal = window[:, 4 + np.arange(6) % 4]
    assert_agrees(found["season"], seasonal, tolerance=FLOAT64)
    both = (window[:, 4 + np.arange(6) % 4] + window[:, np.arange(6) % 4]) / 2
    assert_agrees(found["seasons"], both, tolerance=FLOAT64)
    means = np.stack([one.values[:51].mean(), one.values[:62].mean()])
    assert_agrees(found["level"], np.repeat(means[:, None], 6, 1), tolerance=FLOAT64)
    assert set(priors(8, 6, 1)) == {"last", "mean", "level"}


def test_what_is_stationary_returns_to_the_mean_of_all_that_came():
    """An autoregression of order one, whose best forecast is known."""
    draw, values = np.random.default_rng(4), np.zeros(700)
    for t in range(1, 700):
        values[t] = 0.8 * values[t - 1] + draw.normal()
    one, origins = prepared(50 + values, season=1, learned=500), np.arange(500, 690)
    best = 50 + values[origins][:, None] * 0.8 ** np.arange(1, 7)
    away = np.abs(fit_map([one], [500]).points(one, origins) - best).mean()
    assert away < 0.35  # of a standard deviation of 1.67
    assert np.abs(one.values[origins][:, None] - best).mean() > 0.6


def test_a_random_walk_has_no_mean_to_return_to():
    """Against statsmodels; and a map of one does not look at the mean."""
    from statsmodels.tsa.stattools import adfuller

    draw = np.random.default_rng(5)
    walk, noise = np.cumsum(draw.normal(size=200)), draw.normal(size=200)
    for values, is_stationary in ((walk, False), (noise, True), (np.ones(90), False)):
        assert returns_to_a_mean(values) == is_stationary
        found = fit_map([prepared(values, season=1, learned=80)], [80])
        assert (np.abs(found.past).max() > 0.1) == is_stationary
    for values in (walk, noise):
        expected = adfuller(values, maxlag=4, autolag=None, result_object=False)[0]
        assert_agrees(statistic(values, 4), expected, tolerance=FIGURE)
    assert lags_for(100, 12) == 12
    assert lags_for(9, 4) is None


def test_maps_of_all_series_and_of_each_share():
    series = [prepared(wave(noise=0.3), learned=300), prepared(-wave(noise=0.2), learned=300)]
    names = names_for(series, LinearPath(OWN, 1.0, fit_map(series, [300, 300])))
    assert {MAP, OWN} <= set(names)
    assert OWN not in names_for(series[:1], LinearPath())


def test_a_series_that_is_too_short_has_no_map():
    assert fit_map([prepared(wave(20), learned=16)], [16]) is None


def test_an_average_of_maps_says_the_average_of_what_they_say():
    one, origins = prepared(wave(noise=0.3)), np.array([50, 60])
    draw = np.random.default_rng(1)
    shapes = [((back, 6), (SO_FAR, 6), 6) for back in (5, 9)]
    maps = [LinearMap(*(draw.normal(size=shape) for shape in one)) for one in shapes]
    expected = np.mean([each.points(one, origins) for each in maps], 0)
    assert_agrees(LinearMap.mean(maps).points(one, origins), expected, tolerance=FLOAT64)


def test_a_map_learns_from_nothing_behind_its_end():
    values = wave(noise=0.3)
    other = np.concatenate([values[:300], values[300:] + 50.0])
    maps = [fit_map([prepared(some, learned=300)], [300]) for some in (values, other)]
    assert_agrees(maps[0].weight, maps[1].weight, tolerance=FLOAT64)


def test_each_series_has_a_map_of_its_own():
    rising, falling = prepared(np.arange(200.0)), prepared(-2.0 * np.arange(200.0))
    origins = np.array([150])
    expected = rising.values[151:157]
    assert np.abs(own_map(rising, 200).points(rising, origins)[0] - expected).max() < 0.1
    assert np.abs(own_map(falling, 200).points(falling, origins)[0] + 2 * expected).max() < 0.2


def test_the_path_is_the_nearest_method_and_says_how_far_it_is():
    steps = np.random.default_rng(0).normal(size=(100, 4))
    repeated = prepared(np.cumsum(steps, 0).ravel(), learned=300)  # each season as the last, or so
    assert choose_path([repeated]).name == "seasonal naive"
    waved = prepared(wave(noise=0.05), learned=300)
    path = choose_path([waved])
    assert path.name == "linear map"
    origins = np.arange(0, 294)
    actual = waved.values[origins[:, None] + 1 + np.arange(6)]
    away = np.abs(path.points(waved, origins) - actual).mean() / waved.scale.unit
    assert_agrees(path.size, away, tolerance=FLOAT64)


def test_shares_are_likelihoods_of_two_errors_a_window():
    draw = np.random.default_rng(0)
    signs = draw.choice([-1.0, 1.0], (3, 5_000))
    found = shares_of(np.array([[1.0], [2.0], [4.0]]) * signs, 2.0, 1.0, path=0, its_windows=2.0)
    expected = np.array([1, 1, 1 / 16, 1 / 256])  # of two windows
    assert_agrees(found, expected / expected.sum(), tolerance=FLOAT64)


def test_a_share_of_next_to_nothing_is_none():
    found = shares_of(np.array([[1.0], [4.0]]) * np.ones((2, 50)), 20.0, 1.0, 0, 20.0)
    assert found.tolist() == [0.5, 0.5, 0.0]


def test_a_network_is_worth_what_its_windows_say_beside_its_path():
    """Two windows that chose its weights count as one."""
    found = shares_of(np.ones((2, 50)), 4.0, 0.5, path=1, its_windows=2.0)
    assert_agrees(found, np.array([0.5, 0.25, 0.25]), tolerance=FLOAT64)
    assert_agrees(shares_of(np.ones((2, 50)), 4.0, 0.5, 1, 0.0), np.ones(3) / 3, tolerance=FLOAT64)


def test_a_network_that_is_wrong_keeps_a_tenth():
    signs = np.random.default_rng(0).choice([-1.0, 1.0], (2, 5_000))
    found = shares_of(np.array([[1.0], [9.0]]) * signs, 30.0, 50.0, path=0, its_windows=30.0)
    assert_agrees(found[0], 0.1, tolerance=FLOAT64)
    assert_agrees(found.sum(), 1.0, tolerance=FLOAT64)
    assert found[1] > 0.89


def test_what_wanders_is_left_to_the_last_value():
    draw = np.random.default_rng(3)
    one = prepared(np.cumsum(draw.normal(size=900)), season=1, learned=700)
    path = choose_path([one])
    past = past_forecasts(Constant(9.0), path, [one], [(700, 800)])
    share = learn_shares(past, Constant.levels, path, 6).share
    repeated = [1 + OTHERS.index(name) for name in ("naive", "seasonal naive", "smoothing")]
    assert_agrees(share[:, 0], np.full(6, 0.1), tolerance=FLOAT64)
    assert (share[:, repeated].sum(1) > 0.7).all()


def test_the_past_of_a_network_is_the_validation_part_and_that_of_others_reaches_further():
    one = prepared(wave(noise=0.3), learned=300)
    path = choose_path([one])
    past = past_forecasts(Constant(0.0), path, [one], [(300, 330)])
    assert [fold.said is None for fold in past] == [True, True, True, False]
    assert [int(fold.origins[0]) + 1 for fold in past] == [210, 240, 270, 300]
    shared = Shared(Constant(0.0), learn_shares(past, Constant.levels, path, 6))
    early = shared.together(past[0])
    share = shared.shares.share
    said = {"network": past[0].points[path.name], **past[0].points}
    names = ["network", *OTHERS]
    middle = sum(share[:, names.index(name)] * points for name, points in said.items())
    assert_agrees(early[..., 1], middle, tolerance=FLOAT64)
    assert_agrees(early[..., 2] - early[..., 1], np.ones(middle.shape), tolerance=FLOAT64)


def test_shares_say_nothing_where_nothing_is_known():
    one = prepared(wave(100), learned=99)
    past = past_forecasts(Constant(0.0), LinearPath(), [one], [(100, 100)])
    assert learn_shares(past, Constant.levels, LinearPath(), 6).mean()["network"] == 1.0


def test_quantiles_move_along_with_the_median():
    one = prepared(wave(), learned=300)
    share = np.zeros((6, 1 + len(OTHERS)))
    share[:, 0] = share[:, 1 + OTHERS.index("naive")] = 0.5
    origins = np.array([350, 360])
    alone = Constant(2.0).forecast(one, origins)
    found = Shared(Constant(2.0), Shares(share, LinearPath())).forecast(one, origins)
    middle = (alone[..., 1] + one.values[origins][:, None]) / 2
    assert_agrees(found[..., 1], middle, tolerance=FLOAT64)
    assert_agrees(found[..., 2] - found[..., 0], np.full((2, 6), 2.0), tolerance=FLOAT64)


def test_origins_that_calibrate_are_forecast_by_maps_that_did_not_learn_from_them():
    one = prepared(wave(noise=0.3), learned=300)
    early, late = fit_map([one], [300]), fit_map([one], [360])
    known = prepare(one.series, one.layout, 300, 360)
    share = np.zeros((6, 1 + len(OTHERS)))
    share[:, 1] = 1.0
    shared = Shared(Constant(0.0), Shares(share, LinearPath("seasonal naive", 1.0, early, late)))
    origins = np.array([310, 358, 359, 370])
    found = shared.forecast(known, origins, 300)[..., 1]
    assert_agrees(found[:2], early.points(known, origins[:2]), tolerance=FLOAT64)
    assert_agrees(found[2:], late.points(known, origins[2:]), tolerance=FLOAT64)


def test_without_shares_the_network_speaks_alone():
    one, origins = prepared(wave(), learned=300), np.array([350])
    found = Shared(Constant(1.0), Shares.of_network(6)).forecast(one, origins)
    assert_agrees(found, Constant(1.0).forecast(one, origins), tolerance=FLOAT64)


def test_logarithms_are_for_what_grows_by_shares():
    steps, draw = np.arange(240), np.random.default_rng(0)
    season = 1 + 0.5 * np.sin(2 * np.pi * steps / 12)
    noise = draw.normal(size=240)
    assert better_in_logs([np.exp(0.01 * steps + 0.05 * noise) * season], 12)
    assert not better_in_logs([20 + 0.1 * steps + 5 * season + noise], 12)
    assert not better_in_logs([np.exp(0.01 * steps) * season - 1.0], 12)  # some are not positive


def test_a_run_of_an_earlier_version_is_refused():
    one = prepared(wave(40))
    before = {"shares": {"share": np.ones((6, 5)).tolist(), "weight": [], "bias": []}}
    with pytest.raises(NotARun, match="earlier version, with another linear map: train again"):
        shares_from(before, one.layout, Path("runs/old"))
