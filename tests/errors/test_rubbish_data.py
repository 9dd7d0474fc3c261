"""Every kind of rubbish that a file can hold gets one sentence: what, where, and what to do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.rubbish_files import LABELLED, saved
from unrolled.data import sources
from unrolled.errors import UnrolledError

DAYS = "".join(f"2024-01-{day:02},{day}\n" for day in range(1, 21))
FORECAST: list[tuple[str, bytes, dict[str, Any], str]] = [
    (
        "s.csv",
        b"date,a,b\n2024-01-01,1,2\n",
        {},
        "which column of {path} should be forecast? name it with --value, and the one "
        "with the times with --time: there are 'a', 'b'",
    ),
    (
        "s.csv",
        b"date,value\nyesterday,1\n",
        {},
        "row 1 of {path} has 'yesterday' in the column 'date', which is not a date: write "
        "2010-01-31",
    ),
    (
        "s.csv",
        b"date,value\n2024-01-01,1\n2024-13-01,2\n",
        {},
        "row 2 of {path} has '2024-13-01' in the column 'date', which is not a date",
    ),
    (
        "s.csv",
        b"date,value\n01/02/2024,1\n02/03/2024,2\n",
        {},
        "{path}: '01/02/2024' in the column 'date' can be read with the day first or the month",
    ),
    (
        "s.csv",
        b"date,value\n,1\n,2\n",
        {},
        "the column 'date' of {path} is empty: there are no times",
    ),
    (
        "s.csv",
        ("date,value\n" + DAYS).replace(",7", ",seven", 1).encode(),
        {},
        "row 7 of {path} has 'seven' in the column 'value', which is not a number",
    ),
    (
        "s.csv",
        b"date;value\n2024-01-01;1,500\n2024-01-02;2,500\n",
        {},
        "row 1 of {path}: numbers of the column 'value' such as '1,500' could be thousands or",
    ),
    (
        "s.csv",
        b"date,value\n2024-01-01,1\n2024-01-02,2\n",
        {},
        "no series of {path} has 4 values: there is nothing to learn from",
    ),
    (
        "s.csv",
        b"date,value\n2024-01-01,1\n2024-01-02,2\n2024-03-05,3\n2024-07-09,4\n2024-09-30,5\n",
        {},
        "the times of 's' in {path} have no even step: the most frequent distance is 1 day, and "
        "5 of 274 such steps have a row; name a step over which to average with --every (1h, 1d",
    ),
    (
        "s.csv",
        ("date,value\n" + DAYS).encode(),
        {"every": "1 fortnight"},
        "'1 fortnight' is not a step: write 15min, 1h, 1d, 1w, 1mo or 1y",
    ),
    (
        "s.csv",
        b"time,value\n1,1\n2,2\n3,3\n4,4\n",
        {"every": "1d"},
        "--every needs dates, and the times of {path} are numbers",
    ),
    (
        "s.csv",
        ("date,value\n1024-01-01,1\n" + DAYS).encode(),
        {"every": "15min"},
        "'s' in {path} has 21 times between 1024-01-01 00:00:00 and 2024-01-20 00:00:00, which are "
        "35,065,153 steps of 15 minutes: name a longer one with --every, or correct the time",
    ),
    (
        "s.csv",
        ("date,value\n" + DAYS).encode(),
        {"known": ["holliday"]},
        "{path} has no column 'holliday' for --known; there are 'date', 'value'",
    ),
]

TEXT: list[tuple[str, bytes, str]] = [
    ("book.txt", b"", "{path} is empty (0 bytes)"),
    ("book.txt", b" \n \n", "{path} contains only white space: there is no text to train on"),
    ("book.txt", b"ab\x00cd", "{path} is not text: byte 2 is 0; name a text file"),
]


def check(call: Callable[[], Any], path: Path, wanted: str) -> None:
    """One sentence, on one line, that begins as it should; and no file beside the one given."""
    before = sorted(path.parent.iterdir())
    with pytest.raises(UnrolledError) as caught:
        call()
    said = str(caught.value)
    assert said.startswith(wanted.format(path=path)), said
    assert "\n" not in said
    assert sorted(path.parent.iterdir()) == before


@pytest.mark.parametrize(("name", "content", "columns", "wanted"), LABELLED)
def test_labelled(
    tmp_path: Path, name: str, content: bytes, columns: dict[str, Any], wanted: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    check(lambda: sources.labelled(path, **columns), path, wanted)


@pytest.mark.parametrize(("name", "content", "columns", "wanted"), FORECAST)
def test_series_to_forecast(
    tmp_path: Path, name: str, content: bytes, columns: dict[str, Any], wanted: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    check(lambda: sources.time_series(path, **columns), path, wanted)


@pytest.mark.parametrize(("name", "content", "wanted"), TEXT)
def test_text_to_continue(tmp_path: Path, name: str, content: bytes, wanted: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    check(lambda: sources.corpus(path), path, wanted)


def test_places_that_are_no_files(tmp_path: Path) -> None:
    (tmp_path / "reviews.csv").write_text("text,label\n")
    path = tmp_path / "review.csv"
    nearest = tmp_path / "reviews.csv"
    check(
        lambda: sources.labelled(path),
        nearest,
        f"there is no file '{path}': did you mean '{nearest}'?",
    )
    check(lambda: sources.labelled("no/such/file.csv"), nearest, "there is no file 'no/such/file")
    check(
        lambda: sources.time_series(tmp_path), nearest, f"{tmp_path} is a folder: name a file in it"
    )


def test_folders(tmp_path: Path) -> None:
    folder = tmp_path / "texts"
    folder.mkdir()
    check(
        lambda: sources.labelled(folder),
        folder,
        f"{folder} must contain a folder or a .txt file for each class, and has 0 of them",
    )
    check(lambda: sources.corpus(folder), folder, f"{folder} contains no text files (.txt, ")


def test_builtin_names(tmp_path: Path) -> None:
    path = tmp_path / "x"
    check(
        lambda: sources.labelled("builtin:langauges"),
        path,
        "there is no built-in data set 'langauges'; did you mean 'languages'?",
    )
    check(
        lambda: sources.corpus("builtin:digits"),
        path,
        "builtin:digits is for `classify`; for `generate` there are builtin:plays, ",
    )
    check(
        lambda: sources.labelled("builtin:digits", label="class"),
        path,
        "--label names a column of a file, and builtin:digits is not one: leave it out",
    )


def test_missing_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("unrolled.data.packages.find_spec", lambda name: None)
    check(
        lambda: sources.labelled("builtin:languages"),
        tmp_path,
        "the built-in data set 'languages' needs the package 'emoji', which is not installed: "
        "`pip install 'unrolled[data]'` installs it.",
    )


def test_two_kinds(tmp_path: Path) -> None:
    texts, series = tmp_path / "a.csv", tmp_path / "b.npz"
    texts.write_text("text,label\na,x\nb,y\n")
    series.write_bytes(saved(x=np.zeros((2, 3)), y=np.array([0, 1])))
    check(
        lambda: sources.labelled(texts, test=series),
        texts,
        f"{texts} and {series} are different: one contains texts, the other series",
    )


def test_there_are_enough() -> None:
    assert len(LABELLED) + len(FORECAST) + len(TEXT) >= 60
