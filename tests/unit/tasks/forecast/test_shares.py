"""A linear map is a ridge regression, and shares go to the methods that are right."""

import numpy as np

from tests.tolerances import FLOAT64, assert_agrees
from unrolled.data.times import Step
from unrolled.data.timeseries import TimeSeries
from unrolled.data.windows import Layout, prepare
from unrolled.tasks.forecast.linear_map import fit_map
from unrolled.tasks.forecast.shares import OTHERS, Shared, Shares, learn_shares


class Constant:
    """A roller that always forecasts so far above what comes."""

    levels, fed_back = (0.1, 0.5, 0.9), False

    def __init__(self, above):
        self.above = above

    def forecast(self, series, origins):
        steps = np.asarray(origins)[:, None] + 1 + np.arange(series.layout.horizon)
        actual = series.values[np.minimum(steps, len(series) - 1)]
        return (actual + self.above)[:, :, None] + np.array([-1.0, 0.0, 1.0])


def prepared(values, horizon=6, season=4, learned=None):
    layout = Layout(horizon, season, [], True, False, [], [], [], [])
    nothing = np.zeros((len(values) + horizon, 0))
    series = TimeSeries("x", 0, Step(1, "step"), np.asarray(values, float), nothing, nothing)
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


def test_a_series_that_is_too_short_has_no_map():
    assert fit_map([prepared(wave(20), learned=16)], [16]) is None


def test_a_network_that_is_right_keeps_all_votes():
    one = prepared(wave(noise=0.3), learned=300)
    shares = learn_shares(Constant(0.0), None, [one], [(300, 400)])
    assert_agrees(shares.mean()["network"], 1.0, tolerance=FLOAT64)


def test_a_network_that_is_wrong_keeps_a_fifth():
    one = prepared(wave(), learned=300)
    linear = fit_map([one], [300])
    shares = learn_shares(Constant(50.0), linear, [one], [(300, 400)])
    assert_agrees(shares.mean()["network"], 0.2, tolerance=FLOAT64)
    assert shares.share.shape == (6, 1 + len(OTHERS))
    assert_agrees(shares.share.sum(1), np.ones(6), tolerance=FLOAT64)


def test_quantiles_move_along_with_the_median():
    one = prepared(wave(), learned=300)
    share = np.zeros((6, 1 + len(OTHERS)))
    share[:, 0] = share[:, 1 + OTHERS.index("naive")] = 0.5
    origins = np.array([350, 360])
    alone = Constant(2.0).forecast(one, origins)
    found = Shared(Constant(2.0), Shares(share, None)).forecast(one, origins)
    middle = (alone[..., 1] + one.values[origins][:, None]) / 2
    assert_agrees(found[..., 1], middle, tolerance=FLOAT64)
    assert_agrees(found[..., 2] - found[..., 0], np.full((2, 6), 2.0), tolerance=FLOAT64)


def test_without_shares_the_network_speaks_alone():
    one, origins = prepared(wave(), learned=300), np.array([350])
    found = Shared(Constant(1.0), Shares.of_network(6)).forecast(one, origins)
    assert_agrees(found, Constant(1.0).forecast(one, origins), tolerance=FLOAT64)
