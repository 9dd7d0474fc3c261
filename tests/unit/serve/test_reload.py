"""Runs that are replaced while they are served, and those that cannot be."""

import asyncio
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests import served
from tests.tolerances import FIGURE, assert_agrees
from unrolled import Classifier
from unrolled.errors import UnrolledError
from unrolled.serve.limits import Limits
from unrolled.serve.metrics import Metrics
from unrolled.serve.orders import places_of
from unrolled.serve.runs import Runs

TEXTS = ["the film was good", "bad"]


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another training of the same."""
    return served.keep(served.classifier(seed=7), tmp_path_factory.mktemp("other") / "run")


@pytest.fixture
def place(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder / "opinions", tmp_path / "opinions"))


def chances(answers: list[Any]) -> Any:
    return np.array([list(one["probabilities"].values()) for one in answers])


def test_a_run_is_loaded_again_and_requests_keep_theirs(place: Path, other: Path) -> None:
    async def main() -> None:
        runs = Runs({"opinions": place}, Limits(), Metrics())
        before, old = Classifier.load(place).predict_proba(TEXTS), runs.served["opinions"]
        await runs.look("opinions")
        assert runs.served["opinions"] is old
        shutil.move(place, place.with_name("old"))
        for _ in range(3):
            await runs.look("opinions")  # between the two moves there is no run
        assert runs.served["opinions"] is old
        shutil.copytree(other, place)
        waiting = asyncio.create_task(old.batcher.ask(TEXTS))  # begun before the reload
        await runs.look("opinions")
        assert runs.served["opinions"] is old  # it may not be whole yet
        await runs.look("opinions")
        new = runs.served["opinions"]
        assert new is not old
        after = Classifier.load(other).predict_proba(TEXTS)
        assert np.abs(after - before).max() > 1e-3
        assert_agrees(chances(await waiting), before, tolerance=FIGURE)
        assert_agrees(chances(await new.batcher.ask(TEXTS)), after, tolerance=FIGURE)

    asyncio.run(main())


def test_what_cannot_be_loaded_changes_nothing(
    place: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def main() -> None:
        metrics = Metrics()
        runs = Runs({"opinions": place}, Limits(), metrics)
        old = runs.served["opinions"]
        weights = (place / "weights.safetensors").read_bytes()
        (place / "weights.safetensors").write_bytes(weights[:100])
        for _ in range(4):
            await runs.look("opinions")
        assert runs.served["opinions"] is old
        assert "not what training wrote" in runs.failures["opinions"]
        assert capsys.readouterr().err.count("cannot be loaded") == 1
        failures = [value for line, value in metrics.samples("1").items() if "failures" in line]
        assert failures == [1]
        (place / "weights.safetensors").write_bytes(weights)
        os.utime(place / "weights.safetensors", ns=(1, 1))
        for _ in range(2):
            await runs.look("opinions")
        assert runs.failures == {}
        shutil.rmtree(place)
        shutil.copytree(folder / "book", place)
        for _ in range(2):
            await runs.look("opinions")
        assert "restart the server" in runs.failures["opinions"]

    asyncio.run(main())


def test_names(tmp_path: Path) -> None:
    found = places_of([str(tmp_path / "a-1"), f"b={tmp_path / 'a-1'}"])
    assert list(found) == ["a-1", "b"]
    for words in (["a", "x/a"], ["a b"], ["=x"], ["../..=x"], ["é"]):
        with pytest.raises(UnrolledError, match="NAME=FOLDER"):
            places_of(words)
