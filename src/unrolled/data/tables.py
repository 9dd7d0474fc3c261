"""Tables whose cells are texts. In: CSV, TSV, JSON, Parquet, Excel. Out: `Table`.

Next: readers.
Files are read with polars; those that it refuses are read row by row with `csv`, which names the
line of an error. Numbers are parsed later, where they are needed, so that "0" and "1.0" in a column
of labels stay unchanged. A table of few rows and very many columns is stored transposed, since no
frame has 100,000 columns.
"""

from __future__ import annotations

import contextlib
import csv
import io
import itertools
import json
import re
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from unrolled.data.excel import read_excel
from unrolled.data.notes import Notes, listed, nearest
from unrolled.data.numbers import as_matrix, as_numbers, plain_numbers
from unrolled.data.opening import (
    Survey,
    existing,
    kind_of,
    note_encoding,
    opened,
    refuse_endless_lines,
    survey,
    text_blocks,
    text_lines,
)
from unrolled.errors import DataError
from unrolled.literal import because, quoted

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
SPARSE = 0.01  # of the cells: with fewer filled ones, the data are not a table
AT_ONCE = 50_000  # rows that are Python strings at the same time
MANY_COLUMNS = 1_000  # from here on, a table of fewer rows is stored transposed
HALF_LETTER = re.compile("[\ud800-\udfff]")
TABLES = (".csv", ".tsv", ".tab", ".jsonl", ".ndjson", ".json", ".parquet", ".pq", ".xlsx")


@dataclass(frozen=True)
class FileTable:
    """A frame of texts, and the row of each in the file, without the header."""

    path: Path
    frame: pl.DataFrame
    rows: Any  # counted from 1
    notes: Notes
    names: list[str] | None = None  # of the columns, if the frame is transposed

    @property
    def columns(self) -> list[str]:
        return self.frame.columns if self.names is None else self.names

    @cached_property
    def _places(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self.columns)}

    def __len__(self) -> int:
        return self.frame.height if self.names is None else self.frame.width

    def has(self, name: str) -> bool:
        return name in self._places

    def require(self, name: str, option: str) -> str:
        """The name of an existing column; raises DataError otherwise."""
        return required(self.path, self.columns, name, option)

    def cells(self, name: str) -> pl.Series:
        """A column without conversion; null is a missing cell."""
        if self.names is None:
            return self.frame[name]
        place = self._places[name]
        return pl.Series(name, [row[place] for row in self.frame.get_columns()], dtype=pl.String)

    def texts(self, name: str) -> list[str | None]:
        """A column without conversion; None is a missing cell."""
        return self.cells(name).to_list()

    def numbers(self, name: str) -> Any:
        """A column as float64, NaN where a cell is missing."""
        return as_numbers(self.cells(name), name, self.path, self.notes, self.rows)

    def matrix(self, names: Sequence[str], notes: Notes | None = None) -> Any:
        """Columns as float64, (rows, columns)."""
        notes = self.notes if notes is None else notes
        if self.names is None:
            columns = [self.frame[name] for name in names]
            return as_matrix(columns, self.path, notes, self.rows)
        places = [self._places[name] for name in names]
        read = [plain_numbers(row.gather(places)) for row in self.frame.iter_columns()]
        matrix = np.stack([values for values, _ in read])
        for number in np.flatnonzero(~np.stack([is_plain for _, is_plain in read]).all(0)):
            name = names[int(number)]
            matrix[:, number] = as_numbers(self.cells(name), name, self.path, notes, self.rows)
        return matrix


def required(path: Path, columns: Sequence[str], name: str, option: str) -> str:
    """The name of an existing column; raises DataError otherwise."""
    if name not in columns:
        raise DataError(
            f"{path} has no column {quoted(name)} for {option}; {nearest(name, columns)}"
        )
    return name


