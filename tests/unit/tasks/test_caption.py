"""A captioner learns to read off coloured bars, keeps it in a run, and is asked from a shell."""

import os
import signal

import numpy as np
import pytest
import torch
from PIL import Image

from tests.made_up import bars
from tests.tolerances import FIGURE, assert_agrees
from unrolled.cli import main
from unrolled.errors import ArgumentError
from unrolled.tasks import estimator
from unrolled.tasks.caption.captioner import Captioner
from unrolled.tasks.runs import open_run
from unrolled.tasks.target_job import TargetJob
from unrolled.tasks.tokens import DamagedVocabulary
from unrolled.training.interrupts import Interrupted
from unrolled.training.run_folder import RunFolder

SMALL = {
    "hidden": 16, "embedding": 8, "channels": 8, "epochs": 15, "lr": 0.02, "batch_size": 10,
    "dropout": 0.0, "augment": 0.0, "beam": 2, "longest": 6, "smoothing": 0.0,
}  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    place = tmp_path_factory.mktemp("caption")
    rows = ["picture,says"]
    for number, (picture, text) in enumerate(zip(*bars(), strict=True)):
        Image.fromarray(picture).save(place / f"{number}.png")
        rows.append(f"{number}.png,{text}")
    (place / "bad.png").write_text("no picture")
    (place / "all.csv").write_text("\n".join([*rows, "bad.png,red and red"]) + "\n")
    words = [f"--{k.replace('_', '-')}={v}" for k, v in SMALL.items()]
    out = ["--text", "says", "--out", str(place / "run"), "--quiet"]
    assert main(["train", "caption", str(place / "all.csv"), *words, *out]) == 0
    return place / "run"


def test_it_learns_and_is_asked(run, capsys):
    model = open_run(run)
    X, y = bars(40, seed=1)
    assert model.evaluate(X, y)["exact"] > 0.9
    best = model.n_best(X[:1], 2)[0]
    assert best[0][0] == y[0]
    assert best[0][1] >= best[1][1]
    place = run.parent
    Image.fromarray(np.repeat(np.repeat(X[0], 3, 0), 3, 1)).save(place / "large.png")
    assert main(["predict", str(run), str(place / "large.png")]) == 0
    assert capsys.readouterr().out == y[0] + "\n"
    assert main(["evaluate", str(run), str(place / "all.csv")]) == 0
    said = capsys.readouterr()
    assert "exact: " in said.out
    assert "bleu" not in said.out  # of three words
    assert "1 of 81 pictures were left out" in said.err


def test_a_table_is_answered_row_by_row(run, capsys):
    place = run.parent
    (place / "new.csv").write_text("picture\n3.png\nbad.png\n4.png\n")
    assert main(["predict", str(run), str(place / "new.csv")]) == 0
    said = capsys.readouterr()
    lines = said.out.split("\n")
    assert lines[1] == "" != lines[0]
    assert len(lines) == 4
    assert "1 of 3 pictures have no prediction" in said.err
    out = str(place / "out.csv")
    assert main(["predict", str(run), str(place / "new.csv"), "--out", out]) == 0
    rows = (place / "out.csv").read_text().splitlines()
    assert rows[0] == "file,text"
    assert rows[1:] == [f"3.png,{lines[0]}", "bad.png,", f"4.png,{lines[2]}"]


def test_the_report_shows_where_it_looked(run):
    report = (run / "report.html").read_text()
    for words in ("Attention for: ", "The worst answers", "were left out"):
        assert words in report
    look = Captioner.load(run).look(bars()[0][0])
    assert look.said[-1] == "(end)"
    assert_agrees(look.weights.sum((1, 2)).astype(float), np.ones(len(look.said)), tolerance=FIGURE)


def test_a_picture_says_the_same_alone_and_beside_others(run):
    model = Captioner.load(run)
    X, _ = bars(5, seed=2)
    together = model.n_best(X, 2)
    for place, picture in enumerate(X):
        for one, other in zip(model.n_best([picture], 2)[0], together[place], strict=True):
            assert one[0] == other[0]
            assert_agrees(one[1], other[1], tolerance=FIGURE)


def test_it_goes_on_to_the_same_bits(tmp_path, monkeypatch):
    monkeypatch.setattr(estimator, "render", lambda page: "")
    X, y = bars(40)
    compute, calls = TargetJob.compute, [0]

    def interrupted(self, *arguments):
        calls[0] += 1
        if calls[0] == 6:
            os.kill(os.getpid(), signal.SIGINT)
        return compute(self, *arguments)

    def model(out):
        more = {"epochs": 2, "dropout": 0.3, "augment": 0.1, "cell": "lstm", "layers": 2, "beam": 1}
        return Captioner(out=tmp_path / out, **SMALL | more)

    model("whole").fit(X, y)
    with monkeypatch.context() as patch:
        patch.setattr(TargetJob, "compute", interrupted)
        with pytest.raises(Interrupted):
            model("cut").fit(X, y)
    model("cut").fit(X, y, resume=True)
    ours, theirs = (RunFolder.open(tmp_path / one).read_weights() for one in ("whole", "cut"))
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.parametrize(
    ("X", "y", "words"),
    [
        ([np.zeros((3, 3))], ["a", "b"], "there are 1 pictures and 2 texts"),
        ([np.zeros((3, 3))], [" "], "the text of picture 1 is empty"),
        ([np.zeros((3, 3))], "a", "y must be a list of texts"),
        ([np.zeros(3)], ["a"], "picture 1 has the shape"),
    ],
)
def test_what_cannot_be_learned(X, y, words):
    with pytest.raises(ArgumentError, match=words):
        Captioner(**SMALL).fit(X, y)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("predict {run} gone.png", "there is no file 'gone.png'"),
        ("predict {run} {run}/../bad.png", "is not a readable picture"),
        ("predict {run} {run}/../0.png --tag x", "no option '--tag'"),
        ("predict {run} {run}/../0.png --word x", "--word does not apply to"),
        ("evaluate {run} {run}/../0.png", "name a table of files"),
        ("train caption {run}/../0.png", "name a table of files"),
        ("train caption {run}/../all.csv", "name the one with the texts with --text"),
        ("train caption {run}/../all.csv --size 0", "size must be an integer"),
        ("train caption {run}/../all.csv --size 99999", "size"),
        ("train caption builtin:digit-strips --text a", "--text names a column of a file"),
        ("train caption builtin:digits", "builtin:digits is for `classify`"),
    ],
)
def test_what_a_person_gets_wrong_is_answered_in_a_sentence(run, capsys, line, words, tmp_path):
    out = ["--out", str(tmp_path / "new")] if line.startswith("train") else []
    assert main([*line.format(run=run).split(), *out]) == 2
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1
    assert not (tmp_path / "new").exists()


def test_a_damaged_vocabulary_is_refused(run, tmp_path, capsys):
    kept = RunFolder.open(run).read_json("vocabulary.json")
    for canvas in ({**kept["canvas"], "height": 10**9}, {"height": 3}, {**kept["canvas"], "x": 1}):
        copy = tmp_path / str(len(list(tmp_path.iterdir())))
        copy.mkdir()
        for file in run.iterdir():
            if file.is_file():
                (copy / file.name).write_bytes(file.read_bytes())
        RunFolder(copy).write_json("vocabulary.json", {**kept, "canvas": canvas})
        with pytest.raises(DamagedVocabulary, match="its vocabulary is damaged"):
            Captioner.load(copy)
