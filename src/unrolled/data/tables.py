"""Rows and columns, every cell a text. In: CSV, TSV, JSON, Parquet. Out: `Table`; next: readers.

polars reads; what it refuses, `csv` reads row by row and names the line. Numbers are read later, by
the reader that wants numbers, so that "0" and "1.0" in a column of labels are what they were.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from unrolled.data.notes import Notes, listed, nearest
from unrolled.data.numbers import as_numbers
from unrolled.data.opening import (
    Survey,
    existing,
    kind_of,
    note_encoding,
    opened,
    survey,
    text_blocks,
    text_lines,
)
from unrolled.errors import DataError

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
TABLES = (".csv", ".tsv", ".tab", ".jsonl", ".ndjson", ".json", ".parquet", ".pq")


@dataclass(frozen=True)
class Table:
    """A frame of texts, and the row of the file that each came from, the header not counted."""

    path: Path
    frame: pl.DataFrame
    rows: Any  # counted from 1
    notes: Notes

    @property
    def columns(self) -> list[str]:
        return self.frame.columns

    def __len__(self) -> int:
        return self.frame.height

    def has(self, name: str) -> bool:
        return name in self.frame.columns

    def require(self, name: str, option: str) -> str:
        """The name, if there is such a column."""
        if name not in self.frame.columns:
            raise DataError(
                f"{self.path} has no column {name!r} for {option}; {nearest(name, self.columns)}"
            )
        return name

    def texts(self, name: str) -> list[str | None]:
        """A column as it stands; None is a missing cell."""
        return self.frame[name].to_list()

    def numbers(self, name: str) -> Any:
        """A column as float64, NaN where a cell is missing."""
        return as_numbers(self.frame[name], name, self.path, self.notes, self.rows)


def read_table(path: str | Path, notes: Notes | None = None) -> Table:
    """A file of rows and columns."""
    path, notes = existing(path), Notes() if notes is None else notes
    kind = kind_of(path)
    if kind in (".parquet", ".pq"):
        frame = _parquet(path)
    elif kind in TABLES:
        found = survey(path)
        note_encoding(path, found, notes)
        if kind in (".jsonl", ".ndjson", ".json"):
            frame = _json(path, kind, found)
        else:
            frame = _separated(path, kind, found, notes)
    else:
        raise DataError(
            f"{path} ends in {kind!r}, and a table's name ends in {listed(TABLES)} (packed: .gz "
            ".bz2 .xz .zst .zip): rename it, or save it as CSV"
        )
    if not frame.columns:
        raise DataError(f"{path} holds no rows: nothing stands between its brackets")
    if not frame.height:
        raise DataError(f"{path} has a header ({listed(frame.columns)}) and no rows")
    frame, rows = _without_empty_rows(path, frame, notes)
    return Table(path, frame, rows, notes)


def _without_empty_rows(path: Path, frame: pl.DataFrame, notes: Notes) -> tuple[pl.DataFrame, Any]:
    """Rows in which every cell is missing or blank: empty lines of the file."""
    blank = pl.all_horizontal(pl.all().str.strip_chars().fill_null("") == "")
    empty = frame.select(blank).to_series()
    notes.count(int(empty.sum()), frame.height, "rows", "were empty and were left out")
    if empty.all():
        raise DataError(f"all {frame.height:,} rows of {path} are empty")
    return frame.filter(~empty), np.flatnonzero(~empty.to_numpy()) + 1


def _separated(path: Path, kind: str, found: Survey, notes: Notes) -> pl.DataFrame:
    separator = "\t" if kind in (".tsv", ".tab") else _separator(found.first_line)
    if kind == ".csv" and separator != ",":
        notes.say(f"the columns of {path.name} are separated by {SEPARATORS[separator]}")
    header = next(csv.reader([found.first_line], delimiter=separator), [])
    if not header:
        raise DataError(f"{path} holds nothing but blank lines")
    _check_header(path, header)
    source = _utf8(path, found)
    try:
        frame = pl.read_csv(source, separator=separator, infer_schema=False, null_values=[""])
    except (pl.exceptions.PolarsError, pl.exceptions.ComputeError):
        rows = list(_rows(path, found, separator))
        columns = [[row[i] for row in rows] for i in range(len(header))]
        frame = pl.DataFrame(dict(zip(header, columns)), schema=dict.fromkeys(header, pl.String))
    return frame.rename(dict(zip(frame.columns, [name.strip() for name in header])))


def _separator(line: str) -> str:
    """What stands oftenest between the names of the header, outside quotation marks."""
    outside = "".join(line.split('"')[0::2])
    best = max(SEPARATORS, key=outside.count)
    return best if outside.count(best) else ","


def _check_header(path: Path, header: Sequence[str]) -> None:
    names = [name.strip() for name in header]
    twice = sorted({name for name in names if names.count(name) > 1 and name})
    if twice:
        raise DataError(f"the header of {path} names {listed(twice)} twice: rename one of them")
    if names.count("") > 1:
        raise DataError(
            f"the header of {path} leaves {names.count('')} columns without a name: name them"
        )
    if all(_is_number(name) for name in names):
        raise DataError(
            f"the first line of {path} is {listed(names, 4)}: numbers, and no names of columns; "
            "put a line with the names above it"
        )


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _utf8(path: Path, found: Survey) -> Any:
    """The path itself where polars can read it, else its text in memory."""
    with opened(path) as stream, path.open("rb") as raw:
        start = stream.read(1 << 16)
        is_packed = raw.read(4) != start[:4]
    has_mac_lines = b"\r" in start and b"\n" not in start
    if found.encoding in ("utf-8", "utf-8-sig") and not is_packed and not has_mac_lines:
        return path
    return io.BytesIO("".join(text_blocks(path, found)).encode())


def _rows(path: Path, found: Survey, separator: str) -> Iterator[list[str | None]]:
    """Row by row and strictly, for the files that need it, with the line in every refusal."""
    csv.field_size_limit(2**31 - 1)  # the default of 131,072 refuses long texts
    with opened(path) as stream, io.TextIOWrapper(stream, found.encoding, newline="") as text:
        reader = csv.reader(text, delimiter=separator, strict=True)
        header: list[str] | None = None
        line = 1
        try:
            for row in reader:
                if header is None:
                    header = row if row else None
                elif len(row) > len(header):
                    raise DataError(
                        f"line {line} of {path} has {len(row)} columns where the header has "
                        f"{len(header)}: put quotation marks round texts that hold a "
                        f"{separator!r}"
                    )
                else:
                    yield [cell or None for cell in row] + [None] * (len(header) - len(row))
                line = reader.line_num + 1
        except csv.Error as error:
            raise DataError(f"line {line} of {path}: {_quotation(str(error))}") from error


def _quotation(message: str) -> str:
    if "end of data" in message:
        return "a quotation mark is opened here and never closed: close it, or double it"
    return "a quotation mark stands inside a quoted text: double it"


def _json(path: Path, kind: str, found: Survey) -> pl.DataFrame:
    rows = list(_json_rows(path, kind, found))
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = {name: [row.get(name) for row in rows] for name in names}
    return pl.DataFrame(columns, schema=dict.fromkeys(names, pl.String))


def _json_rows(path: Path, kind: str, found: Survey) -> Iterator[dict[str, str | None]]:
    if kind == ".json":
        try:
            values = json.loads("".join(text_blocks(path, found)))
        except ValueError as error:
            raise DataError(f"{path} is no JSON ({error})") from None
        if not isinstance(values, list):
            raise DataError(f"{path} is to hold a list of objects, [{{...}}, {{...}}]")
        numbered: Any = enumerate(values, 1)
    else:
        numbered = _json_lines(path, found)
    for number, value in numbered:
        if not isinstance(value, dict):
            raise DataError(
                f"line {number} of {path} is {_short(value)}, and each line is to be an object: "
                '{"text": ..., "label": ...}'
            )
        yield {name: _cell(path, number, name, cell) for name, cell in value.items()}


def _json_lines(path: Path, found: Survey) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(text_lines(path, found), 1):
        if not line.strip():
            continue
        try:
            yield number, json.loads(line)
        except ValueError as error:
            raise DataError(f"line {number} of {path} is no JSON ({error})") from None


def _cell(path: Path, number: int, name: str, value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, (bool, int, float)):
        return json.dumps(value)
    raise DataError(
        f"line {number} of {path}: {name!r} holds {_short(value)}, and a cell holds a text or a "
        "number: write one column for each part"
    )


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 40 else text[:37] + "..."


def _parquet(path: Path) -> pl.DataFrame:
    try:
        frame = pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"{path} is no whole Parquet file ({reason})") from None
    nested = [name for name, kind in frame.schema.items() if kind.is_nested()]
    if nested:
        raise DataError(
            f"{path}: the column {nested[0]!r} holds lists or structures: write one column for "
            "each part"
        )
    return frame.select(_as_text(name, kind) for name, kind in frame.schema.items())


def _as_text(name: str, kind: Any) -> pl.Expr:
    if kind == pl.Datetime:
        return pl.col(name).dt.to_string("%Y-%m-%dT%H:%M:%S%.f")
    return pl.col(name).cast(pl.String)