def read_table(path: str | Path | FileTable, notes: Notes | None = None) -> FileTable:
    """Read a file of rows and columns; a `Table` is returned unchanged."""
    if isinstance(path, FileTable):
        return path
    path, notes = existing(path), Notes() if notes is None else notes
    kind = kind_of(path)
    if kind in (".parquet", ".pq"):
        return _whole(path, _parquet(path), notes)
    if kind == ".xlsx":
        return _whole(path, read_excel(path, notes), notes)
    if kind in TABLES:
        found = survey(path)
        note_encoding(path, found, notes)
        if kind in (".jsonl", ".ndjson", ".json"):
            return _whole(path, _json(path, kind, found), notes)
        return _separated(path, kind, found, notes)
    raise DataError(
        f"{path} ends in {kind!r}, and the name of a table ends in {listed(TABLES)} (packed: .gz "
        ".bz2 .xz .zst .zip): rename it, or save it as CSV"
    )


def _whole(path: Path, frame: pl.DataFrame, notes: Notes) -> FileTable:
    """The table of a frame, without its empty rows."""
    if not frame.columns:
        raise DataError(f"{path} has no rows: its list is empty")
    if not frame.height:
        raise DataError(f"{path} has a header ({listed(frame.columns)}) and no rows")
    frame, rows = _without_empty_rows(path, frame, notes)
    return FileTable(path, frame, rows, notes)


def _without_empty_rows(path: Path, frame: pl.DataFrame, notes: Notes) -> tuple[pl.DataFrame, Any]:
    """Remove rows in which every cell is missing or blank, such as empty lines."""
    empty = np.ones(frame.height, bool)
    for column in frame.iter_columns():
        empty &= (column.str.strip_chars().fill_null("") == "").to_numpy()
        if not empty.any():
            return frame, np.arange(1, frame.height + 1)
    _note_empty_rows(path, empty, notes)
    return frame.filter(~empty), np.flatnonzero(~empty) + 1


def _note_empty_rows(path: Path, empty: Any, notes: Notes) -> None:
    notes.count(int(empty.sum()), len(empty), "rows", "were empty and were left out")
    if empty.all():
        raise DataError(f"all {len(empty):,} rows of {path} are empty")


def _separated(path: Path, kind: str, found: Survey, notes: Notes) -> FileTable:
    separator = separator_of(path, kind, found, notes)
    with contextlib.closing(rows_of(path, found, separator)) as rows:
        names = [str(name) for name in next(rows)]
        if MANY_COLUMNS < len(names) > found.lines:
            return _on_its_side(path, names, rows, notes)
        frame = _upright(path, found, separator, names)
        if frame is None:
            frame = _row_by_row(names, rows)
    return _whole(path, frame, notes)


def separator_of(path: Path, kind: str, found: Survey, notes: Notes) -> str:
    """The separator of the columns of a text file."""
    refuse_endless_lines(path, found)
    if kind in (".tsv", ".tab"):
        return "\t"
    separator = _separator(next((line for line in text_lines(path, found) if line.strip()), ""))
    if separator != ",":
        notes.say(f"the columns of {path.name} are separated by {SEPARATORS[separator]}")
    return separator


def _row_by_row(names: list[str], rows: Iterator[list[str | None]]) -> pl.DataFrame:
    schema = dict.fromkeys(names, pl.String)
    parts = [pl.DataFrame(schema=schema)]
    while some := list(itertools.islice(rows, AT_ONCE)):
        parts.append(pl.DataFrame(some, schema=schema, orient="row"))
    return pl.concat(parts)


def _upright(
    path: Path, found: Survey, separator: str, names: Sequence[str]
) -> pl.DataFrame | None:
    """The table as read by polars, if it finds the same columns."""
    source = _utf8(path, found)
    try:
        frame = pl.read_csv(source, separator=separator, infer_schema=False, null_values=[""])
    except pl.exceptions.PolarsError:
        return None
    if [name.strip() for name in frame.columns] != list(names):
        return None
    frame.columns = list(names)
    return frame


