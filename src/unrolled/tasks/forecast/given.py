"""Converts the inputs of a forecaster. In: arrays, pandas, polars, series. Out: `TimeSeries`.

pandas and polars are not imported: their objects are recognized by the names of their types. A
column of float64 without gaps is used without a copy. Next: `layout`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from unrolled.data.times import TimeStep
from unrolled.data.timeseries import TimeSeries, TimeSeriesSet, series_at
from unrolled.errors import ArgumentError
from unrolled.literal import quoted

WANTED = (
    "a series must be an array or a list of numbers (T,), a column of pandas or polars, a "
    "TimeSeries, or a result of read_time_series"
)


def as_series(X: Any) -> list[TimeSeries]:
    """One series, or a list of them; each numeric column of a table is a series."""
    if isinstance(X, TimeSeriesSet):
        return X.series
    many = isinstance(X, (list, tuple)) and X and all(_is_one(one) for one in X)
    found = [series for one in (X if many else [X]) for series in _series_of(one)]
    unnamed = [number for number, one in enumerate(found) if not one.name]
    for number in unnamed:
        name = "series" if len(found) == 1 else f"series {number + 1}"
        found[number] = TimeSeries(name, *_parts(found[number]))
    return found


def _parts(one: TimeSeries) -> tuple[Any, ...]:
    return one.first, one.step, one.values, one.known, one.past


def _is_one(one: Any) -> bool:
    return isinstance(one, TimeSeries) or np.ndim(one) == 1


def _series_of(one: Any) -> Iterator[TimeSeries]:
    library, kind = _made_by(one)
    if isinstance(one, TimeSeries):
        yield one
    elif kind == "DataFrame" and library in ("pandas", "polars"):
        yield from _of_table(one, library)
    elif kind == "Series" and library == "pandas":
        yield _at(_name(one), _index(one), _numbers(one, _name(one)))
    elif kind == "Series" and library == "polars":
        yield _at(_name(one), None, _numbers(one, _name(one)))
    else:
        yield _at("", None, _numbers(one, ""))


def _made_by(one: Any) -> tuple[str, str]:
    return type(one).__module__.partition(".")[0], type(one).__name__


def _name(column: Any) -> str:
    return "" if column.name in (None, "") else str(column.name)


def _of_table(table: Any, library: str) -> Iterator[TimeSeries]:
    """A series for each numeric column; the times are the index or the only column of dates."""
    columns = [table[name] for name in table.columns]
    dated = [one for one in columns if np.asarray(one[:0]).dtype.kind == "M"]
    if len(dated) > 1:
        names = ", ".join(quoted(str(one.name)) for one in dated)
        raise ArgumentError(f"several columns contain dates ({names}): leave all but one out")
    times = dated[0].to_numpy() if dated else _index(table) if library == "pandas" else None
    values = [one for one in columns if not any(one is other for other in dated)]
    if not values:
        raise ArgumentError("the table has no numeric column: there is nothing to forecast")
    for one in values:
        yield _at(str(one.name), times, _numbers(one, str(one.name)))


def _index(one: Any) -> Any:
    """Dates, or ascending integers; None: the rows are even steps."""
    index = one.index
    if type(index).__name__ == "PeriodIndex":
        index = index.to_timestamp()
    if getattr(index, "tz", None) is not None:
        index = index.tz_convert("UTC").tz_localize(None)
    times = index.to_numpy()
    ascends = times.dtype.kind in "iu" and len(times) > 1 and bool((np.diff(times) > 0).all())
    return times if times.dtype.kind == "M" or ascends else None


def _numbers(column: Any, name: str) -> Any:
    """(T,) float64, NaN where a value is missing."""
    whose = f"the column {quoted(name)}" if name else "a series"
    try:
        if _made_by(column)[0] == "pandas":
            values = column.to_numpy(dtype=np.float64, na_value=np.nan)
        else:
            values = np.asarray(column)
    except (TypeError, ValueError):
        raise ArgumentError(f"{whose} does not contain only numbers: {WANTED}") from None
    if values.ndim == 1 and values.dtype.kind not in "iufb":
        raise ArgumentError(f"{whose} does not contain only numbers: {WANTED}")
    if values.ndim != 1 or not len(values):
        what = f"{type(column).__name__} of shape {values.shape} and type {values.dtype}"
        more = ""
        if values.ndim == 2:
            more = "; for an array of several series, pass a list of its columns: list(X.T)"
        raise ArgumentError(f"{WANTED}, not {what}{more}")
    values = values.astype(np.float64, copy=False)
    if np.isinf(values).any():
        raise ArgumentError(f"{whose} contains infinite numbers: use NaN for missing values")
    if np.isnan(values).all():
        raise ArgumentError(f"{whose} contains only NaN: there is nothing to train on")
    return values


def _at(name: str, times: Any, values: Any) -> TimeSeries:
    if times is None:
        empty = np.zeros((len(values), 0))
        return TimeSeries(name, np.int64(0), TimeStep(1, "step"), values, empty, empty)
    if times.dtype.kind == "M":
        if np.isnat(times).any():
            raise ArgumentError(
                f"row {int(np.isnat(times).argmax()) + 1} has no time: leave it out"
            )
        times = times.astype("datetime64[us]")
    else:
        times = times.astype(np.int64)
    return series_at(name, times, values)
