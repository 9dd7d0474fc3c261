"""Lab `speech`: its sums are exact, its words follow the numbers, and the page is whole."""

from dataclasses import replace

import numpy as np
import pytest

from tests.lab_words import assert_follows_seed
from tests.tolerances import FLOAT64, assert_agrees
from unrolled.labs.speech import LAB, words
from unrolled.labs.speech.by_hand import Worked, work_out
from unrolled.labs.speech.measuring import (
    ALPHABET,
    BLANK,
    Learned,
    Measured,
    Word,
    draw_words,
    even_path,
    speak,
)
from unrolled.networks.ctc import collapse


def made(even: float, ctc: float, blanks: float) -> Measured:
    word = speak([1, 2], np.random.default_rng(0))
    return Measured(
        word,
        {
            kind: Learned([1], [error], np.zeros((4, 10)), share)
            for kind, error, share in (("even split", even, 0.0), ("CTC", ctc, blanks))
        },
    )


@pytest.mark.parametrize("seed", [0, 1])
def test_all_sums_are_the_same(seed: int) -> None:
    worked = work_out(seed)
    assert_agrees(np.float64(worked.total), np.float64(worked.forward), tolerance=FLOAT64)
    assert_agrees(np.float64(worked.total), np.float64(worked.by_torch), tolerance=FLOAT64)
    assert worked.largest_error < 1e-8
    assert len(worked.paths) == 7  # "too" over five steps


def test_an_even_split_spells_the_word() -> None:
    for word in draw_words(50, np.random.default_rng(0)):
        path = even_path(word.letters, len(word.frames))
        assert len(path) == len(word.frames)
        assert collapse(path) == word.letters
        assert {ALPHABET[k - 1] for k in path if k != BLANK} == set(word.text)


def test_letters_begin_where_they_are_said_to() -> None:
    word: Word = speak([1, 1, 2], np.random.default_rng(3))
    assert word.begins[0] == 0
    assert word.begins == sorted(word.begins)
    assert word.begins[-1] < len(word.frames)


@pytest.mark.parametrize(
    ("worked", "measured", "says"),
    [
        (work_out(0), made(15.0, 0.5, 0.7),
         ["all give", "**CTC spells better**, as predicted: 0.5", "**Letters are spikes**"]),
        (replace(work_out(0), by_torch=0.5), made(5.0, 80.0, 0.1),
         ["do **not** agree", "**CTC does not spell better here**", "**Letters are not spikes"]),
    ],
)  # fmt: skip
def test_the_discussion_says_what_came_out(
    worked: Worked, measured: Measured, says: list[str]
) -> None:
    text = words.discussion(worked, measured)
    for sentence in says:
        assert sentence in text


def test_what_is_said_comes_from_this_run() -> None:
    sizes = {"hidden": 2, "updates": 2}
    assert_follows_seed(LAB, **sizes)
