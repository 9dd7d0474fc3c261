"""Tables and picture say what the records say, once."""

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

from unrolled.bench.campaign import begin
from unrolled.bench.contest import Settings
from unrolled.bench.contestant import OURS
from unrolled.bench.goals import figures
from unrolled.bench.picture import svg
from unrolled.bench.problem import Shape
from unrolled.bench.record import Record
from unrolled.bench.tables import as_markdown, as_text, tables

QUIET = Record(
    "training",
    "GRU",
    Shape(1, 128, 64, 64),
    samples={"torch.nn": [0.004, 0.006], OURS: [0.002, 0.002]},
    parity={OURS: 3e-7},
    others=0.02,
)
LOADED = Record(
    "training",
    "LSTM",
    Shape(8, 128, 32, 32),
    samples={"torch.nn": [0.3e-3], OURS: [0.6e-3]},
    others=0.5,
    left_out={"JAX lax.scan": "jax not installed"},
)
BROKEN = Record("training", "LSTM", Shape(1, 1, 1, 1), disagreement="y of b differs")


def test_a_row_has_times_spread_and_ratio() -> None:
    assert as_text(tables([QUIET])[0]).splitlines() == [
        "training: a training step of torch.nn's own cells",
        "  cell  shape             unrolled    torch.nn  torch.nn /",
        "  GRU   B1 T128 I64 H64  2 ms ±0 %  5 ms ±20 %        2.50",
        "  (largest relative difference between contestants: 3.0e-07)",
    ]


def test_a_loaded_machine_is_marked() -> None:
    text = as_text(tables([QUIET, LOADED])[0])
    assert re.search(r"LSTM \* +B8 T128 I32 H32 +600 µs ±0 % +300 µs ±0 % +0\.50$", text, re.M)
    assert "(* other processes used up to 50% of the cores meanwhile)" in text
    assert "GRU *" not in text
    assert "*" not in as_text(tables([QUIET])[0])


def test_what_is_missing_is_said() -> None:
    text = as_text(tables([LOADED, BROKEN])[0])
    assert "(JAX lax.scan left out: jax not installed)" in text
    assert "(NO PARITY: y of b differs)" in text


def test_goals_stand_beside_what_was_found() -> None:
    records = [QUIET, LOADED]
    text = as_text(tables(records, figures(records))[-1])
    assert re.search(r"LSTM, over torch.nn +at least +1 +0\.5  short of it$", text, re.MULTILINE)
    assert re.search(r"GRU, Elman, over torch.nn +at least +1\.05 +2\.5$", text, re.MULTILINE)


def test_markdown_has_the_same_cells() -> None:
    (table,) = tables([QUIET, LOADED])
    lines = as_markdown(table).splitlines()
    assert lines[2] == "| cell | shape | unrolled | torch.nn | torch.nn / |"
    assert lines[4] == "| GRU | B1 T128 I64 H64 | 2 ms ±0 % | 5 ms ±20 % | 2.50 |"
    assert any(line.startswith(r"- \* other processes") for line in lines)


def test_units_of_one_suite_stand_apart() -> None:
    shape = Shape(1, 100, 64, 64)
    time = Record("recompute", "LSTM", shape, samples={"whole": [2.0], "recompute": [3.0]})
    memory = Record("recompute", "LSTM", shape, unit="MiB", samples={"whole": [9.0]})
    first, second = tables([time, memory])
    assert first.rows == [["LSTM", str(shape), "2 s ±0 %", "3 s ±0 %"]]
    assert second.rows == [["LSTM", str(shape), "9.0 MiB"]]


def test_a_picture_shows_cells_and_shapes() -> None:
    picture = svg([QUIET, LOADED, BROKEN])
    assert picture is not None
    ET.fromstring(picture)
    for word in ("GRU", "LSTM", "B1 T128 I64 H64", "B8 T128 I32 H32", "torch.nn&#x27;s time"):
        assert word in picture or word.replace("&#x27;", "'") in picture
    assert svg([BROKEN]) is None


def test_results_are_written(tmp_path: Path) -> None:
    results = begin(Settings(rounds=2), "2")
    results.records += [QUIET, LOADED, BROKEN]
    names = {path.name for path in results.write(tmp_path / "deep" / "er")}
    assert names == {"results.json", "tables.md", "speedups.svg"}
    data = json.loads((tmp_path / "deep" / "er" / "results.json").read_text())
    assert len(data["records"]) == 3
    assert data["settings"]["rounds"] == 2
    assert {"processor", "torch", "python"} <= set(data["machine"])
    assert results.disagreements == ["y of b differs"]
