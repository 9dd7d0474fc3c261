"""CTC against a sum over every path."""

import itertools
import math

import numpy as np
import pytest
import torch

from tests.tolerances import FLOAT64, SLOPE, assert_agrees
from unrolled.networks.ctc import beam_search, collapse, greedy, places

STEPS, LETTERS = 4, 3


@pytest.fixture(params=range(3))
def log_probs(request):
    scores = np.random.default_rng(request.param).normal(0, 1.5, (STEPS, LETTERS))
    return scores - np.log(np.exp(scores).sum(1, keepdims=True))


def every(log_probs):
    """Each text, and log of the sum over the paths that spell it."""
    found = {}
    for path in itertools.product(range(LETTERS), repeat=len(log_probs)):
        value = sum(log_probs[step, one] for step, one in enumerate(path))
        text = tuple(collapse(path))
        found[text] = np.logaddexp(found.get(text, -np.inf), value)
    return found


@pytest.mark.parametrize(
    ("path", "text"),
    [([0, 0], []), ([1, 1, 0, 1], [1, 1]), ([2, 1, 1, 2], [2, 1, 2]), ([], [])],
)
def test_what_a_path_spells(path, text):
    assert collapse(path) == text


def test_a_wide_beam_is_exact(log_probs):
    expected = every(log_probs)
    found = beam_search(log_probs, 1000)
    assert len(found) == len(expected)
    total = sum(math.exp(value) for _, value in found)
    assert_agrees(total, 1.0, tolerance=FLOAT64)
    for text, value in found:
        assert_agrees(value, expected[tuple(text)], tolerance=FLOAT64)
    assert tuple(found[0][0]) == max(expected, key=expected.__getitem__)
    values = [value for _, value in found]
    assert values == sorted(values, reverse=True)


def test_a_language_model_adds_its_view_of_each_letter(log_probs):
    def extend(prefix, letter):
        return -0.7 * letter - 0.3 * len(prefix)

    expected = every(log_probs)
    for text, value in beam_search(log_probs, 1000, extend):
        view = sum(extend(text[:at], one) for at, one in enumerate(text))
        assert_agrees(value, expected[tuple(text)] + view, tolerance=FLOAT64)


def test_a_letter_that_is_ruled_out_is_in_no_text(log_probs):
    def extend(prefix, letter):
        return -np.inf if letter == 2 else 0.0

    expected = every(log_probs)
    found = beam_search(log_probs, 1000, extend)
    assert {tuple(text) for text, _ in found} == {one for one in expected if 2 not in one}


def test_a_narrow_beam_never_says_more_than_there_is(log_probs):
    expected = every(log_probs)
    found = beam_search(log_probs, 2)
    assert len(found) == 2
    assert all(value <= expected[tuple(text)] + 1e-12 for text, value in found)


def test_the_most_probable_path(log_probs):
    path = max(
        itertools.product(range(LETTERS), repeat=STEPS),
        key=lambda path: sum(log_probs[step, one] for step, one in enumerate(path)),
    )
    assert greedy(log_probs) == collapse(path) == [one for _, one in places(log_probs)]
    assert all(path[step] == one for step, one in places(log_probs))


def test_torchs_loss_is_the_sum_over_paths_and_its_gradient_that_of_differences(log_probs):
    scores = torch.tensor(log_probs, requires_grad=True)

    def loss(values):
        return torch.nn.functional.ctc_loss(
            values.log_softmax(1)[:, None], torch.tensor([[1, 2]]), torch.tensor([STEPS]),
            torch.tensor([2]), reduction="sum",
        )  # fmt: skip

    assert_agrees(loss(scores), np.float64(-every(log_probs)[1, 2]), tolerance=FLOAT64)
    (slope,) = torch.autograd.grad(loss(scores), scores)
    for place in itertools.product(range(STEPS), range(LETTERS)):
        sides = []
        for sign in (1, -1):
            moved = scores.detach().clone()
            moved[place] += sign * 6e-6
            sides.append(loss(moved))
        assert_agrees(slope[place], (sides[0] - sides[1]) / 1.2e-5, tolerance=SLOPE)
