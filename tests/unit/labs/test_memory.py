"""Lab `memory`: the problems are what they say, and the words follow the numbers."""

from dataclasses import replace

import numpy as np
import pytest

from tests.tolerances import FLOAT64, assert_agrees
from unrolled.labs.memory import page, words
from unrolled.labs.memory.measure import CELLS, Learned, Measured, all_lags, reach
from unrolled.labs.memory.problems import (
    ADDING,
    COPIED,
    COPYING,
    SYMBOLS,
    adding,
    copying,
    share_copied,
)
from unrolled.report.drawing import draw
from unrolled.textbook import Network


def test_adding_wants_the_sum_of_the_two_marked() -> None:
    xs, targets = adding(9, 50, np.random.default_rng(0))
    assert xs.shape == (9, 2, 50)
    assert (xs[:4, 1].sum(axis=0) == 1).all()
    assert (xs[4:, 1].sum(axis=0) == 1).all()
    assert_agrees((xs[:, 0] * xs[:, 1]).sum(axis=0), targets[0, 0], tolerance=FLOAT64)


def test_copying_wants_the_first_symbols_after_the_bell() -> None:
    xs, targets = copying(5, 7, np.random.default_rng(0))
    codes = xs.argmax(axis=1)
    assert codes.shape == targets.shape == (5 + 2 * COPIED, 7)
    assert (codes[:COPIED] == targets[-COPIED:]).all()
    assert (codes[:COPIED] < SYMBOLS).all()
    assert (codes[COPIED + 5] == SYMBOLS + 1).all()
    assert (targets[:-COPIED] == SYMBOLS).all()


def test_the_share_copied_counts_only_what_was_to_be_copied() -> None:
    network = Network(CELLS["Elman"], SYMBOLS + 2, 2, SYMBOLS + 2, seed=0)
    for weight in network.weights.values():
        weight[:] = 0.0
    network.weights["c"][0] = 1.0  # it always says symbol 0
    xs, targets = copying(3, 40, np.random.default_rng(1))
    assert share_copied(network, xs, targets) == (targets[-COPIED:] == 0).mean()


def test_solved_is_the_better_side() -> None:
    assert ADDING.solved(0.01)
    assert not ADDING.solved(0.1)
    assert COPYING.solved(0.99)
    assert not COPYING.solved(0.5)


def test_two_failures_end_a_cell() -> None:
    calls: list[int] = []

    def done(note: str, count: int) -> None:
        calls.append(count)

    runs = all_lags(ADDING, "Elman", [4, 8, 16, 32], 2, 3, 0, done)
    assert [one.lag for one in runs] == [4, 8]
    assert sum(calls) == 3 * (4 + 4 + 8 + 16 + 32)  # what was skipped counts as gone through


def made(solved: dict[str, list[bool]]) -> Measured:
    """A run in which each cell solved what it is said to have solved."""
    lags = {"adding": [4, 8, 16], "copying": [2, 4, 8]}
    network = Network(CELLS["GRU"], 2, 2, 1, many_to="one", loss="mean_squared_error", seed=0)
    runs = {
        problem: {
            name: [
                Learned(lag, 0.02, [0.2, 0.1], 0.001 if ok else 0.2, ok, network)
                for lag, ok in zip(lags[problem], solved[name])
            ]
            for name in CELLS
        }
        for problem in lags
    }
    return Measured(2, 2, lags, runs, adding(4, 1, np.random.default_rng(0)))


GATED = {"Elman": [True, False], "IRNN": [True, False, True], "GRU": [True] * 3, "LSTM": [True] * 3}
NONE = {name: [False, False] for name in CELLS}
EQUAL = {name: [True, False, False] for name in CELLS}
PLAIN = {"Elman": [True] * 3, "IRNN": [True] * 3, "GRU": [False] * 2, "LSTM": [True, False, False]}


def test_the_reach_ends_at_the_first_failure() -> None:
    measured = made(GATED)
    assert [reach(measured.runs["adding"][name]) for name in CELLS] == [4, 4, 16, 16]
    assert [reach(runs) for runs in made(NONE).runs["copying"].values()] == [0] * 4


@pytest.mark.parametrize(
    ("solved", "sentences"),
    [
        (GATED, ["both gated cells reach further than the other two",
                 "IRNN at lag 16 was learned despite failing at a shorter lag",
                 "solved every lag up to 16, the longest that was tried"]),
        (NONE, ["it does **not**: neither gated cell reaches further",
                "did not solve even the shortest lag, 4"]),
        (EQUAL, ["it does **not**:", "The LSTM and the GRU reach equally far", "failed at 8"]),
        (PLAIN, ["it does **not**:", "The LSTM reaches further than the GRU"]),
    ],
)  # fmt: skip
def test_the_discussion_says_what_came_out(
    solved: dict[str, list[bool]], sentences: list[str]
) -> None:
    measured = made(solved)
    text = words.discussion(measured)
    for sentence in sentences:
        assert sentence in text
    assert len(words.questions(measured)) >= 4
    assert len(words.found(measured)) == 2


def test_the_picture_shows_the_numbers_of_the_table() -> None:
    measured = made(NONE)
    for runs in measured.runs["adding"].values():
        runs[0] = replace(runs[0], score=7.25)  # worse than guessing, off the scale of colours
    figure = page._scores(measured, ADDING)
    assert ">7.25" in draw(figure.panels).wide
