"""The classical methods and the figures, against hand computation and statsmodels."""

from __future__ import annotations

import numpy as np
import torch

from tests.tolerances import FIGURE, FLOAT64, assert_agrees
from unrolled.data.times import TimeStep
from unrolled.data.timeseries import TimeSeries
from unrolled.data.windows import Layout, Prepared, prepare
from unrolled.tasks.forecast.baselines import METHODS, baselines, known_origins, methods
from unrolled.tasks.forecast.model import pinball as torch_pinball
from unrolled.tasks.forecast.rolling import draw_from
from unrolled.tasks.forecast.scores import figures, mae_by_step, pinball
from unrolled.tasks.forecast.smoothing import Constants, beginning, chosen, run


def wave(count: int, noise: float) -> np.ndarray:  # type: ignore[type-arg]
    draw, t = np.random.default_rng(1), np.arange(count)
    return 10 + 0.2 * t + 5 * np.sin(2 * np.pi * t / 12) + noise * draw.normal(size=count)


def constants(alpha: float, beta: float, gamma: float, phi: float) -> Constants:
    return Constants(*(np.array([value]) for value in (alpha, beta, gamma, phi)))


def test_smoothing_agrees_with_statsmodels() -> None:
    from statsmodels.tsa.holtwinters import ExponentialSmoothing

    values, season = wave(60, 1.0), 12
    level, trend, pattern = beginning(values, season)
    peer = ExponentialSmoothing(
        values, trend="add", damped_trend=True, seasonal="add", seasonal_periods=season,
        initialization_method="known", initial_level=level, initial_trend=trend,
        initial_seasonal=pattern,
    ).fit(
        smoothing_level=0.3, smoothing_trend=0.1, smoothing_seasonal=0.2, damping_trend=0.9,
        optimized=False,
    )  # fmt: skip
    # its gamma is ours times (1 - alpha): it writes s_t from the level before
    mine = run(values, season, constants(0.3, 0.1, 0.2 / 0.7, 0.9))
    assert_agrees(mine.ahead(np.arange(59), 1)[:, 0], peer.fittedvalues[1:], tolerance=FLOAT64)
    assert_agrees(mine.ahead(np.array([59]), 11)[0], peer.forecast(11), tolerance=FLOAT64)


def test_smoothing_by_hand() -> None:
    """Without a season: two steps, written out."""
    mine = run(np.array([4.0, 7.0, 5.0]), 1, constants(0.5, 0.4, 0.0, 0.8))
    level, trend = 4.0, 0.0
    for value in (7.0, 5.0):
        error = value - (level + 0.8 * trend)
        level, trend = level + 0.8 * trend + 0.5 * error, 0.8 * trend + 0.5 * 0.4 * error
    assert_agrees(
        mine.ahead(np.array([2]), 2)[0],
        np.array([level + 0.8 * trend, level + 0.8 * trend + 0.64 * trend]),
        tolerance=FLOAT64,
    )


def test_smoothing_finds_a_season() -> None:
    values = wave(240, 0.3)
    found = run(values, *chosen(values, 12, 180, 12))
    origins = np.arange(180, 226)
    actual = values[origins[:, None] + 1 + np.arange(12)]
    error = np.abs(found.ahead(origins, 12) - actual).mean()
    naive = np.abs(values[origins[:, None] - 11 + np.arange(12)] - actual).mean()
    assert error < 0.5 * naive


def prepared(season: int = 12) -> Prepared:
    values = wave(200, 1.0)
    series = TimeSeries("s", np.int64(0), TimeStep(1, "step"), values)
    return prepare(series, Layout(6, season, [], True, False, [], [], [], []), 150)


def test_naive_methods() -> None:
    one = prepared()
    points = methods(one)
    assert tuple(points) == METHODS
    assert points["naive"](np.array([100])).tolist() == [[one.values[100]] * 6]
    assert points["seasonal naive"](np.array([100])).tolist() == [one.values[89:95].tolist()]


