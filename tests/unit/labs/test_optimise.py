"""Lab `optimise`: the slope is that of the landscape, and the words follow the numbers."""

from typing import Any

import numpy as np
import pytest

from tests.lab_words import words as all_words
from tests.tolerances import SLOPE, assert_agrees
from unrolled.labs.optimise import LAB, measuring, words
from unrolled.labs.optimise.measuring import Measured, Path, Trained, best_path, descend
from unrolled.labs.progress import Progress
from unrolled.report.blocks import Page
from unrolled.report.page import render
from unrolled.textbook.optimizers import OPTIMIZERS


def test_the_slope_by_hand_is_the_slope_of_the_landscape() -> None:
    point, e = np.array([-0.7, 0.3]), 6e-6
    for place in (0, 1):
        move = e * np.eye(2)[place]
        numerical = (measuring.height(point + move) - measuring.height(point - move)) / (2 * e)
        assert_agrees(measuring.slope(point)[place], numerical, tolerance=SLOPE)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_goes_down_the_valley_at_its_best_rate(name: str) -> None:
    path = best_path(name, 60)
    assert len(path.points) == 61
    assert path.end < measuring.height(np.array(measuring.START))


def test_a_path_ends_where_it_leaves_the_map() -> None:
    assert len(descend("sgd", 1.0, 60)) < 10


def run_of(name: str, final: float, rate: float = 0.01) -> Trained:
    return Trained(name, rate, [final] * 60, [rate] * 60, final, 0.9)


def made(
    finals: dict[str, list[float]], ends: dict[str, float], scheduled: dict[str, float]
) -> Any:
    points = {name: np.array([[1.0, 1 + end]]) for name, end in ends.items()}
    return Measured(
        60,
        60,
        {name: Path(name, 0.1, points[name]) for name in OPTIMIZERS},
        {
            name: [run_of(name, f, rate) for f, rate in zip(finals[name], measuring.RATES)]
            for name in OPTIMIZERS
        },
        {name: run_of("adam", final) for name, final in scheduled.items()},
    )


EACH = {name: [0.6, 0.05] for name in OPTIMIZERS}
ENDS = dict.fromkeys(OPTIMIZERS, 0.1) | {"sgd": 0.5}
FALLING = {"constant": 0.2, "step": 0.11, "exponential": 0.19, "cosine": 0.18}


@pytest.mark.parametrize(
    ("finals", "ends", "scheduled", "says"),
    [
        (EACH, ENDS, FALLING, ["as predicted, every other optimizer gets lower",
                               "every optimizer learned the task at some rate",
                               "*Step* ends clearly lower", "**not** less sensitive"]),
        (EACH | {"adam": [0.01, 0.05]}, ENDS | {"adam": 0.6}, FALLING | {"constant": 0.1},
         ["**against the prediction** not adam", "adam is clearly best",
          "None of the decreasing rates helped", "are less sensitive to the learning rate"]),
        (EACH | {"sgd": [0.6, 0.6]}, ENDS | {"sgd": 0.01}, FALLING | {"constant": 0.112},
         ["no other optimizer gets lower", "sgd did **not** learn the task", "a little lower"]),
    ],
)  # fmt: skip
def test_the_discussion_says_what_came_out(
    finals: dict[str, list[float]], ends: dict[str, float], scheduled: dict[str, float],
    says: list[str],
) -> None:  # fmt: skip
    measured = made(finals, ends, scheduled)
    text = words.discussion(measured)
    for sentence in says:
        assert sentence in text
    assert len(words.questions(measured)) == 4
    *_, schedules = words.found(measured)
    assert schedules.count("constant") == 1  # the best, or what the best is compared with


@pytest.mark.exhaustive
def test_what_is_said_comes_from_this_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "RATES", (0.01, 0.3))
    sizes = {"steps": 12, "updates": 10, "hidden": 2}
    first, again, other = (LAB.run(seed=s, progress=Progress(), **sizes) for s in (0, 0, 1))
    assert all_words(first) == all_words(again) != all_words(other)
    assert "The paths through the valley" in render(Page(LAB.title, "", first.sections))
