"""Jobs in sktime: its own checks of estimators, and the same answers as without it."""

import warnings

import numpy as np
import pandas as pd
import pytest

from tests.tolerances import FLOAT64, assert_agrees
from unrolled.tasks.classify.classifier import Classifier
from unrolled.tasks.forecast.forecaster import Forecaster

pytest.importorskip("sktime")
pytestmark = pytest.mark.filterwarnings("ignore")  # of sktime and of what it imports
FAST = [
    "test_constructor", "test_set_params", "test_clone", "test_get_test_params",
    "test_inheritance", "test_valid_estimator_class_tags", "test_fit_returns_self",
]  # fmt: skip


def adapters():
    from unrolled.sktime import RecurrentClassifier, RecurrentForecaster

    return RecurrentForecaster, RecurrentClassifier


def failed(kind, **only):
    from sktime.utils.estimator_checks import check_estimator

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = check_estimator(kind, verbose=False, **only)
    assert len(found) > 3
    return {name: said for name, said in found.items() if said != "PASSED"}


@pytest.mark.parametrize("place", [0, 1], ids=["forecaster", "classifier"])
def test_checks_of_the_interface_pass(place):
    assert failed(adapters()[place], tests_to_run=FAST) == {}


@pytest.mark.exhaustive
@pytest.mark.parametrize("place", [0, 1], ids=["forecaster", "classifier"])
def test_every_check_passes(place):
    """But that `_y` is kept: the forecaster keeps what it saw itself, as sktime 1.3 asks for."""
    found = failed(adapters()[place])
    assert {name.partition("[")[0] for name in found} <= {"test__y_remember_data"}


def test_a_forecast_is_the_jobs_own():
    index = pd.period_range("2015-01", periods=60, freq="M")
    y = pd.Series(10 + np.sin(np.arange(60) * np.pi / 6), index, name="sales")
    job = Forecaster(epochs=1, hidden=3)
    said = adapters()[0](job).fit(y, fh=[1, 4]).predict()
    expected = Forecaster(epochs=1, hidden=3, horizon=4).fit(y).predict()
    assert_agrees(said.to_numpy(), expected[[0, 3]], tolerance=FLOAT64)
    assert [str(one) for one in said.index] == ["2020-01", "2020-04"]
    assert not hasattr(job, "model_"), "the job that was given is cloned"


def test_what_came_since_moves_a_forecast_on():
    y = pd.Series(np.sin(np.arange(60) * np.pi / 6))
    mine = adapters()[0](Forecaster(epochs=1, hidden=3)).fit(y[:50], fh=[1, 2])
    mine.update(y[50:], update_params=False)
    own = Forecaster(epochs=1, hidden=3, horizon=2).fit(y[:50])
    assert_agrees(mine.predict().to_numpy(), own.predict(y), tolerance=FLOAT64)
    assert list(mine.predict().index) == [60, 61]


def test_a_class_is_the_jobs_own():
    draw = np.random.default_rng(0)
    X = draw.normal(size=(24, 2, 9))  # sktime's order: rows, channels, steps
    y = np.array(["calm", "wild"] * 12)
    options = {"epochs": 1, "hidden": 3, "members": 1, "linear": False}
    found = adapters()[1](Classifier(**options)).fit(X, y).predict_proba(X)
    expected = Classifier(**options).fit(list(X.transpose(0, 2, 1)), y)
    assert_agrees(found, expected.predict_proba(list(X.transpose(0, 2, 1))), tolerance=FLOAT64)
