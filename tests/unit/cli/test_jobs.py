"""The jobs from the command line: a stranger's first quarter of an hour, and what programs read."""

import json
import shutil

import numpy as np
import pytest

from tests.made_up import chatter, opinions
from unrolled.cli import main
from unrolled.tasks.classify.classifier import Classifier
from unrolled.training.run_folder import RunFolder

SMALL = ["--epochs", "3", "--hidden", "8", "--lr", "0.02"]


@pytest.fixture
def place(tmp_path, monkeypatch):
    X, y = opinions(60)
    rows = [f'"{text}",{label}' for text, label in zip(X, y)]
    (tmp_path / "reviews.csv").write_text("\n".join(["review,sentiment", *rows]) + "\n")
    (tmp_path / "new.csv").write_text("review\na lovely one\n\ndull from the start\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.exhaustive
@pytest.mark.drawn
def test_train_predict_move_predict_again(place, capsys):
    words = ["classify", "reviews.csv", "--text", "review", "--label", "sentiment", *SMALL]
    assert main(["train", *words]) == 0
    out = capsys.readouterr().out
    assert "Epoch [3/3], Train Loss: " in out
    assert "Test Acc: " in out
    assert "runs/reviews-1/report.html" in out
    assert out.splitlines()[-2] == "Use it: unrolled predict runs/reviews-1 FILE"
    assert out.splitlines()[-1].endswith("runs/reviews-1/report.html")
    run = place / "runs" / "reviews-1"
    report = (run / "report.html").read_text()
    assert "unrolled train classify reviews.csv --text review --label sentiment" in report
    assert "feed-forward network" in report

    assert main(["predict", str(run), "new.csv"]) == 0
    first = capsys.readouterr().out
    assert set(first.splitlines()) <= {"good", "bad", ""}
    run.rename(place / "moved")
    assert main(["predict", "moved", "new.csv"]) == 0
    assert capsys.readouterr().out == first
    assert main(["predict", "moved", "a lovely film", "--probabilities"]) == 0
    head, answer = (line.split("\t") for line in capsys.readouterr().out.splitlines())
    assert head == ["row", "label", "probability", "p(bad)", "p(good)"]
    told = dict(zip(head, answer, strict=True))
    assert told["label"] in ("good", "bad")
    assert told[f"p({told['label']})"] == told["probability"]

    assert main(["evaluate", "moved", "reviews.csv", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["rows"] == 60
    assert sum(map(sum, figures["confusion"])) == 60

    (place / "one-class.csv").write_text("review,sentiment\na lovely film,good\n")
    assert main(["evaluate", "moved", "one-class.csv"]) == 0  # nothing is learned from it
    said = capsys.readouterr()
    assert "rows: 1" in said.out
    assert "single example" not in said.err

    assert main(["train", *words]) == 0
    assert (place / "runs" / "reviews-1").is_dir()  # the name is free again


@pytest.mark.exhaustive
def test_the_command_in_a_run_repeats_it_to_the_same_bits(place, capsys):
    words = ["train", "classify", "reviews.csv", *SMALL, "--no-baseline", "--dropout", "0.2"]
    assert main([*words, "--out", "one", "--quiet"]) == 0
    assert capsys.readouterr().out == ""
    command = RunFolder.open("one").config()["data"]["command"].split()
    assert command[:2] == ["unrolled", "train"]
    shutil.move("one", "first")
    assert main([*command[1:], "--quiet"]) == 0
    first, second = (place / name / "weights.safetensors" for name in ("first", "one"))
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.exhaustive
def test_resume_goes_on_to_more_epochs_with_the_same_data_only(place, capsys):
    assert main(["train", "classify", "reviews.csv", *SMALL, "--out", "run", "--quiet"]) == 0
    assert main(["train", "--resume", "run", "--epochs", "4", "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["epoch"] for one in lines if one["event"] == "epoch"] == [4]
    with (place / "reviews.csv").open("a") as file:
        file.write("changed,good\n")
    assert main(["train", "--resume", "run", "--epochs", "5"]) == 2
    assert "no longer contains the data" in capsys.readouterr().err


@pytest.mark.exhaustive
def test_a_configuration_is_taken_over(place, capsys):
    assert main(["train", "classify", "reviews.csv", *SMALL, "--out", "run", "--quiet"]) == 0
    again = ["train", "classify", "reviews.csv", "--config", "run", "--epochs", "1"]
    assert main([*again, "--out", "other", "--quiet"]) == 0
    parameters = RunFolder.open("other").config()["parameters"]
    assert (parameters["hidden"], parameters["epochs"]) == (8, 1)


@pytest.mark.exhaustive
def test_clipping_can_be_switched_off_and_stays_off(place, capsys):
    words = ["train", "classify", "reviews.csv", *SMALL, "--out", "run", "--no-baseline"]
    assert main([*words, "--clip-norm", "0", "--quiet"]) == 0
    assert RunFolder.open("run").config()["parameters"]["clip_norm"] == 0
    assert main(["train", "--resume", "run", "--epochs", "4", "--quiet"]) == 0
    assert Classifier.load("run").settings().clip_norm == 0


def test_in_python_none_switches_clipping_off_and_is_kept(place):
    model = Classifier(clip_norm=None, hidden=4, epochs=1, out="run")
    model.fit(*opinions(40))
    assert not Classifier.load("run").clip_norm


@pytest.mark.exhaustive
def test_folds_are_told(place, capsys):
    words = ["classify", "reviews.csv", *SMALL, "--epochs", "1", "--folds", "2", "--no-baseline"]
    assert main(["train", *words]) == 0
    out = capsys.readouterr().out
    assert "Fold [2/2], Test Acc: " in out
    assert "All 2 folds, Test Acc: " in out


def test_a_cell_of_ones_own_is_kept_as_its_equation(place, capsys):
    (place / "mine.py").write_text(
        "from unrolled import Cell, tanh\n\n\nclass Mine(Cell):\n"
        "    def step(self, x, h):\n        return tanh(self.W @ x + self.U @ h + self.b)\n"
    )
    words = ["classify", "reviews.csv", *SMALL, "--cell", "mine.py:Mine", "--out", "run"]
    assert main(["train", *words, "--quiet"]) == 0
    assert main(["predict", "run", "new.csv"]) == 0
    first = capsys.readouterr().out
    (place / "mine.py").write_text("raise SystemExit('code of a stranger was run')\n")
    assert main(["predict", "run", "new.csv"]) == 0
    assert capsys.readouterr().out == first


@pytest.mark.exhaustive
def test_a_cell_of_ones_own_is_set_and_a_run_needs_no_file_for_it(place, capsys):
    (place / "mine.py").write_text(
        "import numpy as np\nfrom unrolled import Cell, tanh\n\n\nclass Mine(Cell):\n"
        "    sizes = {'m': 'order', 'P': 'rank'}\n    order = 2\n    leak = 0.5\n\n"
        "    def constants(self):\n        return {'A': self.leak * np.eye(self.order)}\n\n"
        "    def step(self, x, h, m):\n        m = self.A @ m + self.B @ (self.P @ x)\n"
        "        return tanh(self.W @ x + self.U @ h + self.V @ m), m\n"
    )
    quickly = [*SMALL, "--members", "1", "--no-baseline", "--no-linear"]
    words = ["classify", "reviews.csv", *quickly, "--cell", "mine.py:Mine", "--out", "run"]
    assert main(["train", *words]) == 2
    assert "set it with --set rank=8" in capsys.readouterr().err
    settings = ["--set", "rank=3", "--set", "order=5", "--set", "leak=0.25"]
    assert main(["train", *words, *settings, "--quiet", "--epochs", "1"]) == 0
    run = RunFolder.open(place / "run")
    assert run.config()["cell_sizes"] == {"order": 5, "rank": 3}
    numbers = np.diag([0.25] * 5).ravel().tolist()
    row = ["array", "A", ["order", "order"], [5, 5], numbers]
    assert row in run.read_json("cell.json")["nodes"]
    assert "--set rank=3 --set order=5 --set leak=0.25" in run.config()["data"]["command"]
    (place / "mine.py").unlink()
    assert main(["predict", "run", "new.csv"]) == 0
    again = ["train", "classify", "reviews.csv", "--config", "run", "--set", "order=3"]
    assert main(again) == 2
    assert "the equation: name the cell, too" in capsys.readouterr().err


def test_generate(place, capsys):
    (place / "book.txt").write_text(chatter(2000))
    words = ["generate", "book.txt", "--hidden", "12", "--window", "16", "--batch-size", "4"]
    assert main(["train", *words, "--epochs", "4", "--lr", "0.02", "--out", "run"]) == 0
    assert "Test Bits/Char: " in capsys.readouterr().out
    asked = ["generate", "run", "--prompt", "abc ab", "--length", "6", "--temperature", "0"]
    assert main(asked) == 0
    assert capsys.readouterr().out == "abc abd abc \n"
    assert main(["evaluate", "run", "book.txt"]) == 0
    assert "bits per character: " in capsys.readouterr().out
