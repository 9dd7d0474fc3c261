"""A run goes on learning from new rows, and says what it forgot."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tolerances import NEXT_TO_NOTHING, assert_agrees
from unrolled.cli import main
from unrolled.tasks.classify.classifier import Classifier
from unrolled.tasks.forecast.forecaster import Forecaster
from unrolled.tasks.generate.generator import Generator
from unrolled.tasks.tag.tagger import Tagger

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


def test_new_labels_become_classes_and_old_ones_keep_their_weights(place: Path, capsys) -> None:
    words = ["train", "classify", "strange.csv", "--from", "run", "--new-labels", *TINY]
    assert main([*words, "--lr", "1e-12", "--out", "wider"]) == 0
    assert "accuracy" in capsys.readouterr().out
    before, after = Classifier.load("run"), Classifier.load("wider")
    assert after.classes_.tolist() == ["bad", "good", "middling"]
    for old, new in zip(before.model_.members, after.model_.members):
        assert new.readout.weight.shape[0] == 3
        assert_agrees(new.readout.weight[:2], old.readout.weight, tolerance=NEXT_TO_NOTHING)


def test_a_generator_goes_on_with_its_vocabulary(place: Path, capsys) -> None:
    (place / "old.txt").write_text("abc abd " * 60)
    (place / "new.txt").write_text("bad cab " * 60)
    tiny = ["--epochs", "1", "--hidden", "4", "--window", "8", "--batch-size", "4"]
    assert main(["train", "generate", "old.txt", *tiny, "--out", "writer", "--quiet"]) == 0
    goes_on = ["train", "generate", "new.txt", "--from", "writer", "--epochs", "1"]
    assert main([*goes_on, "--lr", "1e-12", "--out", "further"]) == 0
    assert "of the data of writer: bits per character" in capsys.readouterr().out
    before, after = Generator.load("writer"), Generator.load("further")
    assert after.tokens_.as_dict() == before.tokens_.as_dict()
    for name, weight in before.model_.state_dict().items():
        now = after.model_.state_dict()[name]
        assert_agrees(now, weight, tolerance=NEXT_TO_NOTHING, name=name)


def test_a_forecaster_goes_on_with_its_scales(place: Path, capsys) -> None:
    for name, level in (("first", 10), ("second", 12)):
        rows = "".join(
            f"2024-{1 + n // 28:02}-{1 + n % 28:02},{level + n % 7}\n" for n in range(80)
        )
        (place / f"{name}.csv").write_text("date,units\n" + rows)
    tiny = ["--epochs", "1", "--hidden", "3", "--horizon", "3"]
    assert main(["train", "forecast", "first.csv", *tiny, "--out", "teller", "--quiet"]) == 0
    goes_on = ["train", "forecast", "second.csv", "--from", "teller", "--epochs", "1"]
    assert main([*goes_on, "--lr", "1e-12", "--out", "later"]) == 0
    assert "On 1 series of the data of teller: mase" in capsys.readouterr().out
    before, after = Forecaster.load("teller"), Forecaster.load("later")
    assert after.layout_ == before.layout_
    for name, weight in before.model_.state_dict().items():
        now = after.model_.state_dict()[name]
        assert_agrees(now, weight, tolerance=NEXT_TO_NOTHING, name=name)


def test_a_tagger_goes_on_with_its_words_and_tags(place: Path, capsys) -> None:
    for name, words in (("old", "the cat"), ("new", "a bird"), ("odd", "?")):
        tags = ["X"] if name == "odd" else ["DET", "NOUN"]
        lines = "\n".join(f"{word}\t{tag}" for word, tag in zip(words.split(), tags))
        (place / f"{name}.conll").write_text(f"{lines}\n\n" * 12)
    tiny = ["--epochs", "1", "--batch-size", "8"]
    shape = ["--hidden", "3", "--embedding", "3", "--characters", "none", "--least", "1"]
    asked = ["train", "tag", "old.conll", *tiny, *shape, "--scheme", "plain"]
    assert main([*asked, "--out", "tagger", "--quiet"]) == 0
    goes_on = ["train", "tag", "new.conll", *tiny, "--from", "tagger"]
    assert main([*goes_on, "--lr", "1e-12", "--out", "retagged"]) == 0
    assert "sentences of the data of tagger: accuracy" in capsys.readouterr().out
    before, after = Tagger.load("tagger"), Tagger.load("retagged")
    assert after.tags_ == before.tags_
    assert after.words_.words == before.words_.words
    for name, weight in before.model_.state_dict().items():
        now = after.model_.state_dict()[name]
        assert_agrees(now, weight, tolerance=NEXT_TO_NOTHING, name=name)
    for line, message in (
        ("odd.conll --from tagger", "the tag 'X' of these sentences was not in the training data"),
        ("new.conll --from tagger --scheme bio", "with --from the scheme is that of the run"),
        ("new.conll --from tagger --characters recurrent", "--characters cannot change"),
    ):
        assert main(["train", "tag", *line.split(), "--out", "refused"]) == 2
        assert message in capsys.readouterr().err


def test_what_a_regression_forgot_is_its_error(place: Path, capsys) -> None:
    rows = "".join(f"a film number {n},{n % 7}\n" for n in range(40))
    (place / "numbers.csv").write_text("text,target\n" + rows)
    asked = ["train", "regress", "numbers.csv", *TINY]
    assert main([*asked, *SHAPE, "--out", "regression", "--quiet"]) == 0
    assert main([*asked, "--from", "regression", "--out", "more"]) == 0
    assert "of the data of regression: mae" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("train classify strange.csv --from run", "the label 'middling' of the new rows"),
        ("train classify new.csv --from run --hidden 9", "--hidden cannot change with --from"),
        ("train classify new.csv --new-labels", "--new-labels requires --from RUN"),
        ("train classify new.csv --from nowhere", "there is no run 'nowhere'"),
        ("train classify new.csv --from run --config run", "leave --config out"),
    ],
)
def test_nonsense_is_refused(place: Path, capsys, words: str, said: str) -> None:
    assert main([*words.split(), "--out", "other", "--epochs", "1"]) == 2
    assert said in capsys.readouterr().err
    assert not (place / "other").exists()
