"""A budget that has no time for all rows: a sample is read, said, kept, and resumed."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest

from tests.made_up import opinions
from unrolled.tasks import budget, estimator
from unrolled.tasks.classify.classifier import Classifier
from unrolled.training.progress import Silent

ROWS = 200
SETTINGS = {"hidden": 3, "members": 1, "linear": False, "minutes": 2.0, "schedule": "constant"}


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A machine that reads a row in half a second; the sizes of the fits that were timed."""
    tried: list[int] = []

    def seconds(model, trial, rows):
        tried.append(len(rows))
        return 0.5 * len(rows)

    monkeypatch.setattr(budget, "LARGE", 0)
    monkeypatch.setattr(budget, "_seconds", seconds)
    monkeypatch.setattr(Classifier, "spent", lambda self: 0.0)
    monkeypatch.setattr(estimator, "render", lambda page: "")
    return tried


def test_a_sample_is_read_said_and_resumed(slow, tmp_path, capsys):
    X, y = opinions(ROWS)
    y[:3] = ["strange"] * 3  # few, and yet learned
    whole = Classifier(out=tmp_path / "whole", epochs=2, **SETTINGS).fit(X, y)
    assert slow == [64, ROWS]
    assert (
        "time for 144 of the 200 training rows: the others are not read" in capsys.readouterr().err
    )
    assert list(whole.classes_) == ["bad", "good", "strange"]
    assert sum(map(len, whole.rows_.values())) == 144
    kept = json.loads((tmp_path / "whole" / "vocabulary.json").read_text())
    assert kept["rows"] == 144

    Classifier(out=tmp_path / "cut", epochs=1, **SETTINGS).fit(X, y)
    slow.clear()
    more = Classifier(out=tmp_path / "cut", epochs=2, **SETTINGS).fit(X, y, resume=True)
    assert not slow  # what the run began with counts, and not what there would be time for now
    for name, weight in whole.model_.state_dict().items():
        assert np.array_equal(weight.numpy(), more.model_.state_dict()[name].numpy()), name


def test_what_there_is_time_for_is_read_whole(slow):
    X, y = opinions(ROWS)
    one = Classifier(**{**SETTINGS, "minutes": 4.0}, epochs=1)
    one.follow(Silent())
    one.fit(X, y)
    assert slow == [64, ROWS]
    assert one.rows_read_ is None
    assert len(one.rows_["train"]) + len(one.rows_["validation"]) == ROWS


def test_the_fits_that_are_timed_grow_and_keep_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(budget, "LARGE", 0)
    monkeypatch.setattr(budget, "FEW", 16)
    X, y = opinions(100)
    fitted, fit = [], Classifier.fit

    def noted(one, X, *rest, **more):
        fitted.append((len(X), one.out, one.minutes))
        return fit(one, X, *rest, **more)

    monkeypatch.setattr(Classifier, "fit", noted)
    model = Classifier(epochs=1, **{**SETTINGS, "minutes": 600.0})
    model.follow(Silent())
    model.fit(X, y)
    assert fitted == [(100, None, 600.0), (16, None, None), (64, None, None)]
    assert not list(tmp_path.iterdir())


def test_no_larger_fit_is_timed_once_it_is_clear_that_all_rows_fit(monkeypatch):
    timed = []

    def seconds(model, trial, rows):
        timed.append(len(rows))
        return 0.01 * len(rows)

    monkeypatch.setattr(budget, "_seconds", seconds)
    model = SimpleNamespace(minutes=10.0, spent=lambda: 0.0)
    assert budget._count_in_time(model, None, np.arange(10_000)) > 10_000
    assert timed == [64, 256]
