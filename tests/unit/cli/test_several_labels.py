"""Several labels a row on the command line: train, evaluate, predict, serve."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from starlette.testclient import TestClient

from unrolled.cli import main
from unrolled.serve.app import Application
from unrolled.serve.limits import Limits
from unrolled.serve.metrics import Metrics
from unrolled.serve.runs import Runs
from unrolled.tasks.classify.classifier import Classifier

TINY = ["--epochs", "1", "--members", "2", "--hidden", "3", "--no-baseline", "--quiet"]
ROWS = ["a ball,sport", "a tune,music", "salt,food", "salt and a tune,food | music", "a day,"] * 6
ROWS[2] = "salt,Food"  # folded into the other spelling


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("several")
    (place / "rows.csv").write_text("\n".join(["text,tags", *ROWS]) + "\n")
    words = ["--label", "tags", "--labels-separated-by", "|", "--fold-labels", "--tokens", "word"]
    out = ["--out", str(place / "run"), *TINY]
    assert main(["train", "classify", str(place / "rows.csv"), *words, *out]) == 0
    return place


def test_labels_are_read_as_a_set(place: Path) -> None:
    model = Classifier.load(place / "run")
    assert model.classes_.tolist() == ["food", "music", "sport"]
    assert model.several
    assert main(["train", "--resume", str(place / "run"), "--epochs", "2", "--quiet"]) == 0


def test_evaluate_gives_the_figures_of_each_label(place: Path, capsys) -> None:
    assert main(["evaluate", str(place / "run"), str(place / "rows.csv"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["rows"] == 30
    assert [one["label"] for one in found["per_label"]] == ["food", "music", "sport"]
    assert [one["rows"] for one in found["per_label"]] == [12, 12, 6]
    assert main(["evaluate", str(place / "run"), str(place / "rows.csv")]) == 0
    assert "average precision" in capsys.readouterr().out


def test_predict_joins_the_labels_of_a_row(place: Path, capsys) -> None:
    out, asked = place / "answers.parquet", ["predict", str(place / "run"), str(place / "rows.csv")]
    words = ["--top", "2", "--threshold", "0.001", "--probabilities", "--explain"]
    assert main([*asked, *words, "--out", str(out)]) == 0
    found = pl.read_parquet(out)
    assert found.columns == [
        "text", "tags", "labels", "label", "probability", "label_2", "probability_2",
        "p(food)", "p(music)", "p(sport)", "counted",
    ]  # fmt: skip
    chances = Classifier.load(place / "run").predict_proba(found["text"].to_list())
    names = ["food", "music", "sport"]
    for row, said in zip(chances, found["labels"].fill_null("")):
        assert said == "|".join(name for name, chance in zip(names, row) if chance >= 0.001)
    assert main(["predict", str(place / "run"), "salt and a tune"]) == 0
    said = capsys.readouterr().out.rstrip("\n")
    assert set(said.split("|")) <= {*names, ""}


def test_a_server_gives_all_labels(place: Path) -> None:
    limits = Limits(body=10_000, length=100, items=4, tokens=5, sessions=1)
    runs = Runs({"tags": place / "run"}, limits, Metrics())
    with TestClient(Application(runs, limits).asgi) as client:
        reply = client.post("/runs/tags/predict", json={"texts": ["salt and a tune"]})
    assert reply.status_code == 200, reply.text
    (answer,) = reply.json()["answers"]
    said = [name for name, chance in answer["probabilities"].items() if chance >= 0.5]
    assert answer["labels"] == said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["train", "classify", "rows.csv", "--label", "tags", "--labels-separated-by", " "],
         "--labels-separated-by must be a separator of labels"),
        (["train", "classify", "builtin:languages", "--labels-separated-by", "|"],
         "builtin:languages has one class per row"),
        (["export", "run", "--to", "c"], "it requires a single network that reads forward"),
    ],
)  # fmt: skip
def test_nonsense_is_refused(place: Path, monkeypatch, capsys, words, said) -> None:
    monkeypatch.chdir(place)
    assert main(words) == 2
    assert said in capsys.readouterr().err