def test_intervals_of_the_methods_come_from_the_past() -> None:
    one = prepared()
    levels = [0.1, 0.5, 0.9]
    origins = np.arange(150, 190)
    found = baselines(one, origins, levels)
    past = known_origins(one)
    assert past[0] == 12
    assert past[-1] + 6 < 150
    for name, forecast in found.items():
        assert forecast.shape == (40, 6, 3)
        assert (np.diff(forecast, axis=2) > 0).all(), name
        assert_agrees(forecast[..., 1], methods(one)[name](origins), tolerance=FLOAT64)
    errors = one.values[past + 1] - one.values[past]
    low, middle, high = np.quantile(errors, levels)
    naive = found["naive"][0, 0]
    assert_agrees(naive[[0, 2]] - naive[1], np.array([low, high]) - middle, tolerance=FLOAT64)


def test_figures_by_hand() -> None:
    actual = np.array([[2.0, np.nan], [4.0, 0.0]])
    forecast = np.array([[[0.0, 1.0, 3.0], [9, 9, 9]], [[5.0, 6.0, 7.0], [-1.0, 0.0, 1.0]]])
    found = figures(actual, forecast, [0.1, 0.5, 0.9], np.array([1.0, 2.0]))
    assert found["mae"] == 1.0
    assert_agrees(found["rmse"], (5 / 3) ** 0.5, tolerance=FLOAT64)
    assert_agrees(found["smape"], 100 * (2 / 3 + 4 / 10 + 0) / 3, tolerance=FLOAT64)
    assert_agrees(found["mase"], (1 + 1 + 0) / 3, tolerance=FLOAT64)
    assert_agrees(found["coverage"], 2 / 3, tolerance=FLOAT64)
    first = 2 * (0.1 * 2 + 0.5 * 1 + 0.1 * 1) / 3
    second = 2 * (0.9 * 1 + 0.5 * 2 + 0.1 * 3) / 3
    third = 2 * (0.1 * 1 + 0 + 0.1 * 1) / 3
    assert_agrees(found["pinball"], (first + second + third) / 3, tolerance=FLOAT64)
    assert mae_by_step(actual, forecast, [0.1, 0.5, 0.9]).tolist() == [1.5, 0.0]


def test_the_loss_is_the_figure() -> None:
    draw = np.random.default_rng(0)
    actual, forecast = draw.normal(size=(5, 4)), draw.normal(size=(5, 4, 3))
    levels = [0.2, 0.5, 0.7]
    loss = torch_pinball(
        torch.tensor(forecast), torch.tensor(actual), torch.tensor(levels).double()
    )
    assert_agrees(loss.double(), pinball(actual, forecast, levels), tolerance=FIGURE)


def test_the_median_minimises_the_loss() -> None:
    values = torch.tensor([1.0, 2.0, 10.0])
    losses = [
        float(torch_pinball(torch.full((3, 1), at), values, torch.tensor([0.5])).sum())
        for at in (1.0, 2.0, 3.0)
    ]
    assert losses == [10.0, 9.0, 10.0]


def test_values_are_drawn_from_the_quantiles() -> None:
    quantiles = np.tile([0.0, 1.0, 4.0], (40_000, 1))
    drawn = draw_from(quantiles, [0.1, 0.5, 0.9], np.random.default_rng(0).random(40_000))
    found = [(drawn < at).mean() for at in (0.0, 1.0, 4.0)]
    assert abs(found - np.array([0.1, 0.5, 0.9])).max() < 0.01
    assert draw_from(quantiles[:5, 1:2], [0.5], np.full(5, 0.3)).tolist() == [1.0] * 5


def test_smoothing_begins_with_what_the_first_seasons_are() -> None:
    """A straight line with a season is known from its first step on."""
    t = np.arange(60)
    values = 3 + 0.5 * t + np.array([2.0, -1.0, -1.0])[t % 3]
    level, trend, pattern = beginning(values, 3)
    assert_agrees(np.array([level, trend]), np.array([2.5, 0.5]), tolerance=FLOAT64)
    assert_agrees(pattern, np.array([2.0, -1.0, -1.0]), tolerance=FLOAT64)
    found = run(values, 3, constants(0.3, 0.2, 0.1, 1.0))
    assert_agrees(found.ahead(np.array([4]), 5)[0], values[5:10], tolerance=FLOAT64)
