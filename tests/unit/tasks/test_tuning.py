"""A search: shared studies, continued studies, trials that are stopped, and the best run."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest

from unrolled.cli import main
from unrolled.errors import UsageError
from unrolled.report.page import render
from unrolled.tasks import tuning, tuning_page

FACTS = {"job": "classify", "data": "reviews.csv", "settings": ""}


def bowl(parameters: dict[str, Any], following: tuning.Following) -> None:
    """A training whose loss is least at a dropout of 0.3, whatever the rate."""
    for epoch in range(1, 5):
        loss = (parameters["dropout"] - 0.3) ** 2 + 1 / epoch
        following.epoch({"epoch": epoch, "validation_loss": loss}, 4, ())


def searching(study: optuna.Study, trials: int, train: Any = bowl, minutes: float = 9.0) -> None:
    budget = tuning.Budget(minutes, time.monotonic())
    names = ["dropout", "lr"]
    tuning.search(study, names, train, "validation_loss", budget, trials, 0, lambda trial: None)


@pytest.mark.parametrize("kind", ["db", "log"])
def test_two_openings_share_a_study_and_a_later_one_continues_it(tmp_path: Path, kind: str) -> None:
    place = str(tmp_path / f"study.{kind}")
    one, other = (tuning.open_study(place, "name", FACTS, 0) for _ in range(2))
    searching(one, 2)
    searching(other, 2)
    assert [trial.number for trial in one.get_trials()] == [0, 1, 2, 3]
    again = tuning.open_study(place, "name", FACTS, 0)
    searching(again, 1)
    drawn = {trial.params["dropout"] for trial in again.get_trials()}
    assert len(drawn) == 5, "each call draws others"


@pytest.fixture
def database() -> Iterator[str]:
    """A fresh PostgreSQL database, where a server is named and its driver is installed."""
    server = os.environ.get("UNROLLED_POSTGRESQL")
    if not server:
        pytest.skip("UNROLLED_POSTGRESQL names no server: postgresql://user:password@host")
    psycopg = pytest.importorskip("psycopg", reason="the driver of PostgreSQL is not installed")
    name = f"unrolled_{os.getpid()}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f"create database {name}")
    try:
        yield f"{server}/{name}"
    finally:
        with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
            connection.execute(f"drop database {name} with (force)")


def test_a_database_is_shared_and_continued(database: str) -> None:
    one, other = (tuning.open_study(database, "name", FACTS, 0) for _ in range(2))
    searching(one, 2)
    searching(other, 2)
    again = tuning.open_study(database, "name", FACTS, 0)
    searching(again, 1)
    assert [trial.number for trial in again.get_trials()] == [0, 1, 2, 3, 4]
    for study in (one, other, again):
        study._storage._backend.engine.dispose()


@pytest.mark.drawn
def test_it_finds_the_best_and_what_mattered(tmp_path: Path) -> None:
    study = tuning.open_study(str(tmp_path / "s.log"), "name", FACTS, 0)
    searching(study, 16)
    assert abs(tuning.best_of(study).params["dropout"] - 0.3) < 0.15
    shares = tuning.importance_of(study)
    assert shares["dropout"] > shares["lr"]
    states = {trial.state for trial in study.get_trials()}
    assert optuna.trial.TrialState.PRUNED in states, "what falls behind is stopped"
    page = render(tuning_page.page_of(study, ["dropout", "lr"], "validation_loss", "unrolled tune"))
    assert "Importance of each parameter" in page
    assert any("dropout" in line for line in tuning_page.lines_of(study.best_trial, shares))


def test_the_first_trial_comes_to_its_end_whatever_the_time(tmp_path: Path) -> None:
    study = tuning.open_study(str(tmp_path / "s.log"), "name", FACTS, 0)
    searching(study, 9, minutes=1e-9)
    assert [trial.state.name for trial in study.get_trials()] == ["COMPLETE"]
    assert tuning.importance_of(study) == {}
    assert "too few complete trials" in render(tuning_page.page_of(study, [], "f", ""))


def test_nonsense_is_refused(tmp_path: Path) -> None:
    place = str(tmp_path / "s.log")
    study = tuning.open_study(place, "name", FACTS, 0)
    with pytest.raises(UsageError, match="no trial is finished"):
        tuning.best_of(study)
    with pytest.raises(UsageError, match=r"'reviews\.csv', and this one is with 'other\.csv'"):
        tuning.open_study(place, "name", {**FACTS, "data": "other.csv"}, 0)
    with pytest.raises(UsageError, match="a study must be an SQLite file"):
        tuning.storage_of("study.txt")
    with pytest.raises(UsageError, match="cannot be opened"):
        tuning.storage_of("nothing://here")
    with pytest.raises(UsageError, match="it is set on the command line"):
        tuning.searched(["lr", "hidden"], {"lr": 1}, ["lr"])
    with pytest.raises(UsageError, match="cannot be searched; there are hidden, lr"):
        tuning.searched(["lr", "hidden"], {}, ["seed"])


def test_a_search_ends_with_a_run(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [f"a {['dull', 'lovely'][n % 2]} film number {n},{n % 2}" for n in range(24)]
    Path("in.csv").write_text("\n".join(["text,label", *rows]) + "\n")
    fixed = ["--hidden", "3", "--members", "1", "--no-linear", "--epochs", "1"]
    words = ["tune", "classify", "in.csv", "--search", "lr", "--trials", "1", *fixed]
    assert main(words) == 0
    out = capsys.readouterr().out
    assert "The best run is tuned/classify-in/trial-0." in out
    assert Path("tuned/classify-in/tuning.html").is_file()
    assert Path("tuned/classify-in/trial-0/report.html").is_file()
    assert main([*words, "--seed", "3"]) == 2
    assert "name another one with --name" in capsys.readouterr().err
