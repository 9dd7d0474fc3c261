"""Words of a user's command neither a terminal, nor a spreadsheet, nor a file system."""

from __future__ import annotations

import csv
import io
import json
import sys
import unicodedata
from pathlib import Path

import pytest

from tests.nasty_words import HALVES, NASTY
from unrolled.cli import main
from unrolled.data.writing import csv_text
from unrolled.literal import Visible, because, cell, file_name, visible

ALL = NASTY + HALVES


@pytest.mark.parametrize("word", ALL)
def test_a_terminal_is_sent_no_control_character(word: str) -> None:
    out = io.StringIO()
    print(word, file=Visible(out))
    shown = out.getvalue().removesuffix("\n")
    assert not any(
        unicodedata.category(letter) in ("Cc", "Cs") for letter in shown if letter != "\t"
    )
    assert not set(shown) & set(
        "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029"
    )
    if word.isprintable():
        assert shown == word


def test_json_stays_what_it_was() -> None:
    line = json.dumps(NASTY, ensure_ascii=False)
    assert json.loads(visible(line)) == NASTY


def test_what_an_encoding_has_no_letter_for() -> None:
    raw = io.BytesIO()
    with io.TextIOWrapper(raw, "ascii") as stream:
        Visible(stream).write("naïve \U0001f600\n")
        stream.flush()
        assert raw.getvalue() == b"na\\xefve \\U0001f600\n"


@pytest.mark.parametrize("word", NASTY)
def test_the_command_line_shows_what_it_cannot_read(
    word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sys.stdout, sys.stderr
    assert main(["predict", f"no run {word}", "a text"]) == 2
    assert (sys.stdout, sys.stderr) == before
    said = capsys.readouterr().err
    assert visible(said) == said


@pytest.mark.parametrize("word", ALL)
def test_a_spreadsheet_is_given_no_formula(word: str) -> None:
    written = cell(word)
    assert not written.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"))
    assert written.removeprefix("'") == word


@pytest.mark.parametrize("number", ["-1", "+2.5", "-1e-07", "-.5", "-inf", "nan", "0"])
def test_numbers_stay_numbers(number: str) -> None:
    assert cell(number) == number


def test_every_cell_of_a_table() -> None:
    rows = list(csv.reader(io.StringIO(csv_text([["label", word] for word in NASTY]), newline="")))
    assert [row[1] for row in rows] == [cell(word).replace("\r", "\n") for word in NASTY]


@pytest.mark.parametrize("word", ALL)
def test_a_file_name_stays_in_its_folder(word: str, tmp_path: Path) -> None:
    name = file_name(word, "otherwise")
    path = tmp_path / f"{name}-1"
    path.write_text("here")
    assert list(tmp_path.iterdir()) == [path]
    assert not name.startswith(("-", "."))
    assert not set(name) & set(" \t/\\:*?\"'<>|$`;&!(){}")


def test_a_name_that_is_fine_is_kept() -> None:
    assert file_name("Sales_2024-05.x", "y") == "Sales_2024-05.x"
    assert file_name("größe", "y") == "größe"
    assert file_name("..", "y") == "y"


def test_an_error_without_words_is_named() -> None:
    assert because(EOFError()) == "EOFError"
    assert because(OSError("the disk\nis full")) == "the disk is full"
