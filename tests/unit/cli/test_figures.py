"""Figures for a terminal, and help that puts common options first."""

from __future__ import annotations

import pytest

from unrolled.cli import main
from unrolled.cli.jobs.figures import lines_of, per_class
from unrolled.tasks.classify.classifier import Classifier
from unrolled.tasks.forecast.forecaster import Forecaster
from unrolled.tasks.generate.generator import Generator

CONFUSION = [[3, 1, 0], [2, 4, 0], [0, 0, 0]]


def test_each_class_has_its_figures() -> None:
    bad, good, none = per_class(["bad", "good", "none"], CONFUSION)
    assert bad == {"class": "bad", "rows": 4, "recall": 0.75, "precision": 0.6, "f1": 6 / 9}
    assert good["recall"] == 4 / 6
    assert none == {"class": "none", "rows": 0, "recall": None, "precision": None, "f1": None}
    lines = lines_of({"accuracy": 0.7, "classes": ["bad", "good", "none"], "confusion": CONFUSION})
    assert "bad          4    75.0%      60.0%   66.7%" in lines
    assert "none         0        -          -       -" in lines


def test_common_options_come_first(capsys) -> None:
    with pytest.raises(SystemExit):
        main(["train", "classify", "--help"])
    out = capsys.readouterr().out
    headings = [
        *("data:", "run:", "common options:", "options of this job:"),
        *("optimization:", "processes and machines:"),
    ]
    places = [out.index(f"\n{heading}\n") for heading in headings]
    assert places == sorted(places)
    assert places[2] < out.index("--hidden HIDDEN ", places[2]) < places[3]


def test_training_stops_early_where_nothing_else_is_said() -> None:
    assert Classifier(epochs=30).settings().patience == 10
    assert Classifier(epochs=3).settings().patience == 5
    assert Classifier(epochs=30, patience=2).settings().patience == 2
    assert Generator(epochs=60).settings().patience == 20
    assert Forecaster().settings().patience == 12
