"""A tagger's page in Chromium: its tags and their probabilities are the tagger's."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import unrolled
from tests.browser.conftest import DESK, PHONE, Opened
from tests.made_up import names_in_sentences
from tests.tolerances import FIGURE, assert_agrees
from unrolled.errors import ArgumentError
from unrolled.tasks.live import rounded
from unrolled.tasks.tag.answers import sentences_in
from unrolled.tasks.tag.tagger import Tagger

SMALL = {"hidden": 4, "embedding": 4, "character_size": 4, "character_embedding": 3, "epochs": 2}
TEXT = "Anna met Tom's aunt, Ms. Ünal. She isn't at http://x.org!\n\nWhy? 3.5 km, #far"


def agrees(page: Any, model: Tagger) -> None:
    found = page.evaluate("tag", TEXT)
    words = [one.words for line in TEXT.split("\n") for one in sentences_in(line)]
    assert [one["words"] for one in found] == words
    for mine, said in zip(found, model.say(words), strict=True):
        assert mine["tags"] == said.tags
        sure = np.array(said.probabilities, np.float64)
        assert_agrees(np.array(mine["sure"]), sure, tolerance=FIGURE)


@pytest.fixture(scope="module")
def run() -> Tagger:
    return Tagger(**SMALL).fit(*names_in_sentences(40))


@pytest.mark.parametrize("width", [PHONE, DESK])
def test_a_page_tags_what_is_typed(run: Tagger, tmp_path: Path, opened: Opened, width: int) -> None:
    unrolled.export(run, tmp_path / "page.html")
    page = opened(tmp_path / "page.html", width)
    agrees(page, run)
    page.fill("#text", "One two.")
    assert page.locator("#rows tr").count() == 3
    assert (
        page.locator("#rows td").nth(1).text_content() == run.predict([["One", "two", "."]])[0][0]
    )


def test_convolutions_and_int8(tmp_path: Path, opened: Opened) -> None:
    model = Tagger(**SMALL, characters="convolution").fit(*names_in_sentences(40))
    done = unrolled.export(model, tmp_path / "page.html", int8=True)
    assert "tags, on single words of the vocabulary" in str(done)
    model.model_ = rounded(model.model_)
    agrees(opened(tmp_path / "page.html"), model)
    with pytest.raises(ArgumentError, match="a tagger needs whole sentences"):
        unrolled.export(model, tmp_path / "page.c")
