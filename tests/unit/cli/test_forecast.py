"""Forecasts from the command line: a file of one's own, a run, what comes next, another file."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest

from unrolled.cli import main
from unrolled.report import numbers

SMALL = ["--horizon", "7", "--epochs", "2", "--hidden", "6", "--window", "28", "--batch-size", "4"]


def sales(path: Path, days: int, first: str = "2024-01-01") -> Path:
    """Units sold each day in two shops, with a promotion whose plan reaches a week ahead."""
    lines = ["date,shop,units,promotion"]
    for number, shop in enumerate(("north", "south")):
        for day in range(days + 7):
            promotion = int(day % 9 == 0)
            units = "" if day >= days else str(20 + 9 * number + day % 7 + 5 * promotion)
            lines.append(f"{np.datetime64(first) + day},{shop},{units},{promotion}")
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    sales(tmp_path / "sales.csv", 112)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_train_forecast_move_forecast_again(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    columns = ["--time", "date", "--value", "units", "--series", "shop", "--known", "promotion"]
    assert main(["train", "forecast", "sales.csv", *columns, *SMALL, "--out", "run"]) == 0
    out = capsys.readouterr().out
    assert "Epoch [2/2], Train Loss: " in out
    assert "seasonal naive" in out
    page = (place / "run" / "report.html").read_text(encoding="utf-8")
    assert "unrolled train forecast sales.csv --time date --value units --series shop" in page

    assert main(["forecast", "run"]) == 0
    first = capsys.readouterr().out
    rows = list(csv.DictReader(io.StringIO(first)))
    assert len(rows) == 14
    assert rows[0]["series"] == "north"
    assert rows[0]["time"] == "2024-04-22"
    assert all(float(row["q0.1"]) <= float(row["q0.5"]) <= float(row["q0.9"]) for row in rows)

    (place / "run").rename(place / "moved")
    assert main(["forecast", "moved"]) == 0
    assert capsys.readouterr().out == first

    sales(place / "newer.csv", 60, "2024-06-01")
    assert main(["predict", "moved", "newer.csv", "--out", "next.csv"]) == 0
    kept = list(csv.DictReader((place / "next.csv").read_text().splitlines()))
    assert kept[7]["series"] == "south"
    assert kept[0]["time"] == "2024-07-31"

    assert main(["evaluate", "moved", "newer.csv", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["network_mae"] > 0
    assert figures["seasonal_naive_mae"] > 0
    assert len(figures["smoothing_mae_by_step"]) == 7
    assert 0 <= figures["network_coverage_as_said"] <= 1

    assert main(["evaluate", "moved", "newer.csv"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "On the second half, 48 forecasts of each method:"
    head, *rows = lines[1:7]
    assert head.split() == ["MAE", "RMSE", "sMAPE", "%", "MASE", "pinball", "coverage"]
    assert [row[2:16].strip() for row in rows] == [
        "network", "own map", "naive", "seasonal naive", "smoothing"
    ]  # fmt: skip
    assert {len(line) for line in (head, *rows)} == {len(head)}
    assert rows[0].split()[1] == numbers.number(figures["network_mae"])
    ahead, *rows = lines[lines.index("MAE by steps ahead:") + 1 :]
    assert ahead.split() == ["1-2", "3-4", "5-6", "7"]
    mean = sum(figures["naive_mae_by_step"][:2]) / 2
    assert rows[2].split()[:2] == ["naive", numbers.number(mean)]


@pytest.mark.exhaustive
def test_a_training_on_built_in_data_goes_on(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    short = ["--horizon", "3", "--hidden", "4", "--window", "32", "--batch-size", "4"]
    words = ["train", "forecast", "builtin:sunspots", *short, "--out", "run", "--quiet"]
    assert main([*words, "--epochs", "1"]) == 0
    assert main(["train", "--resume", "run", "--epochs", "2", "--quiet"]) == 0
    assert len((place / "run" / "metrics.jsonl").read_text().splitlines()) == 2
    capsys.readouterr()
    assert main(["forecast", "run"]) == 0
    assert capsys.readouterr().out.splitlines()[1].startswith("sunspots,2009-01-01,")


def test_what_a_forecast_refuses(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def said(*words: str) -> str:
        assert main(list(words)) == 2
        return capsys.readouterr().err

    before = sorted(place.iterdir())
    assert "has no column 'unit' for --value; did you mean 'units'?" in said(
        "train", "forecast", "sales.csv", "--value", "unit"
    )
    assert "which column of sales.csv should be forecast?" in said("train", "forecast", "sales.csv")
    assert "--quantiles must look like 0.1,0.5,0.9, not 'low'" in said(
        "train", "forecast", "sales.csv", "--value", "units", "--quantiles", "low"
    )
    assert "too few to learn 200 steps ahead" in said(
        "train", "forecast", "sales.csv", "--value", "units", "--series", "shop",
        "--horizon", "200",
    )  # fmt: skip
    assert "builtin:digits is for `classify`; for `forecast` there are" in said(
        "train", "forecast", "builtin:digits"
    )
    assert sorted(place.iterdir()) == before