def _on_its_side(path: Path, names: list[str], rows: Iterator[Any], notes: Notes) -> FileTable:
    kept, empty = [], []
    for row in rows:
        empty.append(all(cell is None or not cell.strip() for cell in row))
        if not empty[-1]:
            kept.append(pl.Series(str(len(empty)), row, dtype=pl.String))
    if not empty:
        raise DataError(f"{path} has a header ({listed(names)}) and no rows")
    _note_empty_rows(path, np.array(empty), notes)
    return FileTable(path, pl.DataFrame(kept), np.flatnonzero(~np.array(empty)) + 1, notes, names)


def _separator(line: str) -> str:
    """The most frequent separator in the header, outside quotation marks."""
    outside = "".join(line.split('"')[0::2])
    best = max(SEPARATORS, key=outside.count)
    return best if outside.count(best) else ","


def _check_header(path: Path, names: Sequence[str]) -> None:
    counts = Counter(names)
    twice = sorted(name for name, count in counts.items() if count > 1 and name)
    if twice:
        raise DataError(f"the header of {path} names {listed(twice)} twice: rename one of them")
    if counts[""] > 1:
        raise DataError(
            f"the header of {path} leaves {names.count('')} columns without a name: name them"
        )
    if all(_is_number(name) for name in names):
        raise DataError(
            f"the first line of {path} is {listed(names, 4)}: numbers, not names of columns; "
            "add a line with the names above it"
        )


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _utf8(path: Path, found: Survey) -> Any:
    """The path if polars can read it, or else its text in memory."""
    with opened(path) as stream, path.open("rb") as raw:
        start = stream.read(1 << 16)
        is_packed = raw.read(4) != start[:4]
    has_mac_lines = b"\r" in start and b"\n" not in start
    if found.encoding in ("utf-8", "utf-8-sig") and not is_packed and not has_mac_lines:
        return path
    return io.BytesIO("".join(text_blocks(path, found)).encode())


def rows_of(path: Path, found: Survey, separator: str) -> Generator[list[str | None], None, None]:
    """The names of the columns, then each row, parsed strictly; errors name the line."""
    with contextlib.closing(_rows(path, found, separator)) as rows:
        header = next(rows, None)
        if header is None:
            raise DataError(f"{path} contains only blank lines")
        names = [(name or "").strip() for name in header]
        _check_header(path, names)
        yield [*names]
        yield from rows


def _rows(path: Path, found: Survey, separator: str) -> Generator[list[str | None], None, None]:
    """The header, then the rows."""
    csv.field_size_limit(2**31 - 1)  # the default of 131,072 refuses long texts
    with opened(path) as stream, io.TextIOWrapper(stream, found.encoding, newline="") as text:
        reader = csv.reader(text, delimiter=separator, strict=True)
        width = 0
        line = 1
        try:
            for row in reader:
                if not width and not "".join(row).strip():  # a blank line above the header
                    line = reader.line_num + 1
                    continue
                width = width or len(row)
                if len(row) > width:
                    raise DataError(
                        f"line {line} of {path} has {len(row)} columns where the header has "
                        f"{width}: put quotation marks around texts that have a {quoted(separator)}"
                    )
                yield [cell or None for cell in row] + [None] * (width - len(row))
                line = reader.line_num + 1
        except csv.Error as error:
            raise DataError(f"line {line} of {path}: {_quotation(str(error))}") from error


def _quotation(message: str) -> str:
    if "end of data" in message:
        return "a quotation mark is opened here and never closed: close it, or double it"
    return "a quotation mark is inside a quoted text: double it"


