"""Numeric series with labels. In: CSV, .npz, .ts. Out: `SeriesSet`; next: classify.

    wide CSV   a row for each series: a label, and a column for each step (x_1 x_2 ... y_1 y_2 ...
               for two channels); empty cells at the end mean a shorter series
    long CSV   a row for each step: its series, its time (or the order of the file), the label,
               and a column for each channel
    .npz       x (series, steps[, channels]) or x (steps, channels) with `lengths`, and y

Gaps inside a series are interpolated linearly, counted and reported.
"""

from __future__ import annotations

import lzma
import tokenize
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from unrolled.data.labels import CLASSES, LABEL_NAMES, Answers
from unrolled.data.notes import Notes, listed
from unrolled.data.numbers import LARGEST, filled, is_switch
from unrolled.data.opening import existing, kind_of, refuse_what_does_not_fit
from unrolled.data.tables import FileTable, read_table
from unrolled.data.ts_format import read_ts
from unrolled.errors import DataError
from unrolled.literal import because, quoted

NPZ_DAMAGE = (OSError, EOFError, zipfile.BadZipFile, zlib.error, lzma.LZMAError,
              NotImplementedError, SyntaxError, KeyError, tokenize.TokenError)  # fmt: skip
SERIES_NAMES = ("series", "series_id", "id", "case", "sample")
TIME_NAMES = ("time", "timestamp", "date", "step", "t")


@dataclass(frozen=True)
class SeriesSet:
    """Series (T, channels) of float32 without gaps, and the label of each, if there are any."""

    values: list[Any]
    labels: list[str] | None
    channels: list[str]
    rows: list[str]  # the name of each series, or its row or line
    notes: Notes
    lines: list[Any] = field(default_factory=list)  # of a table: the rows of each, from 1

    def __len__(self) -> int:
        return len(self.values)


def read_series(
    path: str | Path | FileTable,
    label: str | None = None,
    series: str | None = None,
    time: str | None = None,
    *,
    times: str | None = None,
    labelled: bool = True,
    learning: bool = True,
    answers: Answers = CLASSES,
) -> SeriesSet:
    """The series of one file or table; with `learning`, several classes are required. `times` names
    a column of dates or numbers, which orders the rows and becomes the last channel: the time since
    the first row of the series. Missing values are then kept."""
    notes = path.notes if isinstance(path, FileTable) else Notes()
    where = path.path if isinstance(path, FileTable) else existing(path)
    kind = ".csv" if isinstance(path, FileTable) else kind_of(where)
    if kind in (".ts", ".npz"):
        _refuse_columns(where, label=label, series=series, time=time, times=times)
    lines: list[Any] = []
    if kind in (".ts", ".npz"):
        values, labels = read_ts(where, notes) if kind == ".ts" else read_npz(where)
        names, rows = _numbered("channel", values[0].shape[1]), _numbered("series", len(values))
    else:
        table = read_table(path, notes)
        values, labels, names, rows, lines, label = _of_table(
            table, label, series, time, times, labelled, answers
        )
    if labelled and labels is None:
        raise DataError(f"{where} has no {answers.what}s, and training needs one for each series")
    if labels is not None and labelled:
        column = label or answers.what
        kept, labels = _with_answers(labels, column, where, answers, notes, learning)
        values, rows = [values[i] for i in kept], [rows[i] for i in kept]
        lines = [lines[i] for i in kept] if lines else lines
    kept_as_read = values if times is not None else _without_gaps(values, notes)
    return SeriesSet(kept_as_read, labels, names, rows, notes, lines)


def _of_table(
    table: FileTable,
    label: str | None,
    series: str | None,
    time: str | None,
    times: str | None,
    labelled: bool,
    answers: Answers,
) -> tuple[list[Any], list[Any] | None, list[str], list[str], list[Any], str | None]:
    """Values, labels, names of channels and of rows, lines, and the column of labels."""
    label = _label_column(table, label, labelled, answers)
    if series is not None:
        table.require(series, "--series")
        _refuse_names_of_rows(table, series)
    found = _named(table, SERIES_NAMES, label)
    is_name = series is None and found is not None and _has_one_row_each(table, found)
    series = series or (None if is_name else found)
    if series is not None:
        when = _one_time(time, times)
        return *_long(table, series, label, when, answers, timed=times is not None), label
    if time is not None or times is not None:
        option = "--time" if times is None else "--times"
        raise DataError(
            f"{option} names the time of each step, for tables with a row for each step: if "
            f"{table.path} is one, name the column that identifies the series with --series, too; "
            f"if each row is a whole series, leave {option} out"
        )
    return *_wide(table, label, found, answers), label


