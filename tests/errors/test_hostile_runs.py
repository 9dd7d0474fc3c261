"""Runs from strangers: whatever a field holds, nothing is executed, and the answer is a sentence.

Each value of each file of a run is replaced by others that do not belong there; then the run is
loaded and asked. It may still work (a name may be any name); else it says in one sentence why not.
"""

import contextlib
import copy
import json
import shutil
import tomllib
from pathlib import Path

import numpy as np
import pytest

from tests.made_up import chatter, opinions
from unrolled.cli import main
from unrolled.errors import UnrolledError
from unrolled.tasks import estimator
from unrolled.tasks.classify.classifier import Classifier
from unrolled.tasks.forecast.forecaster import Forecaster
from unrolled.tasks.generate.generator import Generator
from unrolled.training import toml
from unrolled.training.run_folder import RunFolder

TINY = {"hidden": 3, "epochs": 1, "batch_size": 8}
EVIL = "evil.py:Evil"
VALUES = (EVIL, -1, 10**9, 1e308, [], {"a": {"b": 1}}, True, "\x00", "../../etc/passwd")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    place = tmp_path_factory.mktemp("strangers")
    (place / "evil.py").write_text(
        "import pathlib\npathlib.Path('executed').write_text('')\n"
        "from unrolled import Cell, tanh\n\n\nclass Evil(Cell):\n"
        "    def step(self, x, h):\n        return tanh(self.W @ x + self.U @ h)\n"
    )
    X, y = opinions(30)
    rows = "".join(f'"{text}",{label}\n' for text, label in zip(X, y))
    (place / "good.csv").write_text("text,label\n" + rows)
    with pytest.MonkeyPatch.context() as patch:  # a report takes longer than the rest
        patch.setattr(estimator, "render", lambda page: "")
        fit(place, X, y)
    return place


def fit(place, X, y):
    data = {"data": {"source": str(place / "good.csv"), "notes": ["a note"], "folds": 3}}
    Classifier(out=place / "classify", tokens="bpe", vocabulary=300, **TINY).fit(X, y, **data)
    Generator(out=place / "generate", window=8, **TINY).fit(chatter(300))
    Forecaster(out=place / "forecast", horizon=2, **TINY).fit(np.arange(40) % 7.0)


ASK = {
    "classify": lambda run: Classifier.load(run).predict(["a fine film"]),
    "generate": lambda run: Generator.load(run).generate_text("a", 3),
    "forecast": lambda run: Forecaster.load(run).forecast(),
}


def ask(task, run):
    """Load and ask: an answer, or a sentence."""
    with contextlib.suppress(UnrolledError):
        ASK[task](run)
    assert not Path("executed").exists()


def places(data, most=3, path=()):
    """Where values stand in plain data; of a long list only a few."""
    yield path
    if isinstance(data, dict):
        for key, value in data.items():
            yield from places(value, most, (*path, key))
    elif isinstance(data, list):
        for index in range(min(len(data), most)):
            yield from places(data[index], most, (*path, index))


def some(number):
    """Three of the values, in turn."""
    return [VALUES[(3 * number + one) % len(VALUES)] for one in range(3)]


def replaced(data, path, value):
    if not path:
        return value
    data = copy.deepcopy(data)
    inner = data
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    return data


@pytest.fixture
def opened(runs, tmp_path, monkeypatch):
    """A copy of a run whose files may be changed: one without a manifest."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(runs / "evil.py", tmp_path)

    def copied(task):
        run = tmp_path / task
        shutil.copytree(runs / task, run)
        (run / "manifest.json").unlink()
        return run

    return copied


@pytest.mark.parametrize("task", ASK)
def test_each_field_of_the_configuration(opened, task):
    run = opened(task)
    whole = tomllib.loads((run / "config.toml").read_text())
    for number, path in enumerate(places(whole)):
        for value in some(number):
            if not path or (isinstance(path[-1], int) and isinstance(value, dict)):
                continue  # `toml` writes no tables inside lists
            (run / "config.toml").write_text(toml.dump(replaced(whole, path, value)))
            ask(task, run)


@pytest.mark.parametrize("task", ASK)
@pytest.mark.parametrize("name", ["vocabulary.json", "cell.json", "series.json"])
def test_each_field_of_each_file(opened, task, name):
    run = opened(task)
    if not (run / name).exists():
        pytest.skip("this task has no such file")
    whole = json.loads((run / name).read_text())
    for number, path in enumerate(places(whole)):
        for value in (None, *some(number)):
            (run / name).write_text(json.dumps(replaced(whole, path, value)))
            ask(task, run)


def test_each_field_of_a_checkpoint(runs, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(runs / "generate", "run")
    checkpoints = RunFolder("run").checkpoints
    (file,) = Path("run/checkpoints").glob("*.json")
    whole = json.loads(file.read_text())
    for path in places(whole, most=1):
        if path[:2] == ("state", "history") and len(path) > 3:
            continue
        for value in (None, *VALUES):
            file.write_text(json.dumps(replaced(whole, path, value)))
            notes = []
            found = checkpoints.load(notes.append)
            assert (found is None) == bool(notes)


def test_a_configuration_brings_no_code(runs, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    shutil.copy(runs / "evil.py", tmp_path)
    shutil.copytree(runs / "classify", "run")
    Path("run/manifest.json").unlink()
    text = Path("run/config.toml").read_text()
    Path("run/config.toml").write_text(text.replace('cell = "LSTM"', f'cell = "{EVIL}"'))
    assert EVIL in Path("run/config.toml").read_text()
    for name in ("top.toml", "inner.toml"):
        inner = "[parameters]\n" if name == "inner.toml" else ""
        Path(name).write_text(f'{inner}cell = "{EVIL}"\n')
        assert main(["train", "classify", str(runs / "good.csv"), "--config", name]) == 2
        assert "a file never loads code" in capsys.readouterr().err
    words = ["--config", "run", "--epochs", "1", "--tokens", "word", "--no-baseline", "--quiet"]
    assert main(["train", "classify", str(runs / "good.csv"), *words, "--out", "new"]) == 0
    assert not Path("executed").exists()
    assert Path("new/cell.json").read_text() == Path("run/cell.json").read_text()
    assert "--config run" in tomllib.loads(Path("new/config.toml").read_text())["data"]["command"]
