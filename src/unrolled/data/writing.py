"""Answers as tables. In: names and rows. Out: CSV, written as it comes; next: `cli`."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from unrolled import literal
from unrolled.files import writing_whole


def csv_text(rows: Iterable[Sequence[str]]) -> str:
    """Rows as lines; a cell that a spreadsheet would compute is marked as text."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([_cell(one) for one in row] for row in rows)
    return text.getvalue()


def _cell(text: str) -> str:
    """With line feeds alone: `csv` does not quote a carriage return, at which readers end a row."""
    return literal.cell(text).replace("\r\n", "\n").replace("\r", "\n")


def write_csv(path: Path, names: Sequence[str], parts: Iterable[Iterable[Sequence[str]]]) -> None:
    """Rows, part by part: the file is there when the last is written, or not at all."""
    with writing_whole(path) as file:
        file.write(csv_text([names]).encode())
        for rows in parts:
            file.write(csv_text(rows).encode())