def _with_answers(
    labels: Sequence[Any], column: str, where: Path, answers: Answers, notes: Notes, learning: bool
) -> tuple[list[int], list[str]]:
    """The indices of the series that have a target, and the targets."""
    said = answers.read(labels, column, where, notes)
    kept = [i for i, one in enumerate(said) if one is not None]
    notes.count(
        len(said) - len(kept), len(said), "series", f"had no {answers.what} and were left out"
    )
    found = [str(said[i]) for i in kept]
    if learning:
        answers.check(found, column, notes)
    return kept, found


def _one_time(time: str | None, times: str | None) -> str | None:
    if time is not None and times is not None and time != times:
        raise DataError(f"--times {times} already orders the rows: leave --time {time} out")
    return times or time


def _refuse_columns(path: Path, **columns: str | None) -> None:
    given = [name for name, value in columns.items() if value]
    if given:
        raise DataError(
            f"--{given[0]} names a column of a table, and {path} has no columns (its content is "
            "named x and y, or is in its lines): leave it out"
        )


def _numbered(word: str, count: int) -> list[str]:
    return [f"{word} {i + 1}" for i in range(count)]


def _without_gaps(values: Sequence[Any], notes: Notes) -> list[Any]:
    results, gaps, held, total = [], 0, 0, 0
    for one in values:
        columns = [filled(one[:, c]) for c in range(one.shape[1])]
        counts = [int(np.isnan(one[:, c]).sum()) for c in range(one.shape[1])]
        held += sum(n for c, n in enumerate(counts) if is_switch(one[:, c]))
        gaps += sum(counts)
        total += one.size
        results.append(np.stack(columns, 1).astype(np.float32))
    notes.count(
        gaps - held, total, "values",
        "were missing and were interpolated linearly",
    )  # fmt: skip
    notes.count(
        held, total, "values",
        "were missing in a column of 0 and 1 and were replaced by the value before them",
    )  # fmt: skip
    return results


def _named(table: FileTable, names: Sequence[str], but: str | None = None) -> str | None:
    by_name = {name.lower(): name for name in reversed(table.columns) if name != but}
    return next((by_name[name] for name in names if name in by_name), None)


def _label_column(
    table: FileTable, label: str | None, labelled: bool, answers: Answers
) -> str | None:
    """The column of the targets; if not given, it is found by its name, as in training, since the
    target must not be an input."""
    if label is not None:
        return table.require(label, answers.option) if labelled or table.has(label) else None
    found = _named(table, LABEL_NAMES)
    if found is None and labelled:
        raise DataError(
            f"which column of {table.path} contains the {answers.what}s? name it with "
            f"{answers.option}: there are "
            f"{listed(table.columns)}"
        )
    return found


Read = tuple[list[Any], list[Any] | None, list[str], list[str], list[Any]]


def _has_one_row_each(table: FileTable, series: str) -> bool:
    cells = [cell for cell in table.texts(series) if cell is not None]
    return len(cells) > 1 and len(set(cells)) == len(cells)


def _refuse_names_of_rows(table: FileTable, series: str) -> None:
    if _has_one_row_each(table, series):
        raise DataError(
            f"the column {quoted(series)} of {table.path} has a different value in each row, so "
            "each "
            "series would have a single step: leave --series out if each row is a whole series"
        )


def _wide(table: FileTable, label: str | None, called: str | None, answers: Answers) -> Read:
    """A table with a row for each series; the column `called` has their names, if given."""
    names = [name for name in table.columns if name not in (label, called)]
    if called is not None:
        table.notes.say(
            f"the column {quoted(called)} has a different value in each row: it was read as the "
            "name of "
            "the series, with a whole series in each row"
        )
    channels = _channels(names)
    labels = table.texts(label) if label is not None else None
    every = labels is None or answers.separator is not None
    kept = [i for i in range(len(table)) if every or labels is None or (labels[i] or "").strip()]
    table.notes.count(
        len(table) - len(kept), len(table), "rows", f"had no {answers.what} and were left out"
    )
    cube = np.stack([table.matrix(steps) for steps in channels.values()], 2)
    values, there = [], []
    for i in kept:
        seen = np.flatnonzero(~np.isnan(cube[i]).all(1))
        if len(seen):
            values.append(cube[i, : seen[-1] + 1])
            there.append(i)
    table.notes.count(len(kept) - len(there), len(table), "rows", "had no values and were left out")
    if not values:
        raise DataError(f"no row of {table.path} has a label and values")
    chosen = None if labels is None else [labels[i] for i in there]
    said = None if called is None else table.texts(called)
    rows = [f"row {table.rows[i]}" if said is None else str(said[i]) for i in there]
    return values, chosen, list(channels), rows, [[table.rows[i]] for i in there]


