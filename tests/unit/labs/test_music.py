"""Lab `music`: the entropy is exact, its words follow the numbers, and the page is whole."""

import itertools
import math

import numpy as np
import pytest

from tests.lab_words import assert_follows_seed
from tests.tolerances import FLOAT64, assert_agrees
from unrolled.labs.music import LAB, measuring, page
from unrolled.labs.music.measuring import KINDS, NEXT, Learned, Measured, draw_pieces, least_nats


def made(alone: float, chain: float, *whole: float) -> Measured:
    roll = np.zeros((measuring.STEPS, measuring.KEYS), np.uint8)
    return Measured(1.8, {
        kind: Learned([nats], share, roll)
        for kind, nats, share in zip(KINDS, (alone, chain), whole, strict=True)
    })  # fmt: skip


def test_the_entropy_is_that_of_all_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "STEPS", 4)
    total = 0.0
    for triads in itertools.product(range(4), repeat=4):
        chance = 0.25 * math.prod(NEXT[a, b] for a, b in itertools.pairwise(triads))
        total -= chance * math.log(chance) if chance else 0.0
    assert_agrees(np.float64(least_nats()), np.float64(total / 4 + math.log(2)), tolerance=FLOAT64)


def test_pieces_are_made_of_chords() -> None:
    known = {tuple(one) for one in measuring.chords()}
    (piece,) = draw_pieces(1, np.random.default_rng(0))
    assert {tuple(np.flatnonzero(step).tolist()) for step in piece} <= known


@pytest.mark.parametrize(
    ("measured", "says"),
    [
        (made(5.5, 1.86, 0.02, 0.97), ["comes within 0.060 nats of the entropy, as predicted",
                                       "chords ([@numbers]), as predicted"]),
        (made(5.5, 3.0, 0.02, 0.01), ["is still 1.2 nats above", "contradicts the prediction"]),
    ],
)  # fmt: skip
def test_the_discussion_says_what_came_out(measured: Measured, says: list[str]) -> None:
    text = page.discussion(measured)
    for sentence in says:
        assert sentence in text


@pytest.mark.exhaustive
def test_what_is_said_comes_from_this_run() -> None:
    sizes = {"hidden": 2, "rounds": 2}
    assert_follows_seed(LAB, **sizes)
