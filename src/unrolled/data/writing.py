"""Writes predictions as tables, batch by batch. In: frames. Out: a file, its format by extension.

CSV and TSV contain texts; a cell that a spreadsheet would evaluate is marked as text. Parquet, JSON
and Excel have numbers: a column of texts that are all numbers is written as numbers. This is known
only after the last row, so the batches are stored on disk, and only one is in memory.
Next: `cli`.
"""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import polars as pl

from unrolled import literal
from unrolled.data.notes import listed
from unrolled.errors import DataError, require
from unrolled.files import CannotWrite, is_there, make_folder, part_of, write_whole, writing_whole

WHOLE = r"^-?(0|[1-9][0-9]{0,17})$"
NUMBER = r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]{1,2})?$"
EXCEL_ROWS = 1_048_576  # of a sheet, including the header
EXCEL_CELL = 32_767  # characters


def csv_text(rows: Iterable[Sequence[str]], separator: str = ",") -> str:
    """Rows as lines; a cell that a spreadsheet would evaluate is marked as text."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator, lineterminator="\n")
    writer.writerows([_cell(one) for one in row] for row in rows)
    return text.getvalue()


def _cell(text: str) -> str:
    """Use line feeds only: `csv` does not quote a carriage return, which ends a row for readers."""
    return literal.cell(text).replace("\r\n", "\n").replace("\r", "\n")


def writer_of(path: str | Path) -> Callable[[Path, Iterable[pl.DataFrame]], None]:
    """The writer for a file of this name; raises an error for an unknown extension."""
    if is_there(Path(path)) and Path(path).is_dir():
        raise CannotWrite(f"{path} is a folder: name a file in it")
    endings = [one.lower() for one in Path(path).suffixes]
    is_packed = endings[-1:] == [".gz"]
    ending = (endings[:-1] if is_packed else endings)[-1:]
    writer = WRITERS.get(ending[0]) if ending else None
    if writer is None or (is_packed and ending[0] not in PACKABLE):
        raise DataError(
            f"--out {path}: the extension determines the format; use one of "
            f"{listed(list(WRITERS), 20)} (text formats can be compressed: .csv.gz)"
        )
    if ending[0] == ".xlsx":
        require("excel", f"writing {path}")
    return writer


def write_table(path: str | Path, frames: Iterable[pl.DataFrame]) -> None:
    """Write frames with the same columns as one table, atomically."""
    writer_of(path)(Path(path), frames)


def frame_of(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> pl.DataFrame:
    """Rows of plain values as a frame."""
    columns = list(zip(*rows)) or [()] * len(names)
    return pl.DataFrame({name: list(column) for name, column in zip(names, columns)}, strict=False)


def _write_separated(separator: str) -> Callable[[Path, Iterable[pl.DataFrame]], None]:
    def write(path: Path, frames: Iterable[pl.DataFrame]) -> None:
        with _packing(path) as file:
            for number, frame in enumerate(frames):
                if number == 0:
                    file.write(csv_text([frame.columns], separator).encode())
                texts = frame.select(pl.all().cast(pl.String).fill_null(""))
                file.write(csv_text(texts.iter_rows(), separator).encode())

    return write


def _write_parquet(path: Path, frames: Iterable[pl.DataFrame]) -> None:
    with _waiting(path, frames) as (parts, casts), writing_whole(path) as file:
        pl.scan_parquet(parts).with_columns(casts).sink_parquet(file)


def _write_json(path: Path, frames: Iterable[pl.DataFrame]) -> None:
    """One list of objects."""
    with _waiting(path, frames) as (parts, casts), _packing(path) as file:
        between = b"["
        for part in parts:
            for line in _json_lines(part, casts):
                file.write(between + b"\n" + line)
                between = b","
        file.write(b"\n]\n" if between == b"," else b"[]\n")


def _write_json_lines(path: Path, frames: Iterable[pl.DataFrame]) -> None:
    with _waiting(path, frames) as (parts, casts), _packing(path) as file:
        for part in parts:
            file.writelines(line + b"\n" for line in _json_lines(part, casts))


def _json_lines(part: Path, casts: list[pl.Expr]) -> list[bytes]:
    text = io.BytesIO()
    pl.read_parquet(part).with_columns(casts).write_ndjson(text)
    return text.getvalue().splitlines()


def _write_excel(path: Path, frames: Iterable[pl.DataFrame]) -> None:
    """One sheet, row by row."""
    import xlsxwriter

    with _waiting(path, frames) as (parts, casts), writing_whole(path) as file:
        options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
        book = xlsxwriter.Workbook(file, {**options, "nan_inf_to_errors": True})
        sheet, line = book.add_worksheet(), 0
        for part in parts:
            frame = pl.read_parquet(part).with_columns(casts)
            if line == 0:
                sheet.write_row(0, 0, frame.columns)
            if line + frame.height >= EXCEL_ROWS:
                raise DataError(
                    f"{path} would have more rows than the limit of an Excel sheet "
                    f"({EXCEL_ROWS:,}): write CSV or Parquet"
                )
            for row in frame.iter_rows():
                line += 1
                for place, value in enumerate(row):
                    _write_excel_cell(sheet, path, line, place, value)
        book.close()


def _write_excel_cell(sheet: Any, path: Path, line: int, place: int, value: Any) -> None:
    if value is None:
        return
    if isinstance(value, (bool, int, float)):
        sheet.write(line, place, value)
        return
    text = str(value)
    if len(text) > EXCEL_CELL:
        raise DataError(
            f"row {line:,} of {path} would have a text of {len(text):,} characters, and the limit "
            f"of Excel is {EXCEL_CELL:,}: write CSV or Parquet, or choose columns with --keep"
        )
    sheet.write_string(line, place, text)


WRITERS: dict[str, Callable[[Path, Iterable[pl.DataFrame]], None]] = {
    ".csv": _write_separated(","),
    ".tsv": _write_separated("\t"),
    ".jsonl": _write_json_lines,
    ".ndjson": _write_json_lines,
    ".json": _write_json,
    ".parquet": _write_parquet,
    ".pq": _write_parquet,
    ".xlsx": _write_excel,
}
PACKABLE = (".csv", ".tsv", ".jsonl", ".ndjson", ".json")


@contextlib.contextmanager
def _packing(path: Path) -> Iterator[IO[bytes]]:
    """The file, compressed if its name ends in .gz."""
    with writing_whole(path) as file:
        if path.suffix.lower() != ".gz":
            yield file
            return
        with gzip.GzipFile(filename="", fileobj=file, mode="wb", mtime=0) as packed:
            yield packed  # type: ignore[misc]


@contextlib.contextmanager
def _waiting(
    path: Path, frames: Iterable[pl.DataFrame]
) -> Iterator[tuple[list[Path], list[pl.Expr]]]:
    """Temporary files of the frames beside the path, and which of their columns are numbers."""
    write_whole(path_beside := part_of(path), b"")  # fails now if the path is not writable
    path_beside.unlink()
    folder = part_of(path.with_name(f"{path.name}.rows"))
    make_folder(folder)
    try:
        parts: list[Path] = []
        kinds: dict[str, int] = {}
        for frame in frames:
            for name in frame.columns:
                kinds[name] = min(kinds.get(name, 2), _kind(frame[name]))
            parts.append(folder / f"{len(parts):08d}.parquet")
            frame.write_parquet(parts[-1])
        types = {1: pl.Float64, 2: pl.Int64}
        casts = [pl.col(name).cast(types[kind]) for name, kind in kinds.items() if kind > 0]
        yield parts, casts
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _kind(cells: pl.Series) -> int:
    """2: texts that are all integers; 1: all numbers; 0: others, or no texts."""
    if cells.dtype == pl.Null:
        return 2
    if cells.dtype != pl.String:
        return 0
    if cells.str.contains(WHOLE).all():
        return 2
    return 1 if cells.str.contains(NUMBER).all() else 0
