"""Numbers from texts and series: what is learned, said, kept and measured."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

from tests.tolerances import FIGURE, FLOAT64, assert_agrees
from unrolled.cli import main
from unrolled.errors import ArgumentError
from unrolled.tasks.classify.encoders import as_inputs
from unrolled.tasks.classify.opinions import in_batches
from unrolled.tasks.classify.regressor import Regressor
from unrolled.tasks.classify.scales import scales_of

SMALL = {"hidden": 4, "embedding": 4, "epochs": 1, "members": 2, "batch_size": 16, "tokens": "word"}
WORTH = {"sea": 300.0, "garden": 120.0, "attic": -80.0}


def houses(count=80):
    """Texts in which words add to a price."""
    draw = np.random.default_rng(0)
    texts, prices = [], []
    for number in range(count):
        mine = [name for place, name in enumerate(WORTH) if number >> place & 1]
        texts.append(" ".join(["a house", *mine, f"n{number}"]))
        prices.append(1000 + sum(WORTH[name] for name in mine) + draw.normal(0, 5))
    return texts, np.array(prices)


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("numbers")
    rows = [f"{text},{price:.3f}" for text, price in zip(*houses())]
    (place / "rows.csv").write_text("\n".join(["text,price", *rows]) + "\n")
    words = ["--epochs", "1", "--members", "2", "--hidden", "4", "--tokens", "word", "--quiet"]
    asked = ["train", "regress", str(place / "rows.csv"), "--target", "price", *words]
    assert main([*asked, "--out", str(place / "run")]) == 0
    return place / "run"


def test_the_linear_model_beside_the_networks_learns_numbers():
    X, y = houses()
    model = Regressor(**SMALL).fit(X, y)
    assert model.score(X, y) > 0.8
    alone = model.model_.linear.scores(X)[:, 0] * model.aim_.unit + model.aim_.center
    assert r2_score(y, alone) > 0.97


def test_the_networks_learn_the_slope_of_a_series():
    draw = np.random.default_rng(1)
    y = draw.uniform(-3, 3, 60)
    X = [slope * np.linspace(0, 1, 6) + draw.normal(0, 0.05, 6) for slope in y]
    options = SMALL | {"epochs": 40, "lr": 0.02, "hidden": 8, "linear": False, "members": 1}
    model = Regressor(convolutions=False, dropout=0.0, **options).fit(X[:50], y[:50])
    assert model.score(X[50:], y[50:]) > 0.8


def test_a_run_of_few_rows_is_kept_without_an_interval(tmp_path):
    X = [np.linspace(0, slope, 5) for slope in range(12)]
    options = SMALL | {"linear": False, "out": str(tmp_path / "few")}
    model = Regressor(**options).fit(X, np.arange(12.0))
    again = Regressor.load(tmp_path / "few")
    assert_agrees(again.predict(X), model.predict(X), tolerance=FLOAT64)
    with pytest.raises(ArgumentError, match="20"):
        again.predict_interval(X)


def test_figures_are_scikit_learns_and_a_run_says_the_same(run):
    X, y = houses()
    model = Regressor.load(run)
    said, found = model.predict(X), model.evaluate(X, y)
    for name, figure in (("mae", mean_absolute_error), ("rmse", root_mean_squared_error),
                         ("r2", r2_score)):  # fmt: skip
        wanted = np.float64(figure(y, said))
        assert_agrees(np.float64(found[name]), wanted, tolerance=FLOAT64, name=name)
    low, high = model.predict_interval(X)
    assert found["coverage"] == ((low <= y) & (y <= high)).mean()


def test_intervals_hold_what_they_should_of_rows_not_learned_from():
    """Errors of left-out rows are exchangeable with those of new ones: a binomial bound."""
    X, y = houses(400)
    model = Regressor(**SMALL | {"validation": 0.5, "members": 1}).fit(X[:200], y[:200])
    for level in (0.5, 0.8):
        low, high = model.predict_interval(X[200:], level)
        held = ((low <= y[200:]) & (y[200:] <= high)).mean()
        assert abs(held - level) < 0.15, level
        assert (high > low).all()
    assert (model.predict_interval(X, 0.9)[1] > model.predict_interval(X, 0.5)[1]).all()


@pytest.fixture(scope="module")
def uneven() -> tuple[Regressor, list[np.ndarray], np.ndarray]:
    """Series whose size says how noisy their target is, and a regressor of most of them."""
    draw = np.random.default_rng(3)
    sizes = draw.uniform(0.2, 3.0, 900)
    X = [size * np.sin(np.arange(8) + draw.uniform(0, 6)) for size in sizes]
    y = draw.normal(0.0, sizes)
    options = SMALL | {"hidden": 8, "members": 2, "batch_size": 64, "linear": False}
    model = Regressor(convolutions=False, **options).fit(X[:600], y[:600])
    return model, X[600:], y[600:]


def test_intervals_are_wide_where_errors_are_large(uneven):
    """As wide for all they would cover nearly all calm rows, and two thirds of the noisy ones."""
    model, X, y = uneven
    low, high = model.predict_interval(X, 0.8)
    inside, sizes = (low <= y) & (y <= high), np.array([np.abs(x).max() for x in X])
    calm, noisy = sizes < np.quantile(sizes, 0.33), sizes > np.quantile(sizes, 0.67)
    assert (high - low)[noisy].mean() > 1.8 * (high - low)[calm].mean()
    for rows in (inside, inside[calm], inside[noisy]):
        assert abs(rows.mean() - 0.8) < 3 * (0.16 / len(rows)) ** 0.5


def test_scales_are_of_rows_that_a_network_did_not_learn_from(uneven):
    """Each network's `spread` is a ridge regression of what it read of its own fold."""
    model, X, _ = uneven
    sequences, logs = model.encoder_.encode(as_inputs(X), str), []
    for member in model.model_.members:
        summary = in_batches(member.summary, sequences)
        logs.append(summary @ member.spread[:-1] + member.spread[-1])
        assert float(member.spread.abs().max()) > 0
    low, high = model.model_.log_scales.tolist()
    expected = torch.stack(logs).mean(0).clamp(low, high).exp()
    found = scales_of(model.model_, sequences)
    assert_agrees(found, expected.double().numpy(), tolerance=FIGURE)