def _channels(names: Sequence[str]) -> dict[str, list[str]]:
    """The columns of each channel in file order: one channel, unless their names differ."""
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(_channel(name), []).append(name)
    lengths = {len(group) for group in groups.values()}
    if len(groups) > 1 and len(lengths) == 1 and lengths != {1}:
        return {name or "value": group for name, group in groups.items()}
    return {"value": list(names)}


def _channel(name: str) -> str:
    """`x` for `x_12`: the name of a column without the number of its step."""
    stem = name.rstrip("0123456789")
    if stem == name:
        return name
    return stem[:-1] if stem.endswith(tuple("_.- ")) else stem


def _long(
    table: FileTable,
    series: str,
    label: str | None,
    time: str | None,
    answers: Answers,
    *,
    timed: bool = False,
) -> Read:
    """A table with a row for each step. If `timed`, the last channel is the time of each step."""
    option = "--times" if timed else "--time"
    time = table.require(time, option) if time else _named(table, TIME_NAMES, label)
    names = [name for name in table.columns if name not in (series, label, time)]
    if not names:
        raise DataError(f"{table.path} has no column with values beside {listed([series])}")
    matrix = table.matrix(names)
    order, keys = _in_time(table, time)
    cells = table.texts(series)
    groups: dict[str, list[int]] = {str(cell): [] for cell in cells if cell is not None}
    for i in order:
        if cells[i] is not None:
            groups[str(cells[i])].append(i)
    nameless = sum(cell is None for cell in cells)
    table.notes.count(nameless, len(table), "rows", f"had no {quoted(series)} and were left out")
    labels = None
    if label is not None:
        said = table.texts(label)
        labels = [
            _one_label(table, key, {said[i] for i in rows}, answers) for key, rows in groups.items()
        ]
    lines = [table.rows[rows] for rows in groups.values()]
    if not timed:
        return [matrix[rows] for rows in groups.values()], labels, names, list(groups), lines
    empty = [key for key, rows in groups.items() if not rows]
    if empty:
        raise DataError(f"the series {quoted(empty[0])} of {table.path} has no row with a {time!r}")
    passed = [keys[rows] - keys[rows[0]] for rows in groups.values()]
    values = [np.column_stack([matrix[rows], since])
              for rows, since in zip(groups.values(), passed, strict=True)]  # fmt: skip
    return values, labels, [*names, str(time)], list(groups), lines


def _in_time(table: FileTable, time: str | None) -> tuple[list[int], Any]:
    """The rows that have a time, sorted by it, and the time of each row of the table as a number
    (seconds for dates)."""
    if time is None:
        return list(range(len(table))), np.arange(len(table), dtype=np.float64)
    cells = table.texts(time)
    missing = sum(cell is None for cell in cells)
    table.notes.count(missing, len(table), "rows", f"had no {time!r} and were left out")
    there = [i for i, cell in enumerate(cells) if cell is not None]
    try:
        keys: list[Any] = [float(str(cells[i])) for i in there]
    except ValueError:
        from unrolled.data.times import parse_times

        keys = list(parse_times(table.cells(time)[there], time, table.path, table.notes))
    found = np.array(keys)
    if np.issubdtype(found.dtype, np.datetime64):
        found = found.astype("datetime64[us]").astype(np.int64) / 1e6
    if not np.isfinite(found).all():
        raise DataError(f"the column {quoted(time)} of {table.path} has a time that is not finite")
    every = np.full(len(table), np.nan)
    every[there] = found
    return [there[i] for i in np.argsort(found, kind="stable")], every


