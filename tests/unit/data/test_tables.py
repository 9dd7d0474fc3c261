"""Rows and columns come out as they stand in the file, whichever reader had to read them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from unrolled.data import sources, tables
from unrolled.data.notes import Notes
from unrolled.data.numbers import as_matrix, as_numbers, filled
from unrolled.data.tables import read_table
from unrolled.data.texts import Texts
from unrolled.errors import DataError

ROWS = [
    {"text": "plain", "label": "a"},
    {"text": 'with "quotes", a comma\nand a line', "label": "b"},
    {"text": "schöne Grüße", "label": None},
]


def written(path: Path) -> Path:
    """The rows in the format that the name says."""
    frame = pl.DataFrame(ROWS)
    kind = path.suffix
    if kind == ".parquet":
        frame.write_parquet(path)
    elif kind == ".json":
        path.write_text(json.dumps(ROWS), encoding="utf-8")
    elif kind == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    else:
        frame.write_csv(path, separator="\t" if kind == ".tsv" else ",")
    return path


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.json", "a.parquet"])
def test_every_format(tmp_path: Path, name: str) -> None:
    table = read_table(written(tmp_path / name))
    assert table.frame.to_dicts() == ROWS
    assert table.rows.tolist() == [1, 2, 3]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_every_encoding(tmp_path: Path, encoding: str) -> None:
    path = written(tmp_path / "a.csv")
    path.write_bytes(path.read_text(encoding="utf-8").encode(encoding))
    assert read_table(path).frame.to_dicts() == ROWS


def test_mac_line_ends(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"text,label\ra,b\rc,d\r")
    assert read_table(path).frame.rows() == [("a", "b"), ("c", "d")]


def test_a_quotation_mark_inside_a_word(tmp_path: Path) -> None:
    """polars refuses it; row by row it is read as it stands."""
    path = tmp_path / "a.csv"
    path.write_text('text,label\n5" disk,b\nplain,c\n,d\n')
    table = read_table(path)
    assert table.frame.rows() == [('5" disk', "b"), ("plain", "c"), (None, "d")]


def test_empty_rows_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text,label\na,b\n\n , \nc,d\n")
    table = read_table(path)
    assert table.frame.rows() == [("a", "b"), ("c", "d")]
    assert table.rows.tolist() == [1, 4]
    assert table.notes.sentences == ["2 of 4 rows were empty and were left out"]


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_other_separators(tmp_path: Path, separator: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"text{separator}label\na, b{separator}c\n")
    table = read_table(path)
    assert table.frame.rows() == [("a, b", "c")]
    assert len(table.notes) == 1


def test_spaces_round_names(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text , label\na,b\n")
    assert read_table(path).columns == ["text", "label"]


def test_a_text_of_megabytes(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text,label\n" + "x" * 3_000_000 + ',a\n5" b,c\n')
    assert len(read_table(path).texts("text")[0] or "") == 3_000_000


def test_dates_of_parquet(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    times = pl.Series([1_262_304_000_000_000], dtype=pl.Datetime("us"))
    pl.DataFrame({"time": times, "value": [1.5]}).write_parquet(path)
    assert read_table(path).frame.rows() == [("2010-01-01T00:00:00", "1.5")]


@pytest.mark.parametrize(
    ("cells", "wanted"),
    [
        (["1", " 2.5", "-3e2"], [1, 2.5, -300]),
        (["1", "", None, "NA", "nan", "?", "-", "null"], [1] + [np.nan] * 7),
        (["1,5", "12,25", "3"], [1.5, 12.25, 3]),
        (["1,500,000", "12,000"], [1_500_000, 12_000]),
    ],
)
def test_numbers(cells: list[Any], wanted: list[float]) -> None:
    assert np.array_equal(as_numbers(cells, "v", "file", Notes()), wanted, equal_nan=True)


def test_commas_are_told() -> None:
    notes = Notes()
    as_numbers(["1,5", "12,25"], "v", "file", notes)
    assert notes.sentences == ["commas in the column 'v' were read as decimal points"]


@pytest.mark.parametrize("cells", [["1", "x"], ["1,5", "1,500.0"], ["1,500"], ["inf"]])
def test_what_is_no_number(cells: list[str]) -> None:
    with pytest.raises(DataError, match="row"):
        as_numbers(cells, "v", "file", Notes())


def test_gaps_are_drawn_straight() -> None:
    nan = np.nan
    values = filled(np.array([nan, 1, nan, nan, 4, nan]))
    assert values.tolist() == [1, 1, 2, 3, 4, 4]
    assert filled(np.array([nan, nan])).tolist() == [0, 0]


def wide(path: Path, rows: int, columns: int, *, odd: str = "") -> Any:
    """A table of numbers below a header of more than 64 KB, and the numbers."""
    numbers = np.arange(rows * columns).reshape(rows, columns) / 4
    cells = [[str(value) for value in row] for row in numbers]
    if odd:
        cells[1][columns - 2] = odd
    names = [f"value_number_{number}" for number in range(columns)]
    lines = [",".join(["label", *names])]
    lines += [",".join(["ab"[row % 2], *line]) for row, line in enumerate(cells)]
    path.write_text("\n".join(lines) + "\n\n")
    return numbers


@pytest.mark.parametrize("rows", [3, 6_000])  # on its side, and upright
def test_a_header_of_any_length(tmp_path: Path, rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MANY_COLUMNS", 100)
    columns = 5_000 if rows == 3 else 150
    numbers = wide(tmp_path / "wide.csv", rows, columns)
    table = read_table(tmp_path / "wide.csv")
    assert (table.names is not None) == (rows == 3)
    assert len(table) == rows
    assert table.columns[-1] == f"value_number_{columns - 1}"
    assert table.texts("label")[:3] == ["a", "b", "a"]
    assert np.array_equal(table.matrix(table.columns[1:]), numbers)
    assert np.array_equal(table.numbers(table.columns[-1]), numbers[:, -1])
    assert table.rows.tolist() == list(range(1, rows + 1))


def test_a_wide_table_becomes_series(tmp_path: Path) -> None:
    numbers = wide(tmp_path / "wide.csv", 4, 6_000)
    found = sources.labelled(tmp_path / "wide.csv", label="label").train
    assert not isinstance(found, Texts)
    assert np.array_equal(np.stack(found.values)[..., 0], numbers.astype(np.float32))
    assert found.labels == ["a", "b", "a", "b"]


@pytest.mark.parametrize(
    ("odd", "said"),
    [
        ("wet", "row 2 of {} has 'wet' in the column 'value_number_2998', which is not a number"),
        ("1e300", "row 2 of {} has '1e300' in the column 'value_number_2998': a network cannot"),
    ],
)
def test_what_is_wrong_in_a_wide_table_is_named(tmp_path: Path, odd: str, said: str) -> None:
    path = tmp_path / "wide.csv"
    wide(path, 4, 3_000, odd=odd)
    table = read_table(path)
    with pytest.raises(DataError, match=re.escape(said.format(path))):
        table.matrix(table.columns[1:])


def test_commas_in_one_of_many_columns(tmp_path: Path) -> None:
    cells = [
        pl.Series("a", ["1", None]),
        pl.Series("b", ["1,5", "2,25"]),
        pl.Series("c", ["", "-"]),
    ]
    notes = Notes()
    found = as_matrix(cells, "file", notes)
    wanted = np.array([[1, 1.5, np.nan], [np.nan, 2.25, np.nan]])
    assert np.array_equal(found, wanted, equal_nan=True)
    assert list(notes) == ["commas in the column 'b' were read as decimal points"]


def test_a_header_with_a_line_break(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('\n"text\nof it",label\nx,y\n')
    assert read_table(path).frame.to_dicts() == [{"text\nof it": "x", "label": "y"}]
