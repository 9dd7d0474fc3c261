"""Reads texts batch by batch, in file order. In: a path. Out: batches of rows; next: predict.

Only one batch is in memory for formats that are read row by row: plain text, CSV, TSV and JSON
lines, compressed or not, and Parquet. Files of other kinds are read whole and then split. Changes
to the rows are counted over all batches, and noted after the last.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from unrolled.data.notes import Notes
from unrolled.data.opening import existing, kind_of, note_encoding, survey, text_lines
from unrolled.data.tables import (
    FileTable,
    as_text,
    json_rows,
    parquet_batches,
    read_table,
    rows_of,
    separator_of,
)
from unrolled.data.texts import LONGEST, PLAIN, refuse_columns, text_column
from unrolled.errors import DataError

ROWS = 1 << 14  # in a batch: enough to sort by length, with little memory


@dataclass(frozen=True)
class Batch:
    """A batch of rows with a text; `rows` counts from 1, `read` is the number of rows so far."""

    texts: list[Any]
    rows: list[Any]
    read: int
    frame: pl.DataFrame  # every row read since the previous batch, with all columns
    lines: Any  # for each row of the frame: the index of its text in this batch, or -1


def text_batches(
    path: str | Path, text: str | None, notes: Notes, *, longest: int = LONGEST, size: int = ROWS
) -> Iterator[Batch]:
    """The texts of a file without labels; `text` names the column."""
    read = found = cut = 0
    name = None
    for frame in _frames(existing(path), text, notes, size):
        name = name or text_column(Path(path), frame.columns, text, None)
        some = frame.select(as_text(name, frame.schema[name])).to_series().to_list()
        rows = [row for row, cell in enumerate(some) if cell is not None and cell.strip()]
        texts = [str(some[row]) for row in rows]
        cut += sum(len(one) > longest for one in texts)
        read, found = read + len(some), found + len(texts)
        first = read - len(some) + 1
        lines = np.full(len(some), -1)
        lines[rows] = np.arange(len(rows))
        yield Batch(
            [one[:longest] for one in texts], [first + row for row in rows], read, frame, lines
        )
    if not read:
        raise DataError(f"{path} has no rows")
    notes.count(read - found, read, "rows", "had no text and were left out")
    if not found:
        raise DataError(f"none of {read:,} rows has a text: name another column with --text")
    notes.count(cut, found, "texts", f"were longer than {longest:,} characters and were truncated")


def _frames(path: Path, text: str | None, notes: Notes, size: int) -> Iterator[pl.DataFrame]:
    """All rows of a file with all columns, up to `size` rows at a time."""
    kind = kind_of(path)
    if kind in (".parquet", ".pq"):
        yield from parquet_batches(path, size)
    elif kind in (".csv", ".tsv", ".tab"):
        found = survey(path)
        note_encoding(path, found, notes)
        separator = separator_of(path, kind, found, notes)
        with contextlib.closing(rows_of(path, found, separator)) as rows:
            names = [str(name) for name in next(rows)]
            text_column(path, names, text, None)  # raises before any row is read
            yield from _in_frames(names, rows, size)
    elif kind in (".jsonl", ".ndjson"):
        found = survey(path)
        note_encoding(path, found, notes)
        yield from _of_objects(path, json_rows(path, kind, found), notes, size)
    elif kind in PLAIN:
        refuse_columns(path, text, None, "plain text has a text on each line")
        found = survey(path)
        note_encoding(path, found, notes)
        yield from _in_frames(["text"], ([line] for line in text_lines(path, found)), size)
    else:
        yield from whole_frame(read_table(path, notes)).iter_slices(size)


def _in_frames(
    names: list[str], rows: Iterable[Sequence[str | None]], size: int
) -> Iterator[pl.DataFrame]:
    schema, waiting = dict.fromkeys(names, pl.String), iter(rows)
    while some := list(itertools.islice(waiting, size)):
        yield pl.DataFrame(some, schema=schema, orient="row")


def _of_objects(
    path: Path, objects: Iterator[dict[str, str | None]], notes: Notes, size: int
) -> Iterator[pl.DataFrame]:
    """Frames from JSON objects; the first objects determine the columns."""
    names: list[str] = []
    read = 0
    while some := list(itertools.islice(objects, size)):
        every = list(dict.fromkeys(itertools.chain(*some)))
        names = names or every
        for name in every:
            if name not in names:
                notes.say(
                    f"{path.name} has {name!r} only after row {read:,}: it was not read as a column"
                )
        yield pl.DataFrame(
            {name: [row.get(name) for row in some] for name in names},
            schema=dict.fromkeys(names, pl.String),
        )
        read += len(some)


def whole_frame(table: FileTable) -> pl.DataFrame:
    """A whole table, with the empty rows that it left out."""
    columns = {name: table.cells(name) for name in table.columns}
    places = np.full(int(table.rows[-1]), len(table))
    places[table.rows - 1] = np.arange(len(table))
    indices = pl.Series(places).set(pl.Series(places == len(table)), None)
    return pl.DataFrame({name: cells.gather(indices) for name, cells in columns.items()})


def batch_of_lines(texts: Sequence[str], rows: Sequence[int]) -> Batch:
    """A batch of texts without a table, at these rows."""
    cells: list[str | None] = [None] * max(rows)
    lines = np.full(len(cells), -1)
    for number, (text, row) in enumerate(zip(texts, rows)):
        cells[row - 1], lines[row - 1] = text, number
    frame = pl.DataFrame({"text": cells}, schema={"text": pl.String})
    return Batch(list(texts), list(rows), len(cells), frame, lines)
