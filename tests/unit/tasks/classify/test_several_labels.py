"""Rows with any number of labels: what is learned, said, kept and measured."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.metrics import average_precision_score, f1_score

from tests.tolerances import EXACT, FLOAT64, assert_agrees
from unrolled.errors import ArgumentError
from unrolled.tasks.classify.classifier import Classifier
from unrolled.tasks.classify.cross_validation import cross_validate
from unrolled.tasks.classify.figures import average_precision, every_label_figure

SMALL = {"hidden": 4, "embedding": 4, "epochs": 1, "members": 2, "batch_size": 8, "tokens": "word"}
WORDS = {"food": ("pasta", "salt"), "music": ("song", "tune"), "sport": ("ball", "goal")}


def made_up(count=60):
    """Texts in which a word gives each label away."""
    draw = np.random.default_rng(0)
    texts, labels = [], []
    for number in range(count):
        mine = [name for place, name in enumerate(WORDS) if number >> place & 1]
        words = [str(draw.choice(WORDS[name])) for name in mine]
        texts.append(" ".join(["a", "day", *words, f"n{number}"]))
        labels.append(mine)
    return texts, labels


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    X, y = made_up()
    path = tmp_path_factory.mktemp("several") / "run"
    return Classifier(out=path, baseline=True, **SMALL).fit(X[:50], y[:50], (X[50:], y[50:])), path


def test_the_linear_model_beside_the_networks_learns_each_label(fitted):
    model, _ = fitted
    X, y = made_up()
    assert model.predict(X) == y
    assert model.score(X, y) == 1.0
    assert model.classes_.tolist() == sorted(WORDS)


def test_the_networks_learn_series_with_several_labels():
    """Without the linear model: a channel rises, or another one, or both, or neither."""
    draw = np.random.default_rng(1)
    y = np.array([[n & 1, n >> 1 & 1] for n in range(48)])
    X = [row * np.linspace(-1, 1, 6)[:, None] + draw.normal(0, 0.1, (6, 2)) for row in y]
    options = SMALL | {"epochs": 30, "lr": 0.02, "hidden": 8, "linear": False, "members": 1}
    model = Classifier(convolutions=False, **options).fit(X, y)
    assert (model.predict(X) == y).mean() > 0.9
    assert model.predict(X).shape == y.shape  # as it was given


def test_a_run_says_the_same_and_its_page_has_the_figures(fitted):
    model, path = fitted
    X, _ = made_up()
    again = Classifier.load(path)
    assert np.array_equal(again.predict_proba(X), model.predict_proba(X))
    assert again.predict(X) == model.predict(X)
    page = (path / "report.html").read_text()
    for words in ("micro F1", "exact match", "average precision", "always every label"):
        assert words in page
    assert "this page does not contain the network" not in page  # it answers its reader


def test_figures_are_scikit_learns():
    draw = np.random.default_rng(2)
    chances = draw.random((40, 3)).round(1)  # with ties
    real = (draw.random((40, 3)) < 0.4).astype(float)
    said, found = chances >= 0.5, every_label_figure(chances, real)
    for name in ("micro", "macro"):
        wanted = f1_score(real, said, average=name)
        assert_agrees(np.float64(found[f"{name}_f1"]), np.float64(wanted), tolerance=FLOAT64)
    area = average_precision_score(real, chances, average="macro")
    assert_agrees(np.float64(found["average_precision"]), np.float64(area), tolerance=FLOAT64)
    assert found["exact_match"] == (said == (real > 0)).all(1).mean()
    assert average_precision(np.array([0.9, 0.1]), np.array([False, False])) == 0.0


@pytest.mark.parametrize("kind", ["lists", "sets", "array", "pandas", "polars"])
def test_labels_come_as_lists_or_as_a_matrix(kind):
    X, y = made_up(16)
    matrix = np.array([[name in row for name in WORDS] for row in y]).astype(int)
    columns = {name: matrix[:, place] for place, name in enumerate(WORDS)}
    given = {"lists": y, "sets": [set(row) for row in y], "array": matrix,
             "pandas": pd.DataFrame(columns), "polars": pl.DataFrame(columns)}[kind]  # fmt: skip
    model = Classifier(linear=False, **SMALL).fit(X, given)
    names = [0, 1, 2] if kind == "array" else sorted(WORDS)
    assert model.classes_.tolist() == names
    assert model.evaluate(X, given)["rows"] == 16
    assert isinstance(model.predict(X), list) == (kind in ("lists", "sets"))


def test_every_part_has_its_share_of_each_label():
    y = [["a"]] * 30 + [["a", "b"]] * 6 + [[]] * 24
    model = Classifier(**SMALL)
    strata = model.strata(y, len(y))
    assert strata == ["a"] * 30 + ["b"] * 6 + [""] * 24
    found = cross_validate(model.set_params(linear=False), *made_up(24), 2)
    assert [one["rows"] for one in found] == [12, 12]


def test_it_goes_on_from_another_and_refuses_new_labels(fitted):
    model, _ = fitted
    X, y = made_up()
    more = Classifier(**SMALL)
    more.start_from(model)
    more.fit(X[:20], y[:20])
    assert_agrees(more.classes_ == model.classes_, np.full(3, True), tolerance=EXACT)
    with pytest.raises(
        ArgumentError, match="the label 'news' of the new rows was not in the training"
    ):
        more.fit(X[:2], [["food"], ["news"]])


@pytest.mark.parametrize(
    ("y", "said"),
    [
        ([["a"], "b", ["a"]], "row 2 of y is 'b', but others are lists of labels"),
        ([[], [], []], "no row has a label"),
        ([["a"], [1], []], "labels must be all texts or all numbers"),
        (np.array([[0, 1], [2, 0], [1, 1]]), "a matrix of labels must contain 0 and 1"),
        ([["a"], ["b"]], "there are 3 sequences and 2 rows of labels"),
    ],
)
def test_nonsense_is_refused(y, said):
    with pytest.raises(ArgumentError, match=said):
        Classifier(**SMALL).fit(["one", "two", "three"], y)


def test_class_weights_are_refused():
    with pytest.raises(ArgumentError, match="class_weights is for rows with one class"):
        Classifier(class_weights="balanced", **SMALL).fit(*made_up(8))
