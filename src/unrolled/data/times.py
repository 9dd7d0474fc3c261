"""Points in time. In: cells such as `2010-01-01 00:00`. Out: datetime64, and the step between them.

Supported are ISO dates and times (those with an offset become UTC), 2010/01/31, 31.01.2010,
01/31/2010, 20100131, years, seconds and milliseconds since 1970; other integers are steps. Whether
01/02/2010 is in January or in February is decided by which of the two gives more even steps, and
reported. Next: `timeseries`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from unrolled.data.notes import Notes
from unrolled.errors import DataError
from unrolled.literal import quoted

HOURS = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S%.f", "T%H:%M", "T%H:%M:%S", "T%H:%M:%S%.f")
OFFSETS = ("%:z", "Z", " %:z", "%z")
DAYS = ("%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%Y.%m.%d", "%d-%m-%Y", "%d %b %Y", "%b %d, %Y",
        "%b-%d-%Y", "%d-%b-%Y")  # fmt: skip
EITHER = ("%d/%m/%Y", "%m/%d/%Y")
SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800}
LETTERS = {"s": "second", "min": "minute", "h": "hour", "d": "day", "w": "week", "mo": "month",
           "y": "year"}  # fmt: skip


@dataclass(frozen=True)
class TimeStep:
    """The distance between points: `count` times a unit ("step": the points are plain numbers)."""

    count: int
    unit: str  # "step", "second", "weekday" or "month"

    def __str__(self) -> str:
        count, unit = self.count, self.unit
        if unit == "second":
            unit = next(u for u in reversed(SECONDS) if count % SECONDS[u] == 0)
            count //= SECONDS[unit]
        elif unit == "month" and count % 12 == 0:
            count, unit = count // 12, "year"
        return f"{count} {unit}{'' if count == 1 else 's'}"

    def index(self, times: Any, first: Any) -> Any:
        """The number of steps from the first to each point; fractional between two steps."""
        if self.unit == "step":
            return (times - first) / self.count
        if self.unit == "month":
            months = times.astype("datetime64[M]").astype(np.int64)
            return (months - first.astype("datetime64[M]").astype(np.int64)) / self.count
        if self.unit == "weekday":
            day = np.datetime64(first, "D")
            return np.busday_count(day, times.astype("datetime64[D]")).astype(np.float64)
        return (times - first) / np.timedelta64(self.count * 1_000_000, "us")

    def at(self, first: Any, index: Any) -> Any:
        """The points at these numbers of steps after the first."""
        index = np.asarray(index)
        if self.unit == "step":
            return first + self.count * index
        if self.unit == "month":
            month = first.astype("datetime64[M]")
            months = month + self.count * index
            if np.datetime64(first, "D") == _last_day(month):
                days = _last_day(months)
            else:
                day = (np.datetime64(first, "D") - month.astype("datetime64[D]")).astype(int)
                days = np.minimum(months.astype("datetime64[D]") + day, _last_day(months))
            return days.astype("datetime64[us]") + (first - np.datetime64(first, "D"))
        if self.unit == "weekday":
            days = np.busday_offset(np.datetime64(first, "D"), index, roll="forward")
            return days.astype("datetime64[us]") + (first - np.datetime64(first, "D"))
        return first + np.timedelta64(self.count * 1_000_000, "us") * index


def _last_day(month: Any) -> Any:
    return (month + 1).astype("datetime64[D]") - 1


def parse_times(
    cells: pl.Series, column: str, path: Path | str, notes: Notes, rows: Any = None
) -> Any:
    """Parse cells to datetime64[us], or to int64 for step numbers; no cell may be missing."""
    words = _with_days(cells.str.strip_chars())
    numbers = words.cast(pl.Int64, strict=False)
    if numbers.null_count() == 0:
        return _from_numbers(numbers.to_numpy())
    best: tuple[int, Any] = (0, None)
    for day in DAYS:
        parsed = _parsed(words, day)
        if parsed.null_count() == 0:
            return _as_numpy(parsed)
        best = max(best, (parsed.len() - parsed.null_count(), parsed), key=lambda one: one[0])
    either = [_parsed(words, day) for day in EITHER]
    whole = [parsed for parsed in either if parsed.null_count() == 0]
    if len(whole) == 2:
        return _decide(words, [_as_numpy(parsed) for parsed in whole], column, path, notes)
    if whole:
        return _as_numpy(whole[0])
    for parsed in either:
        best = max(best, (parsed.len() - parsed.null_count(), parsed), key=lambda one: one[0])
    place = 0 if best[1] is None else int(best[1].is_null().arg_max() or 0)
    raise DataError(
        f"row {place + 1 if rows is None else rows[place]:,} of {path} has "
        f"{str(words[place])[:40]!r} in the column {quoted(column)}, which is not a date: write "
        "2010-01-31 or 2010-01-31 13:00"
    )


def _with_days(words: pl.Series) -> pl.Series:
    """Months (2010-01, 2010/1) and quarters (2010Q1, 2010-Q1) as their first days."""
    if words.str.contains(r"^\d{4}[-/]\d{1,2}$").all():
        return words.str.replace("/", "-", literal=True) + "-01"
    if words.str.contains(r"^\d{4}[- ]?[Qq][1-4]$").all():
        month = (words.str.tail(1).cast(pl.Int64) * 3 - 2).cast(pl.String)
        return words.str.head(4) + "-" + month + "-01"
    return words


def _parsed(words: pl.Series, day: str) -> pl.Series:
    """Cells that match the format of the day with any time of day; the rest is null."""
    best = pl.Series([None] * len(words), dtype=pl.Datetime("us"))
    for hours in HOURS:
        form = day + hours
        parsed = words.str.to_datetime(form, strict=False, time_unit="us")
        best = best.fill_null(parsed)
        if best.null_count() == 0:
            return best
    for hours in HOURS[1:]:
        for offset in OFFSETS:
            form = day + hours + offset
            if offset == "Z":
                parsed = words.str.to_datetime(form, strict=False, time_unit="us")
            else:
                parsed = words.str.to_datetime(
                    form, strict=False, time_unit="us", time_zone="UTC"
                ).dt.replace_time_zone(None)
            best = best.fill_null(parsed)
            if best.null_count() == 0:
                return best
    return best


def _as_numpy(parsed: pl.Series) -> Any:
    return parsed.to_numpy().astype("datetime64[us]")


def _from_numbers(numbers: Any) -> Any:
    """Years, days written in eight digits, seconds or milliseconds since 1970; or steps."""
    low, high = int(numbers.min()), int(numbers.max())
    if low >= 1000 and high <= 2999:
        return (numbers - 1970).astype("datetime64[Y]").astype("datetime64[us]")
    if low >= 10_000_000 and high <= 29_991_231:
        words = pl.Series(numbers).cast(pl.String)
        days = words.str.to_datetime("%Y%m%d", strict=False, time_unit="us")
        if days.null_count() == 0:
            return _as_numpy(days)
    if low >= 100_000_000 and high < 10_000_000_000:
        return numbers.astype("datetime64[s]").astype("datetime64[us]")
    if low >= 100_000_000_000 and high < 10_000_000_000_000:
        return numbers.astype("datetime64[ms]").astype("datetime64[us]")
    return numbers.astype(np.int64)


def _decide(
    words: pl.Series, both: Sequence[Any], column: str, path: Path | str, notes: Notes
) -> Any:
    """Choose day first or month first, whichever gives more even steps."""
    if np.array_equal(both[0], both[1]):
        return both[0]
    evenness = [_evenness(np.unique(times)) for times in both]
    if evenness[0] == evenness[1]:
        raise DataError(
            f"{path}: {quoted(words[0])} in the column {quoted(column)} can be read with the day "
            "first or "
            "the month first: write 2010-01-31"
        )
    chosen = int(np.argmax(evenness))
    form = ("day/month/year", "month/day/year")[chosen]
    notes.say(
        f"dates such as {quoted(words[0])} were read as {form}, which gives the more even steps"
    )
    return both[chosen]


def _evenness(times: Any) -> float:
    """The share of the steps between the first and the last point that have a point."""
    if len(times) < 2:
        return 1.0
    step = infer_step(times)
    return len(times) / (float(step.index(times[-1:], times[0])[0]) + 1)


def floored(time: Any, step: TimeStep) -> Any:
    """The beginning of the step that contains a point: weeks begin on Mondays, days at 0:00."""
    if step.unit == "month":
        months = time.astype("datetime64[M]").astype(np.int64)
        return np.datetime64(int(months // step.count * step.count), "M").astype("datetime64[us]")
    monday = np.datetime64("1970-01-05", "us")
    index = np.floor(step.index(np.array([time]), monday)).astype(np.int64)
    return step.at(monday, index)[0]


def parse_step(text: str) -> TimeStep:
    """`15min`, `1h`, `1d`, `1w`, `1mo`, `1y`."""
    count, letters = text.rstrip("abcdefghijklmnopqrstuvwxyz"), text.lstrip("0123456789")
    unit = LETTERS.get(letters)
    if unit is None or not (count or "1").isdigit() or int(count or 1) < 1:
        raise DataError(f"{text!r} is not a step: write 15min, 1h, 1d, 1w, 1mo or 1y")
    number = int(count or 1)
    if unit in ("month", "year"):
        return TimeStep(number * (12 if unit == "year" else 1), "month")
    return TimeStep(number * SECONDS[unit], "second")


def infer_step(times: Any) -> TimeStep:
    """The most frequent distance between sorted, distinct points."""
    if not np.issubdtype(times.dtype, np.datetime64):
        return TimeStep(int(_commonest(np.diff(times))), "step")
    months = np.diff(times.astype("datetime64[M]").astype(np.int64))
    days = times.astype("datetime64[D]")
    of_month = (days - days.astype("datetime64[M]").astype("datetime64[D]")).astype(int)
    is_last = days == _last_day(days.astype("datetime64[M]"))
    if (months > 0).all() and (len(np.unique(of_month)) == 1 or is_last.all()):
        return TimeStep(int(_commonest(months)), "month")
    gaps = np.diff(times)
    step = _commonest(gaps.astype(np.int64))
    seconds = max(1, round(int(step) / 1e6))
    if seconds == SECONDS["day"] and len(times) > 14 and np.is_busday(days).all():
        return TimeStep(1, "weekday")
    return TimeStep(seconds, "second")


def _commonest(values: Any) -> Any:
    known, counts = np.unique(values, return_counts=True)
    return known[counts.argmax()]
