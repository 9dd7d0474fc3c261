"""A table is written as what its name says, and read again it is the same."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from unrolled.data.tables import read_table
from unrolled.data.writing import write_table
from unrolled.errors import DataError

FIRST = pl.DataFrame(
    {"id": ["1", "20"], "code": ["007", "8"], "text": ["=1+1", "a\nb"], "p": [0.5, 0.25]}
)
SECOND = pl.DataFrame(
    {"id": ["3"], "code": ["9"], "text": [None], "p": [None]}, schema=FIRST.schema
)
KINDS = ("csv", "tsv", "csv.gz", "jsonl", "jsonl.gz", "ndjson", "json", "parquet", "pq", "xlsx")


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written_is_read_again(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"answers.{kind}"
    write_table(path, iter([FIRST, SECOND]))
    table = read_table(path)
    assert table.columns == ["id", "code", "text", "p"]
    assert table.texts("id") == ["1", "20", "3"]
    assert table.texts("code") == ["007", "8", "9"]
    marked = "'" if kind.startswith(("csv", "tsv")) else ""
    assert table.texts("text") == [f"{marked}=1+1", "a\nb", None]
    assert table.texts("p") == ["0.5", "0.25", None]
    assert [one.name for one in tmp_path.iterdir()] == [path.name], "nothing else is left"


def test_columns_of_numbers_are_numbers_where_the_file_knows_numbers(tmp_path: Path) -> None:
    write_table(tmp_path / "a.parquet", iter([FIRST, SECOND]))
    schema = pl.read_parquet_schema(tmp_path / "a.parquet")
    assert schema == {"id": pl.Int64, "code": pl.String, "text": pl.String, "p": pl.Float64}
    write_table(tmp_path / "a.jsonl", iter([FIRST]))
    first = json.loads((tmp_path / "a.jsonl").read_text().splitlines()[0])
    assert first == {"id": 1, "code": "007", "text": "=1+1", "p": 0.5}


def test_one_text_among_many_rows_keeps_a_column_of_texts(tmp_path: Path) -> None:
    frames = [pl.DataFrame({"x": ["1", "2"]}), pl.DataFrame({"x": ["3", "four"]})]
    write_table(tmp_path / "a.parquet", frames)
    assert pl.read_parquet(tmp_path / "a.parquet")["x"].to_list() == ["1", "2", "3", "four"]


@pytest.mark.parametrize("name", ["a.doc", "a", "a.parquet.gz", "a.xlsx.gz", "a.csv.zip"])
def test_a_name_that_says_nothing_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match="the extension determines the format"):
        write_table(tmp_path / name, [FIRST])
    assert not list(tmp_path.iterdir())


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    def frames():
        yield FIRST
        raise DataError("the source broke off")

    for kind in KINDS:
        with pytest.raises(DataError, match="broke off"):
            write_table(tmp_path / f"a.{kind}", frames())
    assert not list(tmp_path.iterdir())
