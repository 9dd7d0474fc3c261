"""Series to forecast. In: a table of times and values. Out: `TimeSeries` on even steps; to: tasks.

    time    value   holiday        one series: --time time --value value --known holiday
    time    shop    units          one series for each shop: --series shop
    time    north   south          one series for each column: --value north south

Points are aligned to even steps: rows with the same time are averaged, a step without a row is a
gap, and a point between steps is moved to the nearest. All of these are counted. If fewer than half
of the steps have a row, `every` must name a step, over which values are averaged.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from unrolled.data.notes import Notes, listed
from unrolled.data.numbers import filled, held, is_switch
from unrolled.data.tables import FileTable, read_table
from unrolled.data.times import TimeStep, floored, infer_step, parse_step, parse_times
from unrolled.errors import DataError
from unrolled.literal import quoted

TIME_NAMES = ("time", "date", "datetime", "timestamp", "ds", "day", "month", "year", "hour")
VALUE_NAMES = ("value", "values", "y", "target")
SERIES_NAMES = ("series", "series_id", "unique_id", "id")
DATE = re.compile(r"\d{4}[-/]\d{1,2}\b|\d{1,2}([-/.])\d{1,2}\1(\d{4}|\d\d)\b")
LOOKED_AT = 50  # cells of a column that are checked for dates
MANY = 0.1  # of the rows: more repeated times are not an accident
SPARSEST = 1_000  # steps for each row: with more, a time or the step is wrong
LEAST = 4  # points: two for training, two for testing


@dataclass(frozen=True)
class TimeSeries:
    """One series on even steps; `known` extends as far into the future as it is known."""

    name: str
    first: Any  # the time of step 0: datetime64[us], or an integer
    step: TimeStep
    values: Any  # (T,) float64; NaN is missing
    known: Any = field(default_factory=lambda: np.zeros((0, 0)))  # (T + future, K)
    past: Any = field(default_factory=lambda: np.zeros((0, 0)))  # (T, P)

    def __len__(self) -> int:
        return len(self.values)

    @property
    def has_dates(self) -> bool:
        return bool(np.issubdtype(np.asarray(self.first).dtype, np.datetime64))

    def times(self, start: int, stop: int) -> Any:
        """The times of steps start ... stop - 1, which may be beyond the end."""
        return self.step.at(self.first, np.arange(start, stop))

    def without_gaps(self) -> Any:
        """The values, with gaps filled by the last value before them: the next is not known."""
        there = ~np.isnan(self.values)
        last = np.maximum.accumulate(np.where(there, np.arange(len(self)), 0))
        last[: np.argmax(there)] = np.argmax(there)
        return self.values[last]

    def until(self, end: int) -> TimeSeries:
        """The series as known after `end` steps; known future covariates are kept."""
        past = self.past[:end] if self.past.size else self.past
        return TimeSeries(self.name, self.first, self.step, self.values[:end], self.known, past)


@dataclass(frozen=True)
class TimeSeriesSet:
    """The series of a file, the names of their covariates, and notes on changes."""

    series: list[TimeSeries]
    value: str
    known: list[str]
    past: list[str]
    notes: Notes

    def __len__(self) -> int:
        return len(self.series)


def read_time_series(
    path: str | Path,
    time: str | None = None,
    value: str | Sequence[str] | None = None,
    series: str | None = None,
    *,
    known: Sequence[str] = (),
    past: Sequence[str] = (),
    every: str | None = None,
) -> TimeSeriesSet:
    """The series of one file."""
    notes = Notes()
    table = read_table(path, notes)
    time = table.require(time, "--time") if time else _time_column(table, notes)
    series = table.require(series, "--series") if series else _by_name(table, SERIES_NAMES)
    for name in (*known, *past):
        table.require(name, "--known" if name in known else "--past")
    values = _value_columns(table, value, {time, series, *known, *past})
    times, there = _times(table, time)
    groups = _groups(table, series, there)
    step = parse_step(every) if every else None
    others = [one for one in table.columns if one not in (time, *values, *known, *past)]
    hint = (
        f"; if it has several series, name the column that identifies them with --series "
        f"(there are {listed(others)})"
    )
    wanted = Wanted(
        path, list(known), list(past), step, notes, hint if others and series is None else ""
    )
    wide = [*values, *known, *past]
    columns = dict(zip(wide, table.matrix(wide).T))
    result = []
    for key, rows in groups.items():
        for name in values:
            label = key if len(values) == 1 else (f"{key} {name}" if series else name)
            result.append(_one(label, times, rows, columns, name, wanted))
    result = _long_enough(result, table.path, notes)
    _tell_gaps(result, notes)
    return TimeSeriesSet(result, ", ".join(values), list(known), list(past), notes)


def series_at(name: str, times: Any, values: Any) -> TimeSeries:
    """A series of values in memory at their times, aligned to even steps like those of a file."""
    wanted = Wanted("the data", [], [], None, Notes())
    return _one(name, times, np.arange(len(times)), {name: values}, name, wanted)


@dataclass(frozen=True)
class Wanted:
    """What the series of a file have in common while they are read."""

    path: str | Path
    known: list[str]
    past: list[str]
    step: TimeStep | None
    notes: Notes
    hint: str = ""  # what to do if many rows repeat a time


def _by_name(table: FileTable, names: Sequence[str]) -> str | None:
    by_name = {name.lower(): name for name in reversed(table.columns)}
    return next((by_name[name] for name in names if name in by_name), None)


def _time_column(table: FileTable, notes: Notes) -> str | None:
    """The column with a known name, or the only one with dates."""
    found = _by_name(table, TIME_NAMES)
    if found is not None:
        return found
    dates = [name for name in table.columns if _holds_dates(table.cells(name))]
    if len(dates) != 1:
        return None
    notes.say(f"the column {dates[0]!r} contains dates and was used for the times")
    return dates[0]


def _holds_dates(cells: Any) -> bool:
    some = [str(cell).strip() for cell in cells.head(LOOKED_AT) if str(cell or "").strip()]
    return bool(some) and all(DATE.match(cell) for cell in some)


def _value_columns(
    table: FileTable, value: str | Sequence[str] | None, taken: set[str | None]
) -> list[str]:
    if value:
        names = [value] if isinstance(value, str) else list(value)
        return [table.require(name, "--value") for name in names]
    others = [name for name in table.columns if name not in taken]
    found = _by_name(table, VALUE_NAMES)
    if found in others:
        return [str(found)]
    if len(others) == 1:
        return others
    raise DataError(
        f"which column of {table.path} should be forecast? name it with --value, and the one "
        f"with the times with --time: there are {listed(others)}"
    )


def _times(table: FileTable, time: str | None) -> tuple[Any, Any]:
    """The time of each row (0 if missing), and the rows that have one."""
    if time is None:
        table.notes.say(
            "no column of times was found (--time names one): rows were read as even steps, "
            "in their order"
        )
        return np.arange(len(table)), np.arange(len(table))
    cells = table.cells(time).str.strip_chars()
    missing = cells.is_null() | (cells == "")
    table.notes.count(
        int(missing.sum()), len(table), "rows", f"had no {quoted(time)} and were left out"
    )
    there = np.flatnonzero(~missing.to_numpy())
    if not len(there):
        raise DataError(f"the column {quoted(time)} of {table.path} is empty: there are no times")
    parsed = parse_times(cells[there], time, table.path, table.notes, table.rows[there])
    times = np.zeros(len(table), parsed.dtype)
    times[there] = parsed
    return times, there


def _groups(table: FileTable, series: str | None, there: Any) -> dict[str, Any]:
    if series is None:
        return {table.path.name.partition(".")[0]: there}
    cells = table.texts(series)
    groups: dict[str, list[int]] = {}
    for row in there.tolist():
        if cells[row] is not None:
            groups.setdefault(str(cells[row]), []).append(row)
    nameless = sum(cells[row] is None for row in there.tolist())
    table.notes.count(nameless, len(table), "rows", f"had no {quoted(series)} and were left out")
    if not groups:
        raise DataError(
            f"the column {quoted(series)} of {table.path} is empty: no row names a series"
        )
    return {key: np.array(rows) for key, rows in groups.items()}


def _one(
    label: str, times: Any, rows: Any, columns: dict[str, Any], value: str, wanted: Wanted
) -> TimeSeries:
    """The rows of one series, aligned to even steps."""
    rows = rows[np.argsort(times[rows], kind="stable")]
    mine = times[rows]
    different = np.unique(mine)
    first = different[0]
    if wanted.step is not None:
        if not np.issubdtype(mine.dtype, np.datetime64):
            raise DataError(f"--every needs dates, and the times of {wanted.path} are numbers")
        first = floored(first, wanted.step)
    if len(different) < 2:
        has_dates = np.issubdtype(mine.dtype, np.datetime64)
        step = wanted.step or TimeStep(1, "second" if has_dates else "step")
    else:
        step = wanted.step or infer_step(different)
    exact = step.index(mine, first)
    index = (np.floor(exact + 1e-9) if wanted.step else np.round(exact)).astype(np.int64)
    if wanted.step is None:
        _check_even(label, exact, index, step, wanted)
        repeated = len(mine) - len(different)
        wanted.notes.count(
            repeated,
            len(mine),
            "rows",
            f"of {quoted(label)} repeat a time and were averaged with it"
            + (wanted.hint if repeated > MANY * len(mine) else ""),
        )
    length = int(index[-1]) + 1
    if wanted.step is not None:
        _check_dense(label, different, length, wanted)
    target, *covariates = (
        _averaged(columns[name][rows], index, length)
        for name in (value, *wanted.known, *wanted.past)
    )
    seen = np.flatnonzero(~np.isnan(target))
    end = int(seen[-1]) + 1 if len(seen) else 0
    known, past = covariates[: len(wanted.known)], covariates[len(wanted.known) :]
    _tell_covariates(wanted, label, known, [column[:end] for column in past])
    return TimeSeries(
        label,
        first,
        step,
        target[:end],
        _columns(known, length),
        _columns([column[:end] for column in past], end, held),
    )


def _check_dense(label: str, different: Any, length: int, wanted: Wanted) -> None:
    """Refuse sparse times: one that is a thousand years off would add millions of hourly steps."""
    if length > SPARSEST * (len(different) + LEAST):
        raise DataError(
            f"{quoted(label)} in {wanted.path} has {len(different):,} times between "
            f"{_shown(different[0])} and {_shown(different[-1])}, which are {length:,} steps of "
            f"{wanted.step}: name a longer one with --every, or correct the time that lies far "
            "off"
        )


def _shown(time: Any) -> str:
    return str(time).replace("T", " ").removesuffix(".000000")


def _check_even(label: str, exact: Any, index: Any, step: TimeStep, wanted: Wanted) -> None:
    """Require enough points on the steps, and enough steps with a point."""
    beside = np.abs(exact - index) > 1e-6
    used, length = len(np.unique(index)), int(index[-1]) + 1
    if beside.mean() > 0.1 or used < 0.5 * length:
        raise DataError(
            f"the times of {quoted(label)} in {wanted.path} have no even step: the most frequent "
            "distance "
            f"is {step}, and {used:,} of {length:,} such steps have a row; name a step over which "
            "to average with --every (1h, 1d, 1w, 1mo)"
        )
    wanted.notes.count(
        int(beside.sum()), len(index), "rows",
        f"of {quoted(label)} were between steps of {step} and were moved to the nearest",
    )  # fmt: skip


def _averaged(values: Any, index: Any, length: int) -> Any:
    """The mean of the values of each step; NaN without values."""
    there = ~np.isnan(values)
    sums = np.bincount(index[there], values[there], minlength=length)
    counts = np.bincount(index[there], minlength=length)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def _columns(columns: Sequence[Any], length: int, fill: Callable[[Any], Any] = filled) -> Any:
    """Covariates without gaps; past ones are filled only with values known at the time."""
    if not columns:
        return np.zeros((length, 0))
    return np.stack([fill(column) for column in columns], 1)


def _tell_covariates(wanted: Wanted, label: str, known: Any, past: Any) -> None:
    names = (*wanted.known, *wanted.past)
    for place, (name, column) in enumerate(zip(names, (*known, *past))):
        gaps = int(np.isnan(column).sum())
        is_past = place >= len(wanted.known)
        how = (
            "the last value before them was used"
            if is_past or is_switch(column)
            else "it was interpolated linearly"
        )
        wanted.notes.count(
            gaps, len(column), f"steps of {quoted(label)}", f"had no {quoted(name)}: {how}"
        )


def _long_enough(series: list[TimeSeries], path: Path, notes: Notes) -> list[TimeSeries]:
    kept = [one for one in series if (~np.isnan(one.values)).sum() >= LEAST]
    notes.count(
        len(series) - len(kept),
        len(series),
        "series",
        f"had fewer than {LEAST} values and were left out",
    )
    if not kept:
        raise DataError(f"no series of {path} has {LEAST} values: there is nothing to learn from")
    return kept


def _tell_gaps(series: Sequence[TimeSeries], notes: Notes) -> None:
    gaps = sum(int(np.isnan(one.values).sum()) for one in series)
    total = sum(len(one) for one in series)
    notes.count(
        gaps,
        total,
        "steps",
        "had no value: the last one before them is used, and they are not evaluated",
    )
