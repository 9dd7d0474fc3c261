"""Lab `regularise`: the words follow the numbers, and the page is whole."""

import pytest

from tests.lab_words import assert_follows_seed
from unrolled.labs.regularise import LAB, words
from unrolled.labs.regularise.measuring import VARIANTS, Measured, Reading

TEXT = "The quick brown fox jumps over the lazy dog, 10 times. " * 60


def made(**ends: tuple[list[float], list[float]]) -> Measured:
    falls = {name: ([3.0, 2.5, 1.0], [3.2, 2.9, 3.4]) for name in VARIANTS}
    falls |= {name.replace("_", " "): curves for name, curves in ends.items()}
    return Measured(2000, 30, {n: Reading(n, *curves) for n, curves in falls.items()})


@pytest.mark.parametrize(
    ("measured", "says"),
    [
        (made(zoneout=([3.1, 2.6, 2.0], [3.1, 2.8, 2.7])),
         ["lowest in epoch 2 and then rises by 0.50 bits", "**Zoneout** makes the gap smaller",
          "its best test loss is 0.20 bits lower", "**Weight drop** does **not** make the gap",
          "does **not** learn faster here", "does not close the gap"]),
        (made(nothing=([3.0, 2.5, 2.4], [3.2, 2.9, 2.8]), layer_norm=([3, 2, 1.9], [3, 2.4, 2.0])),
         ["has **not** started to rise in 3 epochs", "learns faster: after epoch 3",
          "**against the prediction**, it closes part of the gap"]),
    ],
)  # fmt: skip
def test_the_discussion_says_what_came_out(measured: Measured, says: list[str]) -> None:
    text = words.discussion(measured)
    for sentence in says:
        assert sentence in text
    assert len(words.questions(measured)) == 4


@pytest.mark.exhaustive
def test_what_is_said_comes_from_this_run() -> None:
    sizes = {"hidden": 3, "epochs": 1, "text": TEXT}
    assert_follows_seed(LAB, **sizes)
