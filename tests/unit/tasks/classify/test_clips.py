"""A classifier of clips: what moves where, by the order of the frames alone."""

import numpy as np
import pytest
import torch
from PIL import Image

from tests.made_up import moving
from tests.tolerances import FLOAT32, assert_agrees
from unrolled import export
from unrolled.cli import main
from unrolled.errors import ArgumentError, UnrolledError
from unrolled.networks.frame_front import FrameFront
from unrolled.tasks.classify.classifier import Classifier

SMALL = {
    "hidden": 8, "members": 1, "epochs": 10, "lr": 0.02, "batch_size": 10, "dropout": 0.0,
    "schedule": "constant",
}  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    place = tmp_path_factory.mktemp("clips")
    clips, labels = moving()
    for number, (clip, label) in enumerate(zip(clips, labels, strict=True)):
        (place / "all" / label).mkdir(parents=True, exist_ok=True)
        np.savez(place / "all" / label / f"{number}.npz", x=clip)
    words = [f"--{k.replace('_', '-')}={v}" for k, v in SMALL.items()]
    out = ["--no-baseline", "--out", str(place / "run"), "--quiet"]
    assert main(["train", "classify", str(place / "all"), *words, *out]) == 0
    return place / "run"


def test_it_learns_and_is_asked(run, capsys):
    model = Classifier.load(run)
    X, y = moving(40, seed=1)
    assert model.evaluate(X, y)["accuracy"] > 0.9
    place = run.parent / "all"
    (place / "left" / "bad.npz").write_text("none")
    assert main(["evaluate", str(run), str(place)]) == 0
    said = capsys.readouterr()
    assert "accuracy: " in said.out
    assert "1 of 61 clips were left out" in said.err
    assert main(["predict", str(run), str(place / "left")]) == 0
    said = capsys.readouterr()
    lines = said.out.split("\n")[:-1]
    assert len(lines) == 31
    assert lines[-1] == ""
    assert lines.count("left") > 25
    assert "1 of 31 clips have no prediction" in said.err
    assert main(["predict", str(run), str(place / "right" / "1.npz"), "--probabilities"]) == 0
    assert "p(right)" in capsys.readouterr().out


def test_the_report_shows_the_frames(run):
    report = (run / "report.html").read_text()
    assert "frames, 8 x 5 pixels, gray" in report
    assert "this page does not contain the network" in report


def test_it_leaves_python_in_no_other_form(run, tmp_path):
    with pytest.raises(UnrolledError, match="reads clips, which can only be read in Python"):
        export(Classifier.load(run), tmp_path / "x.onnx", "onnx")


def test_a_clip_says_the_same_alone_and_beside_a_longer_one(run):
    model = Classifier.load(run)
    X, _ = moving(6, seed=2)
    together = model.predict_proba(X)
    for row, clip in enumerate(X):
        assert_agrees(
            model.predict_proba([clip])[0].astype(np.float32),
            together[row].astype(np.float32),
            tolerance=FLOAT32,
        )


def test_frames_of_padding_are_not_seen():
    torch.manual_seed(0)
    front = FrameFront((5, 8, 1), 6)
    x, lengths = torch.rand(4, 2, 40), torch.tensor([4, 2])
    found = front(x, lengths)
    assert (found[2:, 1] == 0).all()
    assert_agrees(found[:2, 1], front(x[:2, 1:], lengths[1:])[:, 0], tolerance=FLOAT32)


def test_clips_of_another_shape_are_refused_or_laid_onto_the_canvas(run):
    model = Classifier.load(run)
    assert model.predict([np.zeros((2, 10, 16), np.uint8)]).shape == (1,)
    with pytest.raises(ArgumentError, match="row 1 of X has the shape"):
        model.predict([np.zeros((2, 3, 4, 5), np.uint8)])
    with pytest.raises(ArgumentError, match="this run reads clips"):
        model.predict([np.zeros((7, 2))])


def test_one_clip_or_a_table_of_them_is_asked_about(run, tmp_path, capsys):
    frames = [Image.fromarray(frame) for frame in moving(1, seed=3)[0][0]]
    frames[0].save(tmp_path / "one.gif", save_all=True, append_images=frames[1:])
    (tmp_path / "all.csv").write_text("file,n\none.gif,1\nnone.gif,2\n")
    (tmp_path / "other.csv").write_text("n,m\n1,2\n")
    assert main(["predict", str(run), str(tmp_path / "one.gif")]) == 0
    one = capsys.readouterr().out
    assert main(["predict", str(run), str(tmp_path / "all.csv")]) == 0
    assert capsys.readouterr().out == f"{one}\n"
    assert main(["predict", str(run), str(tmp_path / "other.csv")]) == 2
    assert "has no column with names of clips" in capsys.readouterr().err
