"""Texts come batch by batch, in the order of the file, whatever the file is."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import polars as pl
import pytest

from unrolled.data.notes import Notes
from unrolled.data.sources import unlabelled
from unrolled.data.streaming import text_batches
from unrolled.errors import DataError

CELLS = [f"text {number}" if number % 4 else None for number in range(1, 24)]


def written(path: Path) -> Path:
    frame = pl.DataFrame({"id": list(range(len(CELLS))), "text": CELLS})
    rows = frame.to_dicts()
    kind = "".join(path.suffixes)
    if kind == ".parquet":
        frame.write_parquet(path)
    elif kind == ".json":
        path.write_text(json.dumps(rows))
    elif kind == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    elif kind == ".csv.gz":
        path.write_bytes(gzip.compress(frame.write_csv().encode()))
    elif kind == ".txt":
        path.write_text("".join(f"{cell or ''}\n" for cell in CELLS))
    else:
        frame.write_csv(path, separator="\t" if kind == ".tsv" else ",")
    return path


@pytest.mark.parametrize("kind", ["csv", "tsv", "csv.gz", "json", "jsonl", "parquet", "txt"])
@pytest.mark.parametrize("size", [1, 5, 100])
def test_the_same_as_read_whole(tmp_path: Path, kind: str, size: int) -> None:
    path = written(tmp_path / f"file.{kind}")
    column = None if kind == "txt" else "text"
    whole, notes = unlabelled(path, text=column), Notes()
    batches = list(text_batches(path, column, notes, size=size))
    assert [text for one in batches for text in one.texts] == whole.texts  # type: ignore[union-attr]
    assert [row for one in batches for row in one.rows] == whole.rows
    assert [one.read for one in batches][-1] == len(CELLS)
    assert max(len(one.texts) for one in batches) <= size
    assert list(notes) == ["5 of 23 rows had no text and were left out"]


def test_what_is_wrong_is_said(tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    for content, said in (
        ("id,text\n", "has no rows"),
        ("id,text\n1,\n", "none of 1 rows has a text"),
        ("id,txt\n1,a\n", "no column 'text' for --text; did you mean 'txt'"),
        ("id,text\n1,a\n2,b,c\n", "line 3 of .* has 3 columns where the header has 2"),
    ):
        path.write_text(content)
        with pytest.raises(DataError, match=said):
            list(text_batches(path, "text", Notes()))
