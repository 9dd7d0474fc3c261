"""A page: everything is in the file, links lead somewhere, and what is wrong with it is said."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from unrolled.errors import ArgumentError, UnrolledError
from unrolled.report.blocks import (
    Block,
    Code,
    Figure,
    Math,
    Page,
    Prose,
    Question,
    Section,
    Table,
    code_of,
)
from unrolled.report.figures import bars
from unrolled.report.page import render, write_page

pytestmark = pytest.mark.drawn

VOID = {"meta", "link", "br", "hr", "img", "input"}


class Checker(HTMLParser):
    """Every element is closed in order; ids and inner links are collected."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.fetched: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(str(value))
            elif tag == "a" and name == "href":
                self.links.append(str(value))
            elif name in ("src", "href") and tag not in ("use", "image"):
                self.fetched.append(str(value))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def table(key: str = "scores") -> Table:
    return Table(key, "Scores.", ["cell", "loss (nats)"], [["Elman <1>", 1.23456], ["LSTM", 0.5]])


def figure(key: str = "bars") -> Figure:
    return Figure(key, "Accuracy", bars({"LSTM": 0.9}, y_label="accuracy"), "One bar.", "Look.")


def page(*blocks: Block) -> Page:
    return Page("A <title>", "The lead.", [Section("First", blocks)], "unrolled lab x --seed 1")


FULL = page(
    Prose("See [@scores] and $h_t$."),
    Math(r"h_t = \tanh(W x_t)", "cell", "The cell."),
    Code("x = 1", "Code."),
    table(),
    figure(),
    Question("Why?", "Because of [@bars].", ["scores", "bars"]),
)


def test_it_is_well_formed_and_links_lead_somewhere() -> None:
    checker = Checker()
    more = Section("Second", [Prose("More.")])
    checker.feed(render(replace(FULL, sections=[*FULL.sections, more])))
    assert checker.open == []
    assert len(checker.ids) == len(set(checker.ids))
    assert {link.removeprefix("#") for link in checker.links} <= set(checker.ids)
    assert {"#scores", "#bars", "#section-1", "#section-2"} <= set(checker.links)


def test_one_section_needs_no_contents() -> None:
    assert "<nav" not in render(FULL)


def test_it_needs_no_network_and_no_script() -> None:
    checker = Checker()
    text = render(FULL)
    checker.feed(text)
    assert checker.fetched == []
    assert "<script" not in text
    assert not re.search(r"@import|url\((?!#)", text)


def test_a_title_that_asks_has_no_full_stop() -> None:
    asked = Figure("bars", "Who is best?", bars({"LSTM": 0.9}, y_label="accuracy"), "One bar.")
    text = render(page(asked))
    assert "<strong>Who is best?</strong>" in text
    assert "<strong>Accuracy.</strong>" in render(page(figure()))


def test_what_was_given_stands_in_it() -> None:
    text = render(FULL)
    for part in ("A &lt;title&gt;", "Elman &lt;1&gt;", "1.235", "unrolled lab x --seed 1",
                 '<span class="label">Table 1</span>', '<a href="#bars">Figure 1</a>',
                 '<span class="label">Equation 1</span>'):  # fmt: skip
        assert part in text


def test_the_same_page_gives_the_same_bytes() -> None:
    assert render(FULL) == render(FULL)


def test_files_are_written_beside_it(tmp_path: Path) -> None:
    path = write_page(FULL, tmp_path / "out")
    found = sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file())
    assert found == ["out/figures/bars.svg", "out/report.html"]
    assert path.read_text(encoding="utf-8") == render(FULL)


@pytest.mark.parametrize(
    ("blocks", "what"),
    [
        ([Prose("see [@nothing]")], "the page refers to 'nothing'; its keys are none"),
        ([table("")], "a table has no key: give it one, so that it is numbered"),
        ([table("Not Good")], "the key 'Not Good' must be lower-case letters, digits and dashes"),
        ([table(), table()], "the key 'scores' is used twice: each names one block of the page"),
        ([Question("Why?", "So.", [])], "the answer to 'Why?' refers to no measurement"),
        (
            [Question("Why?", "So.", ["scores"]), table()],
            "the answer to 'Why?' refers to 'scores', which is not above it",
        ),
    ],
)
def test_what_is_wrong_with_a_page_is_said(blocks: list[Block], what: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        render(page(*blocks))
    assert str(caught.value) == what


def test_a_wrong_page_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(UnrolledError):
        write_page(page(figure(), Prose("[@nothing]")), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_code_is_what_ran() -> None:
    block = code_of(table)
    assert block.text.startswith("def table(")
    assert "Elman <1>" in block.text