def _one_label(table: FileTable, key: str, said: set[str | None], answers: Answers) -> str:
    known = sorted(one for one in said if one)
    if not known and answers.separator is not None:
        return ""
    if len(known) != 1:
        raise DataError(
            f"the series {quoted(key)} of {table.path} has "
            f"{listed(known) or f'no {answers.what}'}: each series has one {answers.what}, the"
            " same in all of its rows"
        )
    return known[0]


def read_npz(path: Path) -> tuple[list[Any], list[str] | None]:
    """The arrays of a .npz file; pickled objects are never loaded."""
    arrays = npz_arrays(path)
    by_name = {name.lower(): array for name, array in arrays.items()}
    x = next((by_name[n] for n in ("x", "data", "series", "values") if n in by_name), None)
    y = next((by_name[n] for n in ("y", "labels", "label", "target") if n in by_name), None)
    if x is None:
        raise DataError(
            f"{path} contains {listed(list(arrays))}: name the series x (series, steps, channels) "
            "and the labels y"
        )
    if not np.issubdtype(x.dtype, np.number) or np.issubdtype(x.dtype, np.complexfloating):
        raise DataError(f"{path}: x is of type {x.dtype}, and series must be real numbers")
    series = _split(path, x.astype(np.float64), by_name.get("lengths"))
    if not series or not series[0].size:
        raise DataError(f"{path}: x is empty: its shape is {x.shape}")
    if any(not len(one) for one in series):
        raise DataError(f"{path}: a series has 0 steps")
    if any((np.abs(one) > LARGEST).any() for one in series):
        raise DataError(
            f"{path}: x contains infinite numbers, or some beyond {LARGEST:.1e}: use NaN for "
            "missing values, and rescale larger ones"
        )
    return series, None if y is None else _labels(path, y, len(series))


def _labels(path: Path, y: Any, count: int) -> list[str]:
    """One label for each series, a text or a number."""
    if y.shape != (count,):
        raise DataError(f"{path} contains {count} series, but y has the shape {y.shape}")
    if y.dtype.kind not in "USiufb":
        raise DataError(f"{path}: y is of type {y.dtype}, and labels must be texts or numbers")
    try:
        return [one.decode() if isinstance(one, bytes) else str(one) for one in y.tolist()]
    except UnicodeDecodeError:
        raise DataError(f"{path}: y contains bytes that are not UTF-8: write texts") from None


def npz_arrays(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as raw:
            refuse_what_does_not_fit(path, _unpacked_size(path))
            file = np.load(raw, allow_pickle=False)
            if isinstance(file, np.ndarray):
                raise DataError(f"{path} is one array: save it with numpy.savez(x=..., y=...)")
            return {name: file[name] for name in file.files}
    except ValueError as error:
        if "allow_pickle" in str(error) or "Object arrays" in str(error):
            raise DataError(
                f"{path} holds Python objects, which can contain code and are never loaded: save "
                "plain numbers, with all series concatenated in x and their `lengths`"
            ) from None
        raise DataError(f"{path} is not a .npz file ({because(error)})") from None
    except NPZ_DAMAGE as error:
        raise DataError(f"{path} is not a complete .npz file ({because(error)})") from None
    except MemoryError:
        raise DataError(
            f"{path} declares an array that does not fit into memory: it is damaged, or must be "
            "split"
        ) from None


def _unpacked_size(path: Path) -> int:
    if not zipfile.is_zipfile(path):
        return 0
    with zipfile.ZipFile(path) as archive:
        return sum(one.file_size for one in archive.infolist())


def _split(path: Path, x: Any, lengths: Any) -> list[Any]:
    if lengths is not None:
        x = x[:, None] if x.ndim == 1 else x
        if lengths.ndim != 1 or lengths.dtype.kind not in "iu" or (lengths < 0).any():
            raise DataError(
                f"{path}: lengths is of type {lengths.dtype} and shape {lengths.shape}, and must "
                "have one integer of at least 1 for each series"
            )
        total = sum(lengths.tolist())
        if x.ndim != 2 or total != len(x):
            raise DataError(
                f"{path}: lengths add up to {total}, and x has the shape {x.shape}; "
                "with lengths, x must be (all steps, channels)"
            )
        return list(np.split(x, np.cumsum(lengths)[:-1])) if total else []
    if x.ndim == 2:
        x = x[:, :, None]
    if x.ndim != 3:
        raise DataError(
            f"{path}: x has the shape {x.shape}, and must be (series, steps) or (series, steps, "
            "channels)"
        )
    return list(x)
