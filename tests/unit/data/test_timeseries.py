"""Points in time, even steps, and what happens to rows that do not lie on them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.tolerances import FIGURE, assert_agrees
from unrolled.data.calendar import cycles_of, features, season_of
from unrolled.data.notes import Notes
from unrolled.data.times import TimeStep, infer_step, parse_step, parse_times
from unrolled.data.timeseries import read_time_series


def parsed(cells: list[str]) -> list[str]:
    return [str(one)[:16] for one in parse_times(pl.Series(cells), "t", "file", Notes())]


@pytest.mark.parametrize(
    ("cell", "wanted"),
    [
        ("2010-01-31", "2010-01-31T00:00"),
        ("2010-01-31 13:05", "2010-01-31T13:05"),
        ("2010-01-31T13:05:59.25", "2010-01-31T13:05"),
        ("2010-01-31T13:05:00Z", "2010-01-31T13:05"),
        ("2010-01-31T13:05:00+02:00", "2010-01-31T11:05"),
        ("2010/01/31 13:05:00", "2010-01-31T13:05"),
        ("31.01.2010", "2010-01-31T00:00"),
        ("31/01/2010", "2010-01-31T00:00"),
        ("01/31/2010 13:05", "2010-01-31T13:05"),
        ("20100131", "2010-01-31T00:00"),
        ("2010-01", "2010-01-01T00:00"),
        ("2010Q3", "2010-07-01T00:00"),
        ("Jan-31-2010", "2010-01-31T00:00"),
        ("2010", "2010-01-01T00:00"),
        ("1264943100", "2010-01-31T13:05"),
        ("1264943100000", "2010-01-31T13:05"),
    ],
)
def test_formats(cell: str, wanted: str) -> None:
    assert parsed([cell]) == [wanted]


def test_day_or_month_first() -> None:
    """The first of each month for two years, and not twelve days of two Januaries."""
    notes = Notes()
    cells = [f"{month:02}/01/{year}" for year in (2010, 2011) for month in range(1, 13)]
    times = parse_times(pl.Series(cells), "t", "file", notes)
    assert str(times[9])[:10] == "2010-10-01"
    assert notes.sentences == [
        "dates such as '01/01/2010' were read as month/day/year, which gives the more even steps"
    ]
    other = [cell[3:6] + cell[:3] + cell[6:] for cell in cells]
    assert np.array_equal(parse_times(pl.Series(other), "t", "file", notes), times)


def test_plain_numbers_are_steps() -> None:
    times = parse_times(pl.Series(["0", "5", "10"]), "t", "file", Notes())
    assert times.tolist() == [0, 5, 10]
    assert infer_step(times) == TimeStep(5, "step")


def times_from(first: str, step: TimeStep, count: int) -> np.ndarray:  # type: ignore[type-arg]
    return np.asarray(step.at(np.datetime64(first, "us"), np.arange(count)))


@pytest.mark.parametrize(
    ("first", "step", "words", "season"),
    [
        ("2010-01-01T00:30", TimeStep(3600, "second"), "1 hour", 24),
        ("2010-01-01", TimeStep(900, "second"), "15 minutes", 96),
        ("2010-01-01", TimeStep(86_400, "second"), "1 day", 7),
        ("2010-01-01", TimeStep(604_800, "second"), "1 week", 52),
        ("2010-01-15", TimeStep(1, "month"), "1 month", 12),
        ("2010-01-31", TimeStep(1, "month"), "1 month", 12),
        ("2010-01-01", TimeStep(3, "month"), "3 months", 4),
        ("2010-01-01", TimeStep(12, "month"), "1 year", 1),
        ("2010-01-01", TimeStep(1, "weekday"), "1 weekday", 5),
    ],
)
def test_steps(first: str, step: TimeStep, words: str, season: int) -> None:
    times = times_from(first, step, 40)
    assert infer_step(times) == step
    assert str(step) == words
    assert season_of(step) == season
    assert step.index(times, times[0]).tolist() == list(range(40))


def test_the_last_day_of_each_month() -> None:
    times = times_from("2010-01-31", TimeStep(1, "month"), 4)
    assert [str(one)[:10] for one in times] == [
        "2010-01-31", "2010-02-28", "2010-03-31", "2010-04-30"
    ]  # fmt: skip


def test_steps_that_are_named() -> None:
    assert parse_step("15min") == TimeStep(900, "second")
    assert parse_step("h") == TimeStep(3600, "second")
    assert parse_step("2w") == TimeStep(1_209_600, "second")
    assert parse_step("1y") == TimeStep(12, "month")


def written(path: Path, rows: list[str]) -> Path:
    path.write_text("\n".join(rows) + "\n")
    return path


def test_gaps_and_repeats(tmp_path: Path) -> None:
    rows = ["date,value"]
    rows += [f"2024-01-{day:02},{day}" for day in range(1, 21) if day not in (5, 6)]
    rows += ["2024-01-03,5", "2024-01-09,"]
    found = read_time_series(written(tmp_path / "s.csv", rows))
    one = found.series[0]
    assert len(one) == 20
    assert one.values[2] == 4  # the mean of 3 and 5
    assert np.flatnonzero(np.isnan(one.values)).tolist() == [4, 5]
    assert one.without_gaps()[3:7].tolist() == [4, 4, 4, 7]
    assert found.notes.sentences == [
        "2 of 20 rows of 's' repeat a time and were averaged with it",
        "2 of 20 steps had no value: the last one before them is used, and they are not evaluated",
    ]
    assert str(one.times(20, 21)[0])[:10] == "2024-01-21"


def test_order_of_the_file_does_not_matter(tmp_path: Path) -> None:
    rows = [f"2024-01-{day:02},{day}" for day in range(1, 21)]
    one = read_time_series(written(tmp_path / "a.csv", ["date,value", *rows])).series[0]
    other = read_time_series(written(tmp_path / "b.csv", ["date,value", *rows[::-1]])).series[0]
    assert np.array_equal(one.values, other.values)


def test_irregular_times_are_averaged_when_asked(tmp_path: Path) -> None:
    rows = ["time,value", "2024-01-01 00:10,1", "2024-01-01 17:00,3", "2024-01-03 01:00,5"]
    rows += ["2024-01-04 02:00,7", "2024-01-04 02:03,9", "2024-01-05 23:00,11"]
    one = read_time_series(written(tmp_path / "s.csv", rows), every="1d").series[0]
    assert np.array_equal(one.values, [2, np.nan, 5, 8, 11], equal_nan=True)
    assert str(one.first)[:16] == "2024-01-01T00:00"


def test_many_series_and_covariates(tmp_path: Path) -> None:
    rows = ["date,shop,units,sale,rain"]
    for shop, base in (("north", 10), ("south", 50)):
        rows += [f"2024-01-{d:02},{shop},{base + d},{d % 2},{d * 2}" for d in range(1, 11)]
        rows += [f"2024-01-{d:02},{shop},,{d % 2}," for d in range(11, 14)]
    found = read_time_series(
        written(tmp_path / "s.csv", rows), value="units", series="shop", known=["sale"],
        past=["rain"],
    )  # fmt: skip
    assert [one.name for one in found.series] == ["north", "south"]
    south = found.series[1]
    assert south.values.tolist() == [50 + d for d in range(1, 11)]
    assert south.known.shape == (13, 1)
    assert south.past[:, 0].tolist() == [2 * d for d in range(1, 11)]
    assert found.known == ["sale"]


def test_gaps_of_past_covariates_are_filled_with_what_was_known(tmp_path: Path) -> None:
    rain = ["", 4, "", "", 10, 12, 14]
    rows = ["date,units,rain,sun"]
    rows += [f"2024-01-{d + 1:02},{d},{cell},{cell}" for d, cell in enumerate(rain)]
    found = read_time_series(
        written(tmp_path / "s.csv", rows), value="units", known=["sun"], past=["rain"]
    )
    assert found.series[0].past[:, 0].tolist() == [0, 4, 4, 4, 10, 12, 14]
    assert found.series[0].known[:, 0].tolist() == [4, 4, 6, 8, 10, 12, 14]
    assert any("the last value before them was used" in note for note in found.notes)


def test_a_series_in_each_column(tmp_path: Path) -> None:
    rows = ["date,a,b", *(f"2024-01-{d:02},{d},{-d}" for d in range(1, 8))]
    found = read_time_series(written(tmp_path / "s.csv", rows), value=["a", "b"])
    assert [one.name for one in found.series] == ["a", "b"]
    assert found.series[1].values[2] == -3


def test_the_calendar() -> None:
    hour = TimeStep(3600, "second")
    assert cycles_of(hour, 24 * 10) == ["day"]
    assert cycles_of(hour, 24 * 30) == ["day", "week"]
    assert cycles_of(TimeStep(1, "month"), 48) == ["year"]
    assert cycles_of(TimeStep(1, "step"), 999) == []
    told = features(times_from("2010-01-01", hour, 49), ["day"])
    assert_agrees(told[0].astype(float), told[48].astype(float), tolerance=FIGURE)
    assert_agrees((told**2).sum(1).astype(float), np.ones(len(told)), tolerance=FIGURE)
    assert_agrees((told[6] - told[0]).astype(float), np.array([1.0, -1.0]), tolerance=FIGURE)


def test_the_only_column_of_dates_holds_the_times(tmp_path: Path) -> None:
    path = tmp_path / "umsatz.csv"
    days = [f"{day:02d}.03.2024" for day in range(1, 21)]
    path.write_text("Tag,Umsatz\n" + "".join(f"{d},{1000.5 + k}\n" for k, d in enumerate(days)))
    found = read_time_series(path)
    assert found.value == "Umsatz"
    assert found.series[0].step == TimeStep(86_400, "second")
    assert "the column 'Tag' contains dates and was used for the times" in list(found.notes)
    path.write_text("a,b,v\n" + "".join(f"{d},{d},{k}\n" for k, d in enumerate(days)))
    found = read_time_series(path, value="v")  # two of them: nothing is guessed
    assert not found.series[0].has_dates
    assert any("--time names one" in note for note in found.notes)


def test_series_that_stand_in_one_column_are_asked_for(tmp_path: Path) -> None:
    """Where many rows repeat a time, their mean is hardly what was meant."""
    path = tmp_path / "sales.csv"
    rows = [f"2024-03-{day:02d},{shop},{day}\n" for day in range(1, 21) for shop in "ab"]
    path.write_text("date,shop,units\n" + "".join(rows))
    notes = list(read_time_series(path, value="units").notes)
    assert any("--series (there are 'shop')" in note for note in notes)
    path.write_text("date,shop,units\n" + "".join(rows[::2] + rows[1:2]))
    notes = list(read_time_series(path, value="units").notes)
    assert any("repeat a time" in note and "--series" not in note for note in notes)
