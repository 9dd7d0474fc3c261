"""Runs in which a file is damaged, or holds other values: they work, or are refused in a sentence.

Each run is asked as by its commands; `manifest.json`, whose digests would answer first, is taken
away where something else is damaged. Nothing that a run holds is executed.
"""

from __future__ import annotations

import json
import random
import shutil
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.fuzz.damage import changed, damaged
from tests.fuzz.verdict import Endless, Failures, check_sentence, judge
from unrolled.cli.jobs import of_run
from unrolled.errors import UnrolledError
from unrolled.tasks.caption.captioner import Captioner
from unrolled.tasks.classify.classifier import Classifier
from unrolled.tasks.compose.composer import Composer
from unrolled.tasks.forecast.forecaster import Forecaster
from unrolled.tasks.generate.generator import Generator
from unrolled.tasks.tag.tagger import Tagger
from unrolled.tasks.transcribe.transcriber import Transcriber
from unrolled.tasks.translate.translator import Translator
from unrolled.training import toml
from unrolled.training.run_folder import RunFolder

ASK: dict[str, Callable[[Path], Any]] = {
    "classify": lambda run: Classifier.load(run).predict(["a fine film"]),
    "generate": lambda run: Generator.load(run).generate_text("a", 3),
    "forecast": lambda run: Forecaster.load(run).forecast(),
    "tag": lambda run: Tagger.load(run).predict([["Ms", "N1", "came"]]),
    "transcribe": lambda run: Transcriber.load(run).predict([np.sin(np.arange(900.0))]),
    "translate": lambda run: Translator.load(run).predict(["a fine film"]),
    "clips": lambda run: Classifier.load(run).predict([np.zeros((4, 5, 8), np.uint8)]),
    "caption": lambda run: Captioner.load(run).predict([np.zeros((6, 12, 3), np.uint8)]),
    "compose": lambda run: Composer.load(run).compose(2.0, pieces=1),
}


def resumed(path: Path) -> Any:
    """What `train --resume` looks at before it trains."""
    run = RunFolder.open(path)
    of_run(run).reopen(run, run.config())
    return run.checkpoints.load(lambda text: None)


def spoiled(file: Path, chance: random.Random) -> bytes:
    """Other bytes for a file: damaged ones, or for plain data other values."""
    data = file.read_bytes()
    if chance.random() < 0.3 or file.suffix not in (".json", ".toml"):
        return damaged(data, chance)
    if file.suffix == ".json":
        return json.dumps(changed(json.loads(data), chance)).encode()
    values = changed(tomllib.loads(data.decode()), chance)
    try:
        return toml.dump(values).encode("utf-8", "surrogatepass")
    except TypeError:  # a table inside a list, which a configuration has no words for
        return damaged(data, chance)


@pytest.mark.parametrize("task", ASK)
def test_a_spoiled_run_works_or_is_refused(
    task: str, runs: Path, cases: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    kept = [file.relative_to(runs) for file in sorted((runs / task).rglob("*")) if file.is_file()]
    kept = [file for file in kept if file.name not in ("metrics.jsonl", "report.html")]
    failures = Failures(Path(__file__).parents[2] / "fuzz-failures" / f"run {task}")
    for number, chance in cases:
        name = chance.choice(kept)
        shutil.rmtree(tmp_path / task, ignore_errors=True)
        shutil.copytree(runs / task, tmp_path / task)
        data = spoiled(runs / name, chance)
        if name.name != "manifest.json":
            (tmp_path / task / "manifest.json").unlink()
        (tmp_path / name).write_bytes(data)
        for ask in (ASK[task], resumed):
            try:
                judge(lambda ask=ask: ask(tmp_path / task), tmp_path)
            except (Exception, Endless) as error:  # noqa: BLE001 - each of them is a finding
                failures.add(error, f"{number} {name.name}", data)
    failures.tell()


def an_ngram_twice(data: Any) -> None:
    data["ngrams"]["words"].append(data["ngrams"]["words"][0])


def many_axes(data: Any) -> None:
    next(row for row in data["nodes"] if row[0] == "weight")[2] = ["x"] * 5_000


def an_endless_position(data: Any) -> None:
    data["statements"][0][1] = "x" * 5_000


# What was answered by a traceback, or by pages, before.
KEPT: list[tuple[str, str, Callable[[Any], None]]] = [
    ("classify", "vocabulary.json", an_ngram_twice),
    ("classify", "config.toml", lambda data: data["parameters"].update(modify=3)),
    ("classify", "config.toml", lambda data: data.update(parameters=3)),
    ("classify", "config.toml", lambda data: data.update(cell_sizes=[1])),
    ("classify", "config.toml", lambda data: data.update(cell_sizes={"order": -1})),
    ("translate", "config.toml", lambda data: data["parameters"].update(validation="x" * 900)),
    ("transcribe", "config.toml", lambda data: data["parameters"].update(nodes="x" * 900)),
    ("transcribe", "vocabulary.json", lambda data: data["features"].update(deviation=[0.0] * 5)),
    ("generate", "cell.json", many_axes),
    ("generate", "cell.json", an_endless_position),
]


@pytest.mark.parametrize("case", range(len(KEPT)), ids=lambda n: f"{KEPT[n][1]} {n}")
def test_a_run_that_was_not_answered_before(case: int, runs: Path, tmp_path: Path) -> None:
    task, name, change = KEPT[case]
    run = tmp_path / task
    shutil.copytree(runs / task, run)
    (run / "manifest.json").unlink()
    text = (run / name).read_text()
    data = json.loads(text) if name.endswith(".json") else tomllib.loads(text)
    change(data)
    (run / name).write_text(json.dumps(data) if name.endswith(".json") else toml.dump(data))
    with pytest.raises(UnrolledError) as error:
        ASK[task](run)
    check_sentence(str(error.value), tmp_path)
