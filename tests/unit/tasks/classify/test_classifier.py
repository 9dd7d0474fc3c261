"""A classifier learns a rule, keeps it in a run, and has scikit-learn's face."""

import math
import re
import shutil
import signal

import numpy as np
import pytest
from sklearn.base import clone

from tests.made_up import opinions, waves
from tests.tolerances import FIGURE, assert_agrees
from unrolled.errors import UnrolledError
from unrolled.tasks.classify.classifier import Classifier
from unrolled.tasks.classify.cross_validation import cross_validate
from unrolled.tasks.classify.model import FeedForward
from unrolled.training.run_folder import NotARun

SMALL = {"hidden": 12, "embedding": 8, "epochs": 8, "lr": 0.02, "batch_size": 16}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run to copy and spoil."""
    path = tmp_path_factory.mktemp("classify") / "run"
    X, y = opinions(20)
    Classifier(out=path, **SMALL | {"epochs": 1}).fit(X, y)
    return path


@pytest.mark.parametrize("tokens", ["word", "char", "bpe"])
def test_it_learns_texts(tokens):
    X, y = opinions(160)
    model = Classifier(tokens=tokens, vocabulary=300, **SMALL)
    if tokens != "word":
        model.set_params(epochs=14, bidirectional=True, pooling="max")
    model.fit(X[:120], y[:120])
    assert model.score(X[120:], y[120:]) > 0.9
    assert set(model.predict(X[:4])) <= {"good", "bad"}


POOLINGS = ("last", "mean", "max", "attention")
FEW = {("last", False), ("max", True), ("attention", True)}  # of the ways to read, in `make test`
WAYS = [(pooling, both) for both in (False, True) for pooling in POOLINGS]


@pytest.mark.parametrize(
    ("pooling", "bidirectional"),
    [pytest.param(*w, marks=() if w in FEW else pytest.mark.exhaustive) for w in WAYS],
)
def test_it_learns_series(pooling, bidirectional):
    X, y = waves()
    longer = SMALL | {"epochs": 14}
    model = Classifier(cell="gru", pooling=pooling, bidirectional=bidirectional, **longer)
    model.fit(X[:60], y[:60])
    assert model.score(X[60:], y[60:]) > 0.9
    assert model.classes_.tolist() == [-1, 0, 1]


@pytest.mark.exhaustive
@pytest.mark.drawn
def test_the_report_says_which_series_it_is_about(tmp_path):
    X, y = waves()
    names = ([f"walk {number}" for number in range(60)], [f"run {number}" for number in range(30)])
    for run, given in (("named", names), ("numbered", None)):
        model = Classifier(cell="gru", out=tmp_path / run, **SMALL)
        model.fit(X[:60], y[:60], (X[60:], y[60:]), names=given)
    page = (tmp_path / "named" / "report.html").read_text()
    assert "Input: run " in page
    assert "walk " not in page
    listed = set(re.findall(r"run (\d+): (\d+) steps, 2 channels", page))
    assert listed
    assert all(len(X[60 + int(row)]) == int(steps) for row, steps in listed)
    page = (tmp_path / "numbered" / "report.html").read_text()
    listed = set(re.findall(r"number (\d+): (\d+) steps, 2 channels", page))
    assert listed
    assert all(len(X[59 + int(row)]) == int(steps) for row, steps in listed)
    assert "Units 1 to" in page
    assert "backward." in page


@pytest.mark.parametrize("pooling", ["last", "mean", "max", "attention"])
def test_padding_is_inert(pooling):
    """A short text says the same alone and beside a long one."""
    X, y = opinions(60)
    model = Classifier(pooling=pooling, bidirectional=True, layers=2, **SMALL | {"epochs": 1})
    model.fit(X, y)
    alone = model.predict_proba(["it is good"])
    beside = model.predict_proba(["it is good", "a " * 30 + "bad ending"])
    assert_agrees(beside[0], alone[0], tolerance=FIGURE)


def test_what_comes_after_the_longest_is_cut_and_said(tmp_path):
    X, y = opinions(40)
    small = SMALL | {"epochs": 1, "tokens": "word"}
    model = Classifier(longest=3, out=tmp_path / "run", **small).fit(X, y)
    assert any("texts were truncated to 3 tokens" in note for note in model.notes_)
    for one in (model, Classifier.load(tmp_path / "run")):
        whole, cut = one.predict_proba(["it is good and so on", "it is good"])
        assert_agrees(whole, cut, tolerance=FIGURE)


def test_probabilities_sum_to_one_and_keep_the_order_of_rows():
    X, y = opinions(60)
    model = Classifier(**SMALL).fit(X, y)
    chances = model.predict_proba(X)
    assert_agrees(chances.sum(1), np.ones(len(chances), chances.dtype), tolerance=FIGURE)
    one_by_one = np.concatenate([model.predict_proba([text]) for text in X[:7]])
    assert_agrees(chances[:7], one_by_one, tolerance=FIGURE)


def test_the_same_seed_gives_the_same_bits():
    X, y = opinions(60)
    first, second = (Classifier(dropout=0.3, **SMALL).fit(X, y) for _ in range(2))
    assert np.array_equal(first.predict_proba(X), second.predict_proba(X))
    other = Classifier(dropout=0.3, seed=1, **SMALL).fit(X, y)
    assert not np.array_equal(first.predict_proba(X), other.predict_proba(X))


def test_a_run_that_was_moved_predicts_the_same(tmp_path):
    X, y = opinions(60)
    model = Classifier(out=tmp_path / "run", baseline=True, **SMALL).fit(X, y, (X[:9], y[:9]))
    (tmp_path / "run").rename(tmp_path / "moved")
    again = Classifier.load(tmp_path / "moved")
    assert np.array_equal(model.predict_proba(X), again.predict_proba(X))
    assert again.get_params()["hidden"] == 12
    figures = again.evaluate(X, y)
    assert figures["confusion"].sum() == figures["rows"] == 60
    report = (tmp_path / "moved" / "report.html").read_text()
    for words in ("feed-forward network", "Confusion matrix", "Inside the network"):
        assert words in report
    assert "http" not in report.replace("http-equiv", "").replace("http://www.w3.org", "")


def test_a_run_is_whole_when_the_baseline_is_stopped(tmp_path, monkeypatch):
    X, y = opinions(60)
    forward = FeedForward.forward

    def stopped(*given):
        signal.raise_signal(signal.SIGINT)
        return forward(*given)

    monkeypatch.setattr(FeedForward, "forward", stopped)
    with pytest.raises(KeyboardInterrupt):  # there is nothing to resume: the run is complete
        Classifier(out=tmp_path / "run", baseline=True, **SMALL).fit(X, y)
    Classifier.load(tmp_path / "run").predict(X)


def test_labels_that_are_numbers_come_back_as_numbers(tmp_path):
    X, y = waves(30)
    Classifier(out=tmp_path / "run", **SMALL | {"epochs": 1}).fit(X, y)
    assert Classifier.load(tmp_path / "run").predict(X).dtype.kind == "i"


def test_scikit_learns_face():
    model = Classifier(hidden=7, cell="gru")
    assert model.get_params()["hidden"] == 7
    copy = clone(model).set_params(hidden=9)
    assert (copy.hidden, model.hidden, copy.cell) == (9, 7, "gru")
    assert "hidden=7" in repr(model)


def test_balanced_classes_find_the_rare_one():
    X, y = opinions(120)
    rare = [row for row, label in enumerate(y) if label == "good" or row % 16 == 1]
    X, y = [X[row] for row in rare], [y[row] for row in rare]
    recall = {}
    for weights in (None, "balanced"):
        model = Classifier(class_weights=weights, **SMALL | {"epochs": 6}).fit(X, y)
        counts = model.evaluate(*opinions(80, seed=1))["confusion"]
        recall[weights] = counts[0, 0] / counts[0].sum()
    assert recall["balanced"] > recall[None]


def test_cross_validation_tests_every_row_once():
    X, y = opinions(60)
    figures = cross_validate(Classifier(**SMALL), X, y, 3)
    assert sum(one["rows"] for one in figures) == 60
    assert all(0 <= one["accuracy"] <= 1 for one in figures)


def test_missing_values_are_counted(capsys):
    X, y = waves(30)
    X[0][2, 1] = math.nan
    Classifier(**SMALL | {"epochs": 1}).fit(X, y)
    assert "1 of " in capsys.readouterr().err


def test_a_class_of_one_is_learnt_from():
    X, y = opinions(40)
    model = Classifier(**SMALL | {"epochs": 1}).fit([*X, "odd one out"], [*y, "odd"])
    assert "odd" in model.classes_


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"cell": "lstn"}, "did you mean 'lstm'"), ({"cell": 7}, "subclass of unrolled.Cell"),
        ({"cell": "nowhere.py:Mine"}, "no such file: now"), ({"pooling": "first"}, "pooling"),
        ({"tokens": "words"}, "tokens"), ({"hidden": 0}, "hidden"), ({"dropout": 1.0}, "dropout"),
        ({"validation": 1.0}, "validation"), ({"class_weights": "even"}, "class_weights"),
        ({"embedding": -1}, "embedding"), ({"batch_size": 2.5}, "batch_size"),
        ({"progress": "loud"}, "progress"), ({"lr": 0}, "lr"),
    ],
)  # fmt: skip
def test_parameters_that_make_no_sense(parameters, words):
    X, y = opinions(10)
    with pytest.raises(UnrolledError, match=words):
        Classifier(**parameters).fit(X, y)


@pytest.mark.parametrize(
    ("X", "y", "words"),
    [
        ("one text", ["a"], "list of texts"), ([], [], "empty"),
        (["a", "b"], ["x", "x"], "nothing to learn"), (["a", "b"], ["x"], "give one label"),
        (["a", 3], ["x", "y"], "mixes texts"), ([[[1.0], [2.0]], [[]]], [0, 1], "row 2"),
        ([object(), object()], [0, 1], "row 1"),
        ([[[1.0, 2.0]], [[1.0]]] * 8, [0, 1] * 8, "channel"),
    ],
)  # fmt: skip
def test_data_that_make_no_sense(X, y, words):
    with pytest.raises((UnrolledError, ValueError), match=words):
        Classifier(**SMALL).fit(X, y)


def test_nothing_is_left_when_the_data_are_refused(tmp_path):
    with pytest.raises(UnrolledError):
        Classifier(out=tmp_path / "run").fit(["a", "b"], ["x", "x"])
    assert not (tmp_path / "run").exists()


def test_asking_before_learning():
    with pytest.raises(UnrolledError, match="call fit first"):
        Classifier().predict(["a"])


def test_labels_that_were_never_learned():
    X, y = opinions(20)
    model = Classifier(**SMALL | {"epochs": 1}).fit(X, y)
    with pytest.raises(UnrolledError, match="'so-so'"):
        model.evaluate(["it was"], ["so-so"])


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("vocabulary.json", '{"classes": ["a", "b"], "encoder": {}}', "damaged"),
        ("vocabulary.json", "[", "cannot be read"),
        ("cell.json", '{"evil": 1}', "not an equation"),
        ("config.toml", 'task = "generate"\n', "is a run of 'generate'"),
        ("config.toml", 'task = "classify"\n[parameters]\nevil = 1\n', "unknown to this version"),
        ("weights.safetensors", "x", "damaged"),
    ],
)
def test_a_run_that_somebody_spoilt(tmp_path, run, file, content, words):
    shutil.copytree(run, tmp_path / "run")
    (tmp_path / "run" / file).write_text(content)
    (tmp_path / "run" / "manifest.json").unlink()  # its digests would answer first
    with pytest.raises(UnrolledError, match=words):
        Classifier.load(tmp_path / "run")


def test_weights_of_another_network(tmp_path, run):
    shutil.copytree(run, tmp_path / "run")
    config = (tmp_path / "run" / "config.toml").read_text()
    assert "hidden = 12" in config
    (tmp_path / "run" / "config.toml").write_text(config.replace("hidden = 12", "hidden = 9"))
    (tmp_path / "run" / "manifest.json").unlink()  # its digests would answer first
    with pytest.raises(NotARun, match="do not fit"):
        Classifier.load(tmp_path / "run")