def _json(path: Path, kind: str, found: Survey) -> pl.DataFrame:
    rows = list(json_rows(path, kind, found))
    names = list(dict.fromkeys(name for row in rows for name in row))
    if len(names) > MANY_COLUMNS and sum(map(len, rows)) < SPARSE * len(names) * len(rows):
        raise DataError(
            f"the {len(rows):,} objects of {path} have {len(names):,} different names, such as "
            f"{listed(names, 3)}, and hardly any in common: each name is a column, so use the "
            "same names in all objects"
        )
    columns = {name: [row.get(name) for row in rows] for name in names}
    return pl.DataFrame(columns, schema=dict.fromkeys(names, pl.String))


def json_rows(path: Path, kind: str, found: Survey) -> Iterator[dict[str, str | None]]:
    """The objects of a JSON file, with each cell as text."""
    if kind == ".json":
        values = _json_value("".join(text_blocks(path, found)), f"{path}")
        if not isinstance(values, list):
            raise DataError(f"{path} must contain a list of objects, [{{...}}, {{...}}]")
        numbered: Any = enumerate(values, 1)
    else:
        numbered = _json_lines(path, found)
    for number, value in numbered:
        if not isinstance(value, dict):
            raise DataError(
                f"line {number} of {path} is {_short(value)}, and each line must be an object: "
                '{"text": ..., "label": ...}'
            )
        yield {
            _whole_letters(path, number, name): _cell(path, number, name, cell)
            for name, cell in value.items()
        }


def _json_lines(path: Path, found: Survey) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(text_lines(path, found), 1):
        if not line.strip():
            continue
        yield number, _json_value(line, f"line {number} of {path}")


def _json_value(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise DataError(f"{where} is not JSON ({because(error)})") from None
    except RecursionError:
        raise DataError(
            f"{where} is nested too deeply: a table consists of objects whose values are texts and "
            "numbers"
        ) from None


def _cell(path: Path, number: int, name: str, value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, str):
        return _whole_letters(path, number, value)
    if isinstance(value, (bool, int, float)):
        return json.dumps(value)
    raise DataError(
        f"line {number} of {path}: {quoted(name)} is {_short(value)}, and a cell must be a text "
        "or a "
        "number: write one column for each part"
    )


def _whole_letters(path: Path, number: int, text: str) -> str:
    """Refuse lone surrogates, which JSON can write but UTF-8 cannot encode."""
    half = HALF_LETTER.search(text)
    if half:
        raise DataError(
            f"line {number} of {path} contains \\u{ord(half[0]):04x}, which is half of a character "
            "(a lone surrogate): add the other half, or leave it out"
        )
    return text


def _short(value: Any) -> str:
    try:
        text = json.dumps(value, ensure_ascii=False)
    except RecursionError:
        return f"a deeply nested {type(value).__name__}"
    return text if len(text) <= 40 else text[:37] + "..."


def parquet_batches(path: Path, size: int) -> Iterator[pl.DataFrame]:
    """A Parquet file in frames of up to `size` rows, with the types of its columns."""
    try:
        lazy = pl.scan_parquet(path)
        schema = lazy.collect_schema()
        height = int(lazy.select(pl.len()).collect().item())
        _refuse_nested(path, schema)
        for start in range(0, height, size):
            yield lazy.slice(start, size).collect()
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"{path} is not a complete Parquet file ({reason})") from None


def _refuse_nested(path: Path, schema: Any) -> None:
    nested = [name for name, kind in schema.items() if kind.is_nested()]
    if nested:
        raise DataError(
            f"{path}: the column {quoted(nested[0])} has lists or structures: write one column "
            "for "
            "each part"
        )


def _parquet(path: Path) -> pl.DataFrame:
    try:
        frame = pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"{path} is not a complete Parquet file ({reason})") from None
    _refuse_nested(path, frame.schema)
    return frame.select(as_text(name, kind) for name, kind in frame.schema.items())


def as_text(name: str, kind: Any) -> pl.Expr:
    """A typed column as texts."""
    if kind == pl.Datetime:
        return pl.col(name).dt.to_string("%Y-%m-%dT%H:%M:%S%.f")
    return pl.col(name).cast(pl.String)
