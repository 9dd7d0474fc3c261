"""Lab `translate`: its derivative is exact, its words follow the numbers, and the page is whole."""

from dataclasses import replace

import numpy as np
import pytest

from tests.lab_words import assert_follows_seed
from tests.tolerances import FLOAT64, assert_agrees
from unrolled.labs.translate import LAB, words
from unrolled.labs.translate.by_hand import Worked, work_out
from unrolled.labs.translate.dates import PARTS, Pair, draw_pairs
from unrolled.labs.translate.measuring import Learned, Measured, shares

PAIR = Pair("3 May 1987", "1987-05-03", {"day": range(1), "month": range(2, 5),
                                         "year": range(6, 10)})  # fmt: skip


def learned(right: list[float], on_part: float, even: float = 0.3) -> Learned:
    at = [20 * (place + 1) for place in range(len(right))]
    return Learned(at, right, dict.fromkeys(PARTS, on_part), dict.fromkeys(PARTS, even),
                   np.zeros((10, 10)), PAIR.target)  # fmt: skip


def made(even: Learned, attention: Learned) -> Measured:
    return Measured(PAIR, {"even weights": even, "attention": attention})


def test_it_is_known_where_each_part_is() -> None:
    for pair in draw_pairs(60, np.random.default_rng(0)):
        year, month, day = pair.target.split("-")
        at = {part: "".join(pair.source[k] for k in places) for part, places in pair.where.items()}
        assert at["year"] == year
        assert int(at["day"]) == int(day)
        assert at["month"][:3].isalpha()
        assert 1 <= int(month) <= 12


def test_the_derivative_is_the_slope() -> None:
    assert work_out(0).largest_error < 1e-8


def test_shares_of_the_weight() -> None:
    weights = np.zeros((1, 10, 10))
    weights[0, :, 6:10] = 0.25  # always at the year
    found, even = shares(weights, [PAIR])
    assert found == {"year": 1.0, "month": 0.0, "day": 0.0}
    assert list(even) == ["year", "month", "day"]
    assert_agrees(np.array([*even.values()]), np.array([0.4, 0.3, 0.1]), tolerance=FLOAT64)


@pytest.mark.parametrize(
    ("worked", "measured", "says"),
    [
        (work_out(0), made(learned([0, 40, 60], 0.3), learned([10, 90, 99], 0.8)),
         ["agrees with finite", "after 40 updates instead of 60", "39 points higher",
          "as predicted, and more than equal weights would have there in each case"]),
        (work_out(0), made(learned([0, 0, 20], 0.3), learned([0, 0, 60], 0.4)),
         ["and never with even weights", "does **not** lie mostly on the part"]),
        (replace(work_out(0), largest_error=1.0), made(learned([60, 99], 0), learned([0, 9], 0.1)),
         ["**does not agree with**", "**never** correct", "90 points **lower**", "**no** more"]),
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
