"""Lab `gates`: the memory of one bit and the readings of a text are measured rightly."""

import numpy as np
import pytest

from tests.tolerances import EXACT, FLOAT64, assert_agrees
from unrolled.labs.gates import latch, reading
from unrolled.labs.gates.words import verdicts
from unrolled.labs.progress import Progress


@pytest.fixture(scope="module")
def bit() -> latch.Latch:
    return latch.learn(0, 3, 4, lambda: None)


def test_a_perfect_memory_follows_its_commands() -> None:
    write = np.array([[0], [1], [0], [0], [1], [0]], bool)
    release = np.array([[0], [0], [0], [1], [0], [0]], bool)
    values = np.array([[1.0], [-1.0], [1.0], [1.0], [1.0], [-1.0]])
    xs, targets = latch.follow(write, values, release)
    assert targets[:, 0, 0].tolist() == [0, -1, -1, 0, 1, 1]
    assert xs.shape == (6, 3, 1)


def test_what_is_drawn_has_every_command() -> None:
    xs, targets = latch.shown(np.random.default_rng(0))
    assert np.flatnonzero(xs[:, latch.WRITE]).tolist() == [4, 16, 22]
    assert np.flatnonzero(xs[:, latch.RELEASE]).tolist() == [12]
    assert targets[[3, 4, 11, 12, 15, 16, 22, 27], 0, 0].tolist() == [0, 1, 1, 0, 0, -1, 1, 1]


def test_a_unit_is_wiped_alone(bit: latch.Latch) -> None:
    assert [one.unit for one in bit.units] == [0, 1, 2]
    bit.network.readout.weights["V"][:] = 0.0
    bit.network.readout.weights["c"][:] = 1.0  # nothing reads the states: wiping changes nothing
    assert {one.right for one in latch.wipe_each(bit.network, 0)} == {
        latch.wipe_each(bit.network, 0)[0].right
    }


def test_the_share_right_is_that_of_the_nearest_value() -> None:
    outputs = np.array([0.9, 0.4, -0.6, 3.0, -0.2]).reshape(5, 1, 1)
    targets = np.array([1.0, 0.0, -1.0, 1.0, -1.0]).reshape(5, 1, 1)
    assert latch.share_right(outputs, targets) == 0.8


def test_correlation() -> None:
    a = np.array([1.0, 2.0, 4.0])
    assert_agrees(np.float64(latch.correlation(a, -3 * a + 1)), np.float64(-1), tolerance=FLOAT64)
    assert latch.correlation(a, np.ones(3)) == 0.0


@pytest.mark.parametrize(("value", "held"), [(0.9, 3), (0.1, 3), (0.5, 0)])
def test_predictions_are_held_against_the_gates(bit: latch.Latch, value: float, held: int) -> None:
    gates = {kind: dict.fromkeys("ifoc", value) for kind in latch.KINDS}
    yes, no = verdicts(latch.Latch(**{**vars(bit), "gates": gates}))
    assert len(yes) + len(no) == 6
    assert len(yes) == {0.9: 2, 0.1: 4, 0.5: 0}[value]


def test_a_readers_features() -> None:
    found = reading.features("ab (c\nd) e")
    expected = {
        "characters since the word began": [1, 2, 0, 1, 2, 0, 1, 2, 0, 1],
        "characters since the line began": [1, 2, 3, 4, 5, 0, 1, 2, 3, 4],
        "a space has just been read": [0, 0, 1, 0, 0, 0, 0, 0, 1, 0],
        "inside round brackets": [0, 0, 0, 1, 1, 1, 1, 0, 0, 0],
    }
    assert {name: values.tolist() for name, values in found.items()} == expected


def test_frequency_bits() -> None:
    assert_agrees(
        np.float64(reading.frequency_bits("aabc", "abca")), np.float64(1.5), tolerance=FLOAT64
    )


def test_the_best_unit_is_found_and_the_control_beside_it() -> None:
    text = "one two\nthree (four) five\n" * 4
    feature = reading.features(text)["characters since the word began"]
    noise = np.random.default_rng(0).normal(size=(3, len(text)))
    states = noise.copy()
    states[1] = -2 * feature
    fit = reading.best_units(text, states, noise)[0]
    assert fit.unit == 1
    assert_agrees(np.float64(fit.correlation), np.float64(-1.0), tolerance=FLOAT64)
    assert fit.untrained < 0.5


def test_a_text_without_lines_or_brackets_is_read_too() -> None:
    progress = Progress()
    progress.plan({"a text": 1})
    text = "the quick brown fox jumps over the lazy dog " * 50
    found = reading.read(text, 0, 3, 1, progress)
    assert {fit.feature for fit in found.fits} == {
        "characters since the word began",
        "characters since the line began",
        "a space has just been read",
    }
    assert set(found.at) == {"letters", "spaces"}
    assert_agrees(found.gates["f"], found.gates["f"][:, :], tolerance=EXACT)


def test_the_text_that_comes_with_python_is_there() -> None:
    text = reading.built_in_text()
    assert len(text) > reading.LEARNED + reading.TESTED
    assert len(set(text)) < 200
