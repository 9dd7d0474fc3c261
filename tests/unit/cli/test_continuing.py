"""A run goes on learning from new rows, and says what it forgot."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tolerances import NEXT_TO_NOTHING, assert_agrees
from unrolled.cli import main
from unrolled.tasks.classify.classifier import Classifier

TINY = ["--epochs", "1", "--no-baseline"]
SHAPE = ["--members", "2", "--hidden", "3"]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("runs")
    rows = [
        f"a {('dull', 'lovely')[n % 2]} film number {n},{('bad', 'good')[n % 2]}" for n in range(30)
    ]
    (place / "old.csv").write_text("\n".join(["text,label", *rows]) + "\n")
    rows = [
        f"a {('good', 'bad')[n % 2]} song number {n},{('bad', 'good')[n % 2]}" for n in range(20)
    ]
    (place / "new.csv").write_text("\n".join(["text,label", *rows]) + "\n")
    (place / "strange.csv").write_text(
        "\n".join(["text,label", *rows, "a so so one,middling"]) + "\n"
    )
    out = str(place / "run")
    assert (
        main(["train", "classify", str(place / "old.csv"), *SHAPE, *TINY, "--out", out, "--quiet"])
        == 0
    )
    return place


@pytest.fixture
def place(runs: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(runs)
    return runs


def test_it_goes_on_from_the_weights_and_says_what_it_forgot(place: Path, capsys) -> None:
    words = ["train", "classify", "new.csv", "--from", "run", *TINY]
    assert main([*words, "--lr", "1e-12", "--out", "still"]) == 0
    assert " rows of the data of run: " in capsys.readouterr().out
    before, after = Classifier.load("run"), Classifier.load("still")
    for name, weight in before.model_.members.state_dict().items():
        now = after.model_.members.state_dict()[name]
        assert_agrees(now, weight, tolerance=NEXT_TO_NOTHING, name=name)
    assert after.encoder_.as_dict() == before.encoder_.as_dict()
    assert after.get_params()["hidden"] == 3
    assert main(["train", "--resume", "still", "--epochs", "2", "--quiet"]) == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("train classify strange.csv --from run", "the label 'middling' of the new rows"),
        ("train classify new.csv --from run --hidden 9", "--hidden cannot change with --from"),
        ("train classify new.csv --from nowhere", "there is no run 'nowhere'"),
        ("train classify new.csv --from run --config run", "leave --config out"),
    ],
)
def test_nonsense_is_refused(place: Path, capsys, words: str, said: str) -> None:
    assert main([*words.split(), "--out", "other", "--epochs", "1"]) == 2
    assert said in capsys.readouterr().err
    assert not (place / "other").exists()
