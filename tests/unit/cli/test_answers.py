"""Answers stand beside the rows that they belong to, each row in its place."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from unrolled.cli import main
from unrolled.data.tables import read_table
from unrolled.tasks.classify.classifier import Classifier

TINY = {"hidden": 3, "epochs": 1, "members": 1, "linear": False, "validation": 0.0}
ROWS = ["id,review,label", "7,a lovely film,x", "8,,y", "", "9,dull,z"]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("runs")
    texts = ["a lovely film", "dull and long", "it was so so"] * 4
    Classifier(out=place / "texts", **TINY).fit(texts, ["good", "bad", "middling"] * 4)
    series = [np.linspace(0, number % 2, 5) for number in range(8)]
    Classifier(out=place / "series", **TINY).fit(series, ["flat", "up"] * 4)
    (place / "new.csv").write_text("\n".join(ROWS) + "\n")
    return place


@pytest.fixture
def place(runs: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(runs)
    return runs


def test_all_columns_are_kept_and_every_row_has_its_line(place: Path, capsys) -> None:
    asked = ["predict", "texts", "new.csv", "--text", "review", "--top", "2"]
    assert main([*asked, "--out", "answers.parquet"]) == 0
    assert "the predictions are in 'predicted_label'" in capsys.readouterr().err
    found = pl.read_parquet("answers.parquet")
    assert found.columns == [
        "id", "review", "label", "predicted_label", "probability", "label_2", "probability_2"
    ]  # fmt: skip
    assert found["id"].to_list() == [7, 8, None, 9]
    assert found["label"].to_list() == ["x", "y", None, "z"]
    told = found["predicted_label"].to_list()
    assert [one is None for one in told] == [False, True, True, False]
    model = Classifier.load("texts")
    chances = np.sort(model.predict_proba(["a lovely film", "dull"]), 1)
    assert told[0] == model.predict(["a lovely film"])[0]
    assert found["probability"].drop_nulls().to_list() == chances[:, 2].round(4).tolist()
    assert found["probability_2"].drop_nulls().to_list() == chances[:, 1].round(4).tolist()


def test_keep_chooses_and_a_threshold_leaves_labels_empty(place: Path, capsys) -> None:
    asked = ["predict", "texts", "new.csv", "--text", "review", "--keep", "id"]
    assert main([*asked, "--threshold", "0.999", "--out", "answers.csv"]) == 0
    table = read_table("answers.csv")
    assert table.columns == ["id", "label", "probability"]
    assert table.texts("label") == [None, None, None]  # the empty row is not read again
    assert table.texts("probability")[0] is not None
    assert main([*asked, "--threshold", "0.01", "--out", "answers.csv"]) == 0
    assert read_table("answers.csv").texts("label")[0] in ("good", "bad", "middling")
    assert main(["predict", "texts", "a film", "--threshold", "0.999"]) == 0
    head, line = capsys.readouterr().out.splitlines()
    assert head.split("\t") == ["row", "label", "probability"]
    assert line.split("\t")[:2] == ["1", ""]


def test_rows_of_a_series_share_its_answer(place: Path) -> None:
    lines = ["id,time,value", *(f"{key},{t},{t * (key == 'b')}" for t in range(3) for key in "ab")]
    (place / "long.csv").write_text("\n".join(lines) + "\n")
    assert main(["predict", "series", "long.csv", "--series", "id", "--out", "long.jsonl"]) == 0
    found = pl.read_ndjson("long.jsonl")
    assert found["id"].to_list() == list("ababab")
    assert found["time"].to_list() == [0, 0, 1, 1, 2, 2]
    by_name = {key: found.filter(pl.col("id") == key)["probability"].unique() for key in "ab"}
    assert all(len(one) == 1 for one in by_name.values())


def test_excel_is_read_and_written(place: Path) -> None:
    pl.DataFrame({"n": [1, 2], "text": ["a lovely film", None]}).write_excel("in.xlsx")
    assert main(["predict", "texts", "in.xlsx", "--out", "out.xlsx"]) == 0
    table = read_table("out.xlsx")
    assert table.texts("n") == ["1", "2"]
    assert [one is None for one in table.texts("label")] == [False, True]


REFUSED = [
    ("predict texts new.csv --text review --out a.doc", "the extension determines"),
    ("predict texts new.csv --text review --out new.csv", "is the input itself"),
    ("predict texts new.csv --text review --keep id", "chooses columns for --out FILE"),
    ("predict texts new.csv --text review --keep i --out a.csv", "--keep i: there is no such"),
    ("predict texts new.csv --text review --top 4", "this run has 3 classes"),
    ("predict texts new.csv --text review --threshold 1.5", "a probability between 0 and 1"),
]


@pytest.mark.parametrize(("words", "said"), REFUSED)
def test_nonsense_is_refused(place: Path, capsys, words: str, said: str) -> None:
    before = sorted(place.iterdir())
    assert main(words.split()) == 2
    assert said in capsys.readouterr().err
    assert sorted(place.iterdir()) == before


def test_the_steps_that_counted_are_named(place: Path, capsys) -> None:
    asked = ["predict", "texts", "new.csv", "--text", "review", "--keep", "id", "--explain"]
    assert main([*asked, "--out", "why.csv"]) == 0
    counted = read_table("why.csv").texts("counted")
    assert {word.split(" ")[0] for word in str(counted[0]).split(", ")} == {"a", "lovely", "film"}
    shares = [
        int(word.partition("(")[2].removesuffix("%)")) for word in str(counted[0]).split(", ")
    ]
    assert shares == sorted(shares, reverse=True)
    assert 99 <= sum(shares) <= 101
    assert counted[1] is None, "a row without a text"


def test_labels_are_folded_where_that_is_asked_for(place: Path, capsys) -> None:
    rows = [f"text {n},{('Human', 'HUMAN', 'Human', 'bot')[n % 4]}" for n in range(24)]
    (place / "fold.csv").write_text("\n".join(["text,label", *rows]) + "\n")
    (place / "other.csv").write_text("text,label\na text,human\nanother,BOT\n")
    words = ["train", "classify", "fold.csv", "--test", "other.csv", "--fold-labels", "--quiet"]
    tiny = ["--members", "1", "--no-linear", "--no-baseline", "--epochs", "1", "--hidden", "3"]
    assert main([*words, *tiny, "--out", "folded"]) == 0
    assert "6 of 24 labels of 'label' differ from another one only" in capsys.readouterr().err
    assert Classifier.load("folded").classes_.tolist() == ["Human", "bot"]
    assert main(["evaluate", "folded", "other.csv", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert [one["rows"] for one in figures["per_class"]] == [1, 1]
