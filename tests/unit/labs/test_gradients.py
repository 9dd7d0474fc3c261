"""What lab `gradients` measures is what it says it measures."""

import numpy as np
import pytest

from tests.tolerances import FLOAT64, SLOPE, assert_agrees
from unrolled.labs.gradients import measure
from unrolled.labs.gradients.words import _smaller_rate, _steps_to


def test_a_linear_network_has_the_factor_that_theory_gives() -> None:
    # without input and with tiny weights tanh is linear, and U is a multiple of a rotation
    cell = measure.make("Elman", 3, seed=0)
    rotation, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))
    cell.U = 0.5 * rotation
    cell.W = np.zeros((3, measure.INPUTS))
    cell.b = np.zeros(3)
    (norms,) = measure.by_lag(cell, measure.noise(7, 2, seed=1), seed=1)
    assert_agrees(norms, np.repeat(0.5 ** np.arange(8.0)[:, None], 2, axis=1), tolerance=FLOAT64)
    assert_agrees(np.float64(measure.factor(norms[:, 0])), np.float64(0.5), tolerance=FLOAT64)


@pytest.mark.parametrize("name", list(measure.KINDS))
def test_the_derivative_is_a_slope(name: str) -> None:
    exact, difference = measure.slope(
        measure.make(name, 5, seed=3), measure.noise(4, 2, seed=3), seed=3, unit=1
    )
    assert_agrees(np.float64(difference), np.float64(exact), tolerance=SLOPE)


@pytest.mark.parametrize("name", measure.SCALED)
def test_rescaling_sets_every_radius(name: str) -> None:
    cell = measure.rescale(measure.make(name, 4, seed=2), 1.7)
    radii = [measure.spectral_radius(matrix) for matrix in measure.recurrent(cell).values()]
    assert radii
    assert_agrees(np.array(radii), np.full(len(radii), 1.7), tolerance=FLOAT64)


def test_an_open_forget_gate_carries_the_derivative_further() -> None:
    xs = measure.noise(20, 8, seed=0)
    shut, opened = (measure.forgetting(bias, 4, xs, seed=0) for bias in (-3.0, 5.0))
    assert shut.open < 0.2 < 0.9 < opened.open
    assert shut.factor < 0.5 < opened.factor


def test_the_pencil_example_follows_its_own_rule() -> None:
    one = measure.example(seed=4)
    assert_agrees(one.u.T @ (one.d_h * (1 - one.h**2)), one.d_before, tolerance=FLOAT64)


def test_clipping_bounds_every_step() -> None:
    arguments = (1.6, 4, 6, 5, 0, 0.1)
    free, bound = (measure.train(*arguments, clip, lambda: None) for clip in (None, 1e-3))
    assert free.losses[0] == bound.losses[0]
    assert free.losses[-1] != bound.losses[-1]
    assert (free.clipped, bound.clipped) == (0, 5)


def test_words_for_what_never_vanishes() -> None:
    assert _steps_to(0.5, 1e-3) == "10"
    assert _steps_to(1.1, 1e-3) == "no number of"


@pytest.mark.parametrize(
    ("wild", "clipped", "slow", "says"),
    [
        (1.17, 0.185, 1.1, "hardly better than the 1.17"),
        (1.17, 0.185, 0.12, "does better than clipping"),
        (1.17, 0.185, 0.212, "as well as clipping does"),
        (1.17, 0.185, 0.5, "not as good as clipping"),
    ],
)
def test_a_smaller_rate_is_compared_with_both_others(
    wild: float, clipped: float, slow: float, says: str
) -> None:
    sentence = _smaller_rate(wild, clipped, slow)
    assert says in sentence
    assert f"{slow:.3g}" in sentence
