"""Series as people have them: lists, arrays, columns and tables of pandas and polars."""

from datetime import date

import numpy as np
import pandas as pd
import polars as pl
import pytest

from unrolled.errors import ArgumentError
from unrolled.tasks.forecast.given import as_series

VALUES = np.arange(30.0)


@pytest.mark.parametrize(
    "given",
    [VALUES, VALUES.tolist(), tuple(VALUES), pd.Series(VALUES), pl.Series(VALUES)],
    ids=["array", "list", "tuple", "pandas", "polars"],
)
def test_one_series(given) -> None:
    (found,) = as_series(given)
    assert found.name == "series"
    assert found.values.dtype == np.float64
    assert found.values.tolist() == VALUES.tolist()


def test_arrays_are_read_where_they_lie() -> None:
    assert np.shares_memory(as_series(VALUES)[0].values, VALUES)
    column = pl.Series(VALUES)
    assert np.shares_memory(as_series(column)[0].values, column.to_numpy())


def test_several_series_keep_their_names() -> None:
    named, plain = pd.Series(VALUES, name="north"), VALUES
    assert [one.name for one in as_series([named, plain])] == ["north", "series 2"]
    table = pd.DataFrame({"a": VALUES, "b": VALUES})
    assert [one.name for one in as_series(table)] == ["a", "b"]


def test_the_times_are_those_of_the_index_or_of_the_column_of_dates() -> None:
    months = pd.Series(VALUES, index=pd.period_range("2020-01", periods=30, freq="M"))
    hours = pd.DataFrame(
        {"x": VALUES}, index=pd.date_range("2020", periods=30, freq="h", tz="Europe/Berlin")
    )
    days = pl.DataFrame(
        {"day": pl.date_range(date(2020, 1, 1), date(2020, 1, 30), eager=True), "x": VALUES}
    )
    found = [as_series(one)[0] for one in (months, hours, days)]
    assert [str(one.step) for one in found] == ["1 month", "1 hour", "1 day"]
    firsts = [str(one.first)[:16] for one in found]
    assert firsts == ["2020-01-01T00:00", "2019-12-31T23:00", "2020-01-01T00:00"]


def test_an_index_of_numbers_says_the_steps() -> None:
    years = pd.Series(VALUES, index=np.arange(1990, 2020))
    assert as_series(years)[0].times(30, 31).tolist() == [2020]
    doubled = pd.concat([years, years])  # no times: rows as they stand
    assert len(as_series(doubled)[0]) == 60


def test_what_is_missing_is_a_gap() -> None:
    for column in (pd.Series([1, None, 3], dtype="Int64"), pl.Series([1, None, 3])):
        assert np.isnan(as_series(column)[0].values).tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (np.zeros((3, 4)), r"pass a list of its columns: list\(X.T\)"),
        (pl.DataFrame({"x": ["a"]}), "the column 'x' does not contain only numbers"),
        (pd.DataFrame({"n": ["a", "b"]}), "the column 'n' does not contain only numbers"),
        (["a", "b"], "a series does not contain only numbers"),
        ({"a": 1}, "not dict"),
        ([], r"not list of shape \(0,\)"),
        (pd.DataFrame({"d": pd.to_datetime(["2020"])}), "the table has no numeric column"),
        (
            pd.DataFrame({"d": pd.to_datetime(["2020"]), "e": pd.to_datetime(["2020"])}),
            "several columns contain dates",
        ),
        (
            pl.DataFrame({"d": [date(2020, 1, 1), None], "x": [1.0, 2.0]}),
            "row 2 has no time: leave it out",
        ),
    ],
    ids=["square", "polars", "pandas", "words", "dict", "empty", "dates", "twice", "no time"],
)
def test_what_is_no_series_is_refused(given, message) -> None:
    with pytest.raises(ArgumentError, match=message):
        as_series(given)
