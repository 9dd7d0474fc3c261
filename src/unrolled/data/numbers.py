"""Cells as numbers. In: texts. Out: float64, NaN where one is missing; next: readers.

Cells that are empty, NA, NaN, null, ? or - are missing. An error names the row of any other cell
that is not a number, or that float32, in which networks compute, cannot represent. Commas are
decimal points ("1,5") or thousands separators ("1,500,000") if all numbers of the column agree, and
the choice is reported.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from unrolled.data.notes import Notes
from unrolled.errors import DataError
from unrolled.literal import quoted

MISSING = ("", "na", "n/a", "#n/a", "nan", "null", "none", "?", "-", ".", "nat", "missing")
LARGEST = float(np.finfo(np.float32).max)
AT_ONCE = 1 << 20  # cells that are parsed together
DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")
THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?")


class NumberTooLarge(DataError):
    """A number that is too large for float32."""


def scaling(mean: Any, deviation: Any) -> tuple[Any, Any]:
    """The stored means and deviations of a run; raises ValueError if they are invalid."""
    found, spread = np.asarray(mean, np.float64), np.asarray(deviation, np.float64)
    if found.ndim != 1 or not len(found) or found.shape != spread.shape:
        raise ValueError("each channel needs a mean and a deviation")
    if not (np.isfinite(found).all() and np.isfinite(spread).all() and (spread > 0).all()):
        raise ValueError("a mean or a deviation is not finite")
    return found, spread


def as_numbers(
    cells: Sequence[str | None] | pl.Series,
    column: str,
    path: Path | str,
    notes: Notes,
    rows: Any = None,
) -> Any:
    """One column as numbers; `rows` are the cells' rows in the file, for messages."""
    series, numbers = _read(pl.Series(column, cells, dtype=pl.String))
    wrong = (numbers.is_null() & series.is_not_null()).arg_true()
    if len(wrong):
        place = int(wrong[0])
        where = f"row {place + 1 if rows is None else rows[place]:,} of {path}"
        numbers = _with_commas(series, column, place, where, notes)
    values = numbers.to_numpy(writable=True).astype(np.float64)
    large = np.flatnonzero(np.abs(values) > LARGEST)
    if len(large):
        place = int(large[0])
        infinite = bool(np.isinf(values[place]))
        what = "an infinite number" if infinite else f"numbers beyond {LARGEST:.1e}"
        cure = "leave the cell empty" if infinite else "leave the cell empty, or rescale the column"
        raise NumberTooLarge(
            f"row {place + 1 if rows is None else rows[place]:,} of {path} has "
            f"{str(series[place])[:40]!r} in the column "
            f"{quoted(column)}: a network cannot learn from {what}; {cure}"
        )
    return values


def as_matrix(
    columns: Sequence[pl.Series], path: Path | str, notes: Notes, rows: Any = None
) -> Any:
    """Several columns as numbers, (rows, columns); faster than one by one for many short ones."""
    height = len(columns[0]) if columns else 0
    matrix = np.empty((height, len(columns)))
    at_once = max(1, AT_ONCE // max(1, height))
    for start in range(0, len(columns), at_once):
        some = columns[start : start + at_once]
        values, plain = plain_numbers(pl.concat(some, rechunk=True))
        matrix[:, start : start + at_once] = values.reshape(len(some), height).T
        for place in np.flatnonzero(~plain.reshape(len(some), height).all(1)):
            one = some[int(place)]
            matrix[:, start + int(place)] = as_numbers(one, one.name, path, notes, rows)
    return matrix


def plain_numbers(cells: pl.Series) -> tuple[Any, Any]:
    """Cells as numbers, NaN where one is missing; and which of them are valid."""
    words, numbers = _read(cells)
    values = numbers.to_numpy().astype(np.float64)
    plain = (numbers.is_not_null() | words.is_null()).to_numpy()
    return values, plain & ~(np.abs(values) > LARGEST)


def _read(cells: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Trimmed cells, null where one is missing; and their values as numbers."""
    words = cells.str.strip_chars()
    words = words.set(words.str.to_lowercase().is_in(list(MISSING)), None)
    return words, words.cast(pl.Float64, strict=False)


def _with_commas(series: pl.Series, column: str, place: int, where: str, notes: Notes) -> pl.Series:
    """Numbers with commas, if all of them agree in their meaning."""
    words = series.drop_nulls()
    with_comma = words.filter(words.str.contains(",", literal=True)).to_list()
    if with_comma and all(DECIMAL_COMMA.fullmatch(word) for word in with_comma):
        if any(not THOUSANDS.fullmatch(word) for word in with_comma):
            changed = series.str.replace(",", ".", literal=True).cast(pl.Float64, strict=False)
            if changed.null_count() == series.null_count():
                notes.say(f"commas in the column {quoted(column)} were read as decimal points")
                return changed
        else:
            raise DataError(
                f"{where}: numbers of the column {quoted(column)} such as {quoted(with_comma[0])} "
                "could be "
                "thousands or decimals: write them with a decimal point"
            )
    elif with_comma and all(THOUSANDS.fullmatch(word) for word in with_comma):
        changed = series.str.replace_all(",", "", literal=True).cast(pl.Float64, strict=False)
        if changed.null_count() == series.null_count():
            notes.say(f"commas in the column {quoted(column)} were read as thousands separators")
            return changed
    raise DataError(
        f"{where} has {str(series[place])[:40]!r} in the column {quoted(column)}, which "
        "is not a number: correct it, leave the cell empty, or name another column"
    )


def is_switch(values: Any) -> bool:
    """Whether a series contains only 0 and 1, such as holidays, which are not interpolated."""
    return bool(np.isin(values[~np.isnan(values)], (0.0, 1.0)).all())


def held(values: Any) -> Any:
    """A series (T,) whose gaps (NaN) are filled with the last value before them, or 0 at the start.

    No future value is used.
    """
    there = ~np.isnan(values)
    last = np.maximum.accumulate(np.where(there, np.arange(len(values)), -1))
    return np.where(last < 0, 0.0, values[last])


def filled(values: Any) -> Any:
    """A series (T,) whose gaps (NaN) are interpolated linearly.

    In a series of 0 and 1 a gap gets the value before it, or the first value at the start.
    """
    gaps = np.isnan(values)
    if not gaps.any():
        return values
    if gaps.all():
        return np.zeros_like(values)
    steps, there = np.arange(len(values)), np.flatnonzero(~gaps)
    result = values.copy()
    if is_switch(values):
        before = np.searchsorted(there, steps[gaps]) - 1
        result[gaps] = values[there[np.maximum(before, 0)]]
    else:
        result[gaps] = np.interp(steps[gaps], there, values[there])
    return result
