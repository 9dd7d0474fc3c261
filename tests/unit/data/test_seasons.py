"""A season is found where there is one, and none is made up."""

import numpy as np
import pytest

from tests.tolerances import FLOAT64, assert_agrees
from unrolled.data.seasons import autocorrelation, found_season

T = np.arange(240)
NOISE = np.random.default_rng(0).normal(size=240)


@pytest.mark.parametrize(
    ("values", "steps"),
    [
        (np.sin(2 * np.pi * T / 13) + 0.5 * NOISE, 13),
        (3.0 * (T % 7 == 0) + 0.3 * NOISE, 7),
        (0.5 * T + 3 * np.sin(2 * np.pi * T / 12) + 0.2 * NOISE, 12),  # it drifts
        (20 * np.sin(2 * np.pi * T / 900) + np.sin(2 * np.pi * T / 8), 8),  # it swings slowly
    ],
)
def test_a_season_is_found(values, steps):
    found = found_season([values])
    assert found is not None
    assert found.steps == steps
    assert 0.3 < found.correlation < 1


@pytest.mark.parametrize(
    "values",
    [
        NOISE,
        NOISE.cumsum(),
        T.astype(float),
        np.ones(240),
        np.array([1.0]),
        np.array([1.0, 2.0, 1.0]),
    ],
)
def test_none_is_made_up(values):
    assert found_season([values]) is None


def test_noise_seldom_looks_like_a_season():
    draw = np.random.default_rng(1)
    found = [found_season([draw.normal(size=60)]) for _ in range(200)]
    assert sum(one is not None for one in found) <= 4


def test_several_series_have_one_season():
    other = 100 + 5 * np.roll(np.sin(2 * np.pi * T / 13), 4) + NOISE[::-1]
    assert found_season([np.sin(2 * np.pi * T / 13) + 0.5 * NOISE, other, np.ones(240)]).steps == 13


def test_the_correlation_is_its_definition():
    centred = NOISE - NOISE.mean()
    expected = [(centred[: 240 - k] * centred[k:]).sum() / (centred**2).sum() for k in range(9)]
    assert_agrees(autocorrelation(NOISE, 8), np.array(expected), tolerance=FLOAT64)