def test_the_report_compares_with_what_looks_at_nothing(run):
    page = (run / "report.html").read_text()
    for words in ("A regression of", "price", "always the median of the training set",
                  "the linear model alone", "coverage", "feed-forward network"):  # fmt: skip
        assert words in page


def test_predict_writes_a_number_and_its_interval(run, capsys):
    rows, out = str(run.parent / "rows.csv"), run.parent / "answers.parquet"
    assert main(["predict", str(run), rows, "--out", str(out), "--explain"]) == 0
    assert "the 80% interval" in capsys.readouterr().err
    found = pl.read_parquet(out)
    assert found.columns == ["text", "price", "prediction", "low", "high", "counted"]
    said = Regressor.load(run).predict(found["text"].to_list())
    assert_agrees(found["prediction"].to_numpy(), said, tolerance=FIGURE)
    assert (found["low"] < found["prediction"]).all()
    assert main(["evaluate", str(run), rows, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"] == 80
    assert main(["train", "--resume", str(run), "--epochs", "2", "--quiet"]) == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("train classify rows.csv --target price", "use `unrolled train regress`"),
        ("train classify rows.csv --label price", "with `unrolled train regress`"),
        ("train regress rows.csv --target text", "which is not a number"),
        ("train regress rows.csv", "has the numbers? name it with --target"),
        ("train regress builtin:languages", "has one class per row, not numbers"),
        ("train regress rows.csv --target price --interval 2", "must be between 0.02 and 0.98"),
        ("predict run rows.csv --top 2", "--top is for classes"),
        ("export run --to c", "train it with --members 1 --no-linear --no-bidirectional"),
    ],
)
def test_nonsense_is_refused(run, monkeypatch, capsys, words, said):
    monkeypatch.chdir(run.parent)
    assert main(words.split()) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("y", "said"),
    [([1, 1, 1], "every number is 1"), ([1, np.nan, 2], "row 2 of y is nan"),
     ([1, 2], "3 sequences and 2 numbers"), (["a", "b", "c"], "is not a number")],
)  # fmt: skip
def test_rubbish_targets_are_refused(y, said):
    with pytest.raises(ArgumentError, match=said):
        Regressor(**SMALL).fit(["one", "two", "three"], y)


def test_few_rows_have_no_intervals():
    model = Regressor(**SMALL | {"validation": 0.0}).fit(["a", "b", "c"], [1, 2, 3])
    with pytest.raises(ArgumentError, match="there are no intervals: fewer than 20 rows"):
        model.predict_interval(["a"])
