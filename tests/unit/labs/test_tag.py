"""Lab `tag`: its sums are exact, its words follow the numbers, and the page is whole."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from tests.lab_words import assert_follows_seed
from tests.tolerances import FLOAT64, assert_agrees
from unrolled.labs.tag import LAB, sentences, words
from unrolled.labs.tag.by_hand import Worked, work_out
from unrolled.labs.tag.measuring import KINDS, Measured, Outcome, rate
from unrolled.labs.tag.sentences import FIRST, MOVES, best_tags, draw_sentences, emissions

GOOD, POOR = Outcome(88, 5, 65, 0), Outcome(79, 1, 42, 90)


def made(*four: Outcome, possible: float = 88) -> Measured:
    best = Outcome(possible, 6, 66, 0)
    return Measured(dict(zip(KINDS, four, strict=True)), best, best, np.eye(3))


@pytest.mark.parametrize("seed", [0, 1])
def test_all_sums_are_the_same(seed: int) -> None:
    worked = work_out(seed)
    assert_agrees(np.float64(worked.forward), np.float64(worked.by_enumeration), tolerance=FLOAT64)
    assert_agrees(np.float64(worked.by_crf), np.float64(worked.by_enumeration), tolerance=FLOAT64)
    assert worked.best == worked.sequences[0][0]


def test_the_best_tags_are_the_best_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sentences, "STEPS", 4)
    drawn = draw_sentences(20, np.random.default_rng(0))
    one_by_one, together = best_tags(drawn.words)
    for place, seen in enumerate(drawn.words.T):
        chances = {}
        for tags in itertools.product(range(3), repeat=4):
            moves = FIRST[tags[0]] * np.prod([MOVES[a, b] for a, b in itertools.pairwise(tags)])
            chances[tags] = moves * np.prod(emissions()[tags, seen])
        assert tuple(together[:, place]) == max(chances, key=chances.__getitem__)
        for t in range(4):
            sums = [sum(p for tags, p in chances.items() if tags[t] == k) for k in range(3)]
            assert one_by_one[t, place] == int(np.argmax(sums))


def test_outcomes_are_counted() -> None:
    actual = np.array([[1, 0], [2, 0], [0, 1]])  # B I O and O O B
    said = np.array([[1, 0], [0, 2], [0, 1]])  # B O O and O I B
    outcome = rate(actual, said)
    assert_agrees(np.float64(outcome.words), np.float64(100 * 4 / 6), tolerance=FLOAT64)
    assert outcome.sentences == 0
    assert_agrees(np.float64(outcome.f1), np.float64(100 * 2 * 1 / 5), tolerance=FLOAT64)
    assert outcome.broken == 50


@pytest.mark.parametrize(
    ("worked", "measured", "says"),
    [
        (work_out(0), made(POOR, GOOD, replace(GOOD, broken=20, sentences=4), GOOD),
         ["give the same log Z", "as predicted ([@numbers], [@names])",
          "changes single tags little", "more sentences are entirely correct",
          "is within 0 points of it"]),
        (replace(work_out(0), by_crf=1.0), made(GOOD, GOOD, replace(GOOD, words=70), GOOD,
                                               possible=99),
         ["something is wrong", "**not** the gain", "**which was not predicted**",
          "**not** more sentences", "is still 11 points below it"]),
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
