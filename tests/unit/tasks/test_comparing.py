"""Runs as a table: what they reached, and what sets them apart."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from unrolled.cli import main
from unrolled.report.page import render
from unrolled.tasks import comparing
from unrolled.training.run_folder import RunFolder


def a_run(path: Path, losses: list[float], **parameters: object) -> None:
    config = {
        "task": "classify",
        "cell": "lstm",
        "parameters": {"lr": 0.01, **parameters},
        "data": {"source": "/somewhere/reviews.csv"},
    }
    run = RunFolder.create(path, config)
    for epoch, loss in enumerate(losses, 1):
        accuracy = 1 - loss
        run.append_metrics(
            {"epoch": epoch, "validation_loss": loss, "test_accuracy": accuracy, "seconds": epoch}
        )


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    a_run(tmp_path / "runs" / "a", [0.9, 0.5, 0.7], hidden=8)
    a_run(tmp_path / "runs" / "b", [0.4, 0.6], hidden=16)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_figures_are_those_of_the_epoch_that_is_kept(runs: Path) -> None:
    one = comparing.summary_of(Path("runs/a"))
    assert one.figures == {"validation_loss": 0.5, "test_accuracy": 0.5}
    assert (one.epochs, one.seconds, one.data, one.is_whole) == (3, 3.0, "reviews.csv", False)


def test_the_epoch_of_a_tagger_is_kept_by_its_f1() -> None:
    history = [
        {"epoch": 1, "validation_loss": 0.1, "validation_f1": 0.5},
        {"epoch": 2, "validation_loss": 0.2, "validation_f1": 0.6},
    ]
    assert comparing.kept_record("tag", history)["epoch"] == 2
    assert comparing.kept_record("classify", history)["epoch"] == 1
    assert comparing.kept_record("classify", []) == {}


def test_the_table_sorts_and_says_what_differs(runs: Path, capsys) -> None:
    assert main(["runs", "--sort", "test_accuracy"]) == 0
    head, first, second = capsys.readouterr().out.splitlines()
    assert head.split()[:5] == ["run", "job", "data", "validation_loss", "test_accuracy"]
    assert first.split()[:5] == ["runs/b", "classify", "reviews.csv", "0.4", "60.0%"]
    assert "hidden=16" in first
    assert "hidden=8" in second
    assert "lr=" not in first, "what is the same in all runs is not said"
    assert main(["runs", "--sort", "validation_loss", "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["run"] for one in lines] == ["runs/b", "runs/a"]


@pytest.mark.drawn
def test_two_runs_stand_side_by_side(runs: Path, capsys) -> None:
    assert main(["runs", "runs/a", "runs/b", "--page", "two.html"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == ["runs/a", "runs/b"] or set(lines[0]) == {"runs/a", "runs/b"}
    assert ["hidden", "8", "16"] in lines or ["hidden", "16", "8"] in lines
    assert "Over the epochs" in Path("two.html").read_text()


def test_a_run_without_figures_is_drawn_too(tmp_path: Path) -> None:
    a_run(tmp_path / "bare", [])
    assert "1 runs" not in render(comparing.page_of([comparing.summary_of(tmp_path / "bare")], ""))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("runs nowhere", "there is no folder 'nowhere'"),
        ("runs .", "holds no runs"),
        ("runs --sort heigth", "no run has such a metric or parameter"),
        ("runs runs/a nothere", "there is no run 'nothere'"),
    ],
)
def test_nonsense_is_refused(runs: Path, capsys, words: str, said: str) -> None:
    assert main(words.split()) == 2
    assert said in capsys.readouterr().err
