"""Lab predict: the wave, the text, and the mistake that the check finds."""

import numpy as np
import pytest

from tests.lab_words import words
from tests.tolerances import FLOAT64, assert_agrees
from unrolled.cells import Elman
from unrolled.labs import predict
from unrolled.labs.predict import mistakes, page, text, wave
from unrolled.labs.progress import Progress
from unrolled.report.blocks import Page
from unrolled.report.page import render
from unrolled.textbook import Network

BOOK = "the cat sat on the mat and looked at the moon. " * 60


@pytest.fixture
def network():
    return Network(Elman, 1, 5, 1, loss="mean_squared_error", seed=0)


@pytest.fixture
def pair():
    return mistakes.delayed_product(6, np.random.default_rng(0))


def test_the_right_backward_pass_is_the_textbooks(network, pair):
    loss, gradients = mistakes.bptt(network.weights, *pair, False, False)
    evaluation = network.evaluate(*pair)
    assert_agrees(loss, evaluation.loss, tolerance=FLOAT64)
    for name, gradient in evaluation.gradients.items():
        assert_agrees(gradients[name], gradient, tolerance=FLOAT64, name=name)


@pytest.mark.parametrize(
    ("switches", "wrong"),
    [
        ((True, False), {"W_l0", "U_l0", "b_l0", "V"}),
        ((False, True), {"W_l0"}),
        ((True, True), {"W_l0", "U_l0", "b_l0", "V"}),
    ],
)
def test_the_check_finds_each_mistake_where_it_is(network, pair, switches, wrong):
    _, right = mistakes.bptt(network.weights, *pair, False, False)
    _, gradients = mistakes.bptt(network.weights, *pair, *switches)
    errors = mistakes.gradient_errors(gradients, right)
    assert {name for name, error in errors.items() if error > page.WRONG} == wrong


def test_the_target_is_the_product_with_the_input_of_three_steps_ago(pair):
    xs, targets = pair
    assert_agrees(targets[5], xs[5] * xs[2], tolerance=FLOAT64)
    assert np.all(targets[: mistakes.DELAY] == 0)


def test_the_windows_of_the_wave_have_the_next_value_as_target():
    series = np.arange(100.0)
    xs, targets = wave.windows(series)
    assert xs.shape == targets.shape == (wave.LENGTH, 1, 17)
    assert np.array_equal(targets, xs + 1)
    assert xs.max() < targets.max() <= 99


def test_repetition_is_the_share_of_pieces_that_came_before():
    assert text.repetition("abcdefghijklmnop") == 0
    assert text.repetition("a" * 20) == 12 / 13


def test_without_a_text_it_reads_pythons_documentation():
    assert len(text.python_documentation()) == text.CHARACTERS


@pytest.fixture
def run(monkeypatch):
    monkeypatch.setattr(predict, "UPDATES", 60)
    monkeypatch.setattr(predict, "WAVE_EPOCHS", 2)
    return lambda seed, book=BOOK: predict.LAB.run(
        seed=seed, progress=Progress(), hidden=8, epochs=2, text=book
    )


@pytest.mark.exhaustive
def test_what_is_said_comes_from_this_run(run):
    first, second, other = (run(seed) for seed in (0, 0, 1))
    assert words(first) == words(second) != words(other)
    assert first.found[0] != other.found[0]
    assert "How the error grows" in render(Page("", first.lead, first.sections))


@pytest.mark.exhaustive
def test_a_text_of_many_characters_is_read_too(run):
    strange = "".join(chr(0x4E00 + n) for n in range(500)) * 5
    assert "bits per character" in run(0, strange).found[1]
