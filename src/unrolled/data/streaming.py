"""Texts batch by batch, in the order of their file. In: a path. Out: batches of rows; to: predict.

Only one batch is in memory, whatever the size of the file, where it is read row by row: plain text,
CSV, TSV and JSON lines, packed or not, and Parquet. A file of another kind is read whole, then cut.
What was done to the rows is counted over all of them, and noted after the last.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from unrolled.data.notes import Notes
from unrolled.data.opening import existing, kind_of, note_encoding, survey, text_lines
from unrolled.data.tables import json_rows, parquet_batches, read_table, rows_of, separator_of
from unrolled.data.texts import LONGEST, PLAIN, refuse_columns, text_column
from unrolled.errors import DataError

ROWS = 1 << 14  # in a batch: enough to sort by length, and little memory


@dataclass(frozen=True)
class Batch:
    """Some rows that have a text; `rows` counts from 1, `read` is all rows up to here."""

    texts: list[Any]
    rows: list[Any]
    read: int


def text_batches(
    path: str | Path, text: str | None, notes: Notes, *, longest: int = LONGEST, size: int = ROWS
) -> Iterator[Batch]:
    """The texts of a file without labels; `text` names the column."""
    read = found = cut = 0
    cells = _cells(existing(path), text, notes, size)
    while some := list(itertools.islice(cells, size)):
        rows = [row for row, cell in enumerate(some) if cell is not None and cell.strip()]
        texts = [str(some[row]) for row in rows]
        cut += sum(len(one) > longest for one in texts)
        read, found = read + len(some), found + len(texts)
        first = read - len(some) + 1
        yield Batch([one[:longest] for one in texts], [first + row for row in rows], read)
    if not read:
        raise DataError(f"{path} has no rows")
    notes.count(read - found, read, "rows", "had no text and were left out")
    if not found:
        raise DataError(f"none of {read:,} rows has a text: name another column with --text")
    notes.count(cut, found, "texts", f"were longer than {longest:,} characters and were cut there")


def _cells(path: Path, text: str | None, notes: Notes, size: int) -> Iterator[str | None]:
    """The text of each row, or None."""
    kind = kind_of(path)
    if kind in (".parquet", ".pq"):
        yield from _of_frames(path, parquet_batches(path, size), text)
    elif kind in (".csv", ".tsv", ".tab"):
        found = survey(path)
        note_encoding(path, found, notes)
        separator = separator_of(path, kind, found, notes)
        with contextlib.closing(rows_of(path, found, separator)) as rows:
            names = [str(name) for name in next(rows)]
            place = names.index(text_column(path, names, text, None))
            for row in rows:
                yield row[place]
    elif kind in (".jsonl", ".ndjson"):
        found = survey(path)
        note_encoding(path, found, notes)
        objects = json_rows(path, kind, found)
        some = list(itertools.islice(objects, size))  # whose names are the columns
        name = text_column(path, list(dict.fromkeys(itertools.chain(*some))), text, None)
        for one in itertools.chain(some, objects):
            yield one.get(name)
    elif kind in PLAIN:
        refuse_columns(path, text, None, "plain text has a text on each line")
        found = survey(path)
        note_encoding(path, found, notes)
        yield from text_lines(path, found)
    else:
        table = read_table(path, notes)
        cells = table.texts(text_column(path, table.columns, text, None))
        by_row = dict(zip(table.rows.tolist(), cells))
        yield from (by_row.get(row) for row in range(1, max(by_row) + 1))


def _of_frames(
    path: Path, frames: Iterable[pl.DataFrame], text: str | None
) -> Iterator[str | None]:
    name = None
    for frame in frames:
        name = name or text_column(path, frame.columns, text, None)
        yield from frame[name]
