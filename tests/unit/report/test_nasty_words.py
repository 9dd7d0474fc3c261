"""Words of a user's are literal in pages and in figures."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from html.parser import HTMLParser

import numpy as np
import pytest

from tests.nasty_words import HALVES, NASTY
from unrolled.literal import visible
from unrolled.report import figures, pictures
from unrolled.report.blocks import Code, Figure, Page, Prose, Section, Table
from unrolled.report.drawing import Panel, draw
from unrolled.report.markup import literal
from unrolled.report.page import render
from unrolled.tasks.reporting import quoted

pytestmark = pytest.mark.drawn

ALL = NASTY + HALVES
FIGURES: dict[str, Callable[[str], Panel]] = {
    "curves": lambda word: figures.curves(
        {word: [1, 2], "other": [2, 3]},
        x_label=word, y_label=word, title=word, marks={word: 1}, levels={word: 1},
    ),
    "bars": lambda word: figures.bars({word: 1.0, "other": 2.0}, y_label=word, title=word),
    "heat_map": lambda word: figures.heat_map(
        [[1, 2], [3, 4]],
        x_label=word, y_label=word, unit=word, title=word, columns=[word, "b"], rows=[word, "b"],
    ),
    "confusion": lambda word: figures.confusion_matrix([[1, 2], [3, 4]], [word, "b"], title=word),
    "steps": lambda word: figures.steps(
        [1, 2], names=[word, "b"], x_label=word, y_label=word, title=word
    ),
    "forecast": lambda word: figures.forecast(
        ([0, 1], [1, 2]), ([2, 3], [1, 2]), y_label=word, title=word,
        others={word: ([2, 3], [1, 2])}, intervals={word: ([0, 0], [3, 3])},
    ),
    "scatter": lambda word: figures.scatter(
        np.arange(2), np.arange(2), x_label=word, y_label=word, title=word
    ),
    "film": lambda word: pictures.film(np.zeros((2, 3, 4, 1), np.uint8), [word, "b"]),
    "maps": lambda word: pictures.picture_with_maps(
        np.zeros((3, 4, 3), np.uint8), [(word, np.ones((2, 2)))]
    ),
}  # fmt: skip


NASTIEST = ["$\\foo$", "\x1b[31m\ud800", "_hidden", "x" * 300]


@pytest.mark.exhaustive
@pytest.mark.parametrize("word", NASTIEST)
@pytest.mark.parametrize("name", FIGURES)
def test_in_figures(name: str, word: str) -> None:
    """Whatever it is called, a figure is drawn and is XML."""
    ET.fromstring(draw(FIGURES[name](word)).file("title", word))


@pytest.mark.parametrize("some", [ALL[start::3] for start in range(3)])
def test_every_word_stands_over_a_picture(some: list[str]) -> None:
    drawn = draw(pictures.film(np.zeros((len(some), 3, 4, 1), np.uint8), some))
    texts = "".join(ET.fromstring(drawn.wide).itertext())
    for word in some:
        assert visible(word[: pictures.LETTERS - 1]) in texts


@pytest.mark.exhaustive
@pytest.mark.parametrize("some", [ALL[start::8] for start in range(8)])
def test_every_word_stands_in_a_figure(some: list[str]) -> None:
    drawn = draw(figures.curves({word: [1, 2] for word in some}, x_label="x", y_label="y"))
    root = ET.fromstring(drawn.wide)
    texts = {"".join(one.itertext()) for one in root.iter("{http://www.w3.org/2000/svg}text")}
    shown = {"".join(text.split()).strip("\N{WORD JOINER}") for text in texts}
    for word in filter(None, some):  # of no word nothing is to be seen
        beginning = "".join(visible(word).split())
        assert any(text.rstrip("…") == beginning[: len(text.rstrip("…"))] for text in shown)


class Tags(HTMLParser):
    """The elements and attributes of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, tuple[str, ...]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, tuple(sorted(name for name, _ in attrs))))


def page(word: str) -> str:
    panel = figures.steps([1, 2], names=["a", "b"], x_label="x", y_label="y")
    return render(
        Page(
            word,
            f"It read {quoted(word)}.",
            [
                Section(
                    word,
                    [
                        Prose(f"Done to the data:\n\n- {literal(word) or '(empty)'}"),
                        Table("table", "A table.", ["name"], [[quoted(word)]]),
                        Code(f"{word} ", word and literal(word), language="text"),
                        Figure("figure", word or "A figure", panel, word),
                    ],
                )
            ],
            command=word,
            facts=[(word, quoted(word))],
        )
    )


@pytest.mark.parametrize("word", ALL)
def test_in_a_page(word: str) -> None:
    """It has the elements of a page about a plain word, and no others."""
    found, plain = Tags(), Tags()
    text = page(word)
    found.feed(text)
    plain.feed(page("plain" if word.strip() else word))
    kept = [one for one in found.found if one[0] not in ("sup", "ul", "ol", "li", "p", "code")]
    wanted = [one for one in plain.found if one[0] not in ("sup", "ul", "ol", "li", "p", "code")]
    assert kept == wanted
    assert visible(text) == text
    assert not re.search(r"<(script|img|b)\b", text)
