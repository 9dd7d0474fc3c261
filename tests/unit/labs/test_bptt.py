"""Lab bptt: the pencil's digits, the sums, and a page that tells this run's own numbers."""

import math
import re
from decimal import ROUND_HALF_UP, Decimal

import numpy as np
import pytest

from tests.lab_words import words
from tests.tolerances import PENCIL, SLOPE, assert_agrees
from unrolled.labs.bptt import LAB, pencil
from unrolled.labs.bptt.adding import binary_sums
from unrolled.labs.bptt.page import carry_words
from unrolled.labs.bptt.worked import work_by_hand
from unrolled.labs.progress import Progress
from unrolled.report.blocks import Page
from unrolled.report.page import render

SMALL = {"hidden": 3, "bits": 3, "epochs": 2}


def follow(text: str) -> Decimal:
    """What a reader gets who types a printed line into a calculator."""
    text = text.replace("·", "*").replace("−", "-").replace("²", "**2")
    text = re.sub(r"\d+\.\d+|(?<![\w.*])\d+", lambda found: f"D('{found[0]}')", text)
    functions = {
        "D": Decimal,
        "tanh": lambda x: Decimal(math.tanh(x)),
        "sqrt": lambda x: Decimal(math.sqrt(x)),
    }
    return eval(text, functions).quantize(Decimal("0.0001"), ROUND_HALF_UP)  # noqa: S307


@pytest.mark.parametrize("seed", range(12))
def test_a_reader_with_a_pencil_gets_every_digit(seed):
    parts = pencil.solve(pencil.draw(seed))
    assert list(parts) == ["forward", "backward", "sums", "update"]
    lines = [line for lines in parts.values() for line in lines]
    assert len(lines) == 46
    for line in lines:
        name, numbers, result, _ = line.row
        assert follow(numbers) == Decimal(result), name


def test_every_number_of_a_line_stands_above_it():
    given = pencil.draw(3)
    known = {pencil.written(value).lstrip("-") for value in given.values()}
    known |= {"2", "1", "1.0", "0.1"}
    for lines in pencil.solve(given).values():
        for line in lines:
            assert set(re.findall(r"\d+\.\d+|\d+", line.numbers)) <= known, line.numbers
            known.add(pencil.written(line.value).lstrip("-"))


@pytest.mark.parametrize("seed", range(6))
def test_pencil_textbook_and_slope_agree(seed):
    worked = work_by_hand(seed)
    for weight, value in worked.pencil_gradients.items():
        assert_agrees(value, worked.exact_gradient(weight), tolerance=PENCIL, name=weight)
    for name, slope in worked.slopes.items():
        assert_agrees(worked.exact.gradients[name], slope, tolerance=SLOPE, name=name)
    assert worked.loss_after < worked.exact.loss


def test_the_sums_are_those_of_the_numbers():
    sums = binary_sums(20, 6, np.random.default_rng(0))
    powers = 2 ** np.arange(6)
    first, second = (powers @ sums.xs[:, n].astype(int) for n in range(2))
    assert np.array_equal(powers @ sums.targets + 64 * sums.carries[-1], first + second)
    assert 0 < sums.carries.mean() < 1


def said(seed: int, **sizes) -> str:
    return words(LAB.run(seed=seed, progress=Progress(), **(SMALL | sizes)))


def test_what_is_said_comes_from_this_run():
    first = said(0)
    assert first == said(0)
    assert first != said(1)
    worked = work_by_hand(0)
    assert f"{worked.exact.loss:.4f}" in first
    assert "the rule was not learned exactly" in first  # two epochs are too few


def test_more_training_says_that_the_rule_was_learned():
    text = said(0, hidden=8, bits=8, epochs=60)
    assert "it has learned the rule" in text
    assert "converged: the loss is at the goal" in text


def test_it_has_a_page():
    account = LAB.run(seed=0, progress=Progress(), **SMALL)
    assert "The states during one sum" in render(Page(LAB.title, account.lead, account.sections))


@pytest.mark.parametrize(
    ("remembers", "strength", "says"),
    [
        (True, 0.95, "Unit 3 alone follows the carry"),
        (True, 0.5, "it is spread over several units"),
        (False, 0.95, "has **not** learned to carry"),
    ],
)
def test_a_carry_is_found_only_in_a_network_that_has_learned(remembers, strength, says):
    sentence = carry_words(remembers, 0.97 if remembers else 0.6, 3, strength)
    assert says in sentence
    assert ("correlation" in sentence) == (remembers)


def test_little_training_says_that_there_is_no_carry():
    text = said(0, epochs=1)
    assert "its states are not interpreted" in text
    assert "follows the carry" not in text
