"""Two processes of each task come to the losses of one, and leave one whole run.

What differs is rounding alone: two processes add the same gradients in another order. Adam divides
a gradient by its own size, so where gradients cancel but for rounding it makes whole steps of that,
and a training that depends on every bit goes elsewhere (a forecast of noise with Adam at 0.01: by
3e-3 after six epochs in float32). In float64 the same training agrees to 1e-9.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tolerances import PROCESSES, PROCESSES_FLOAT64, assert_agrees

ROOT = Path(__file__).parents[3]
TASKS = ("classify", "forecast", "generate")

CHILD = """
import json, sys
sys.path.insert(0, {root!r})
import numpy as np
from tests.figures import draw_figures
from tests.made_up import opinions
from unrolled.tasks.classify.classifier import Classifier
from unrolled.tasks.forecast.forecaster import Forecaster
from unrolled.tasks.generate.generator import Generator
from unrolled.training.fabric import is_first_process

draw_figures(False)

def shared(task):
    return {{"hidden": 9, "epochs": 2, "dropout": 0.0, "out": f"{{sys.argv[1]}}/{{task}}"}}

texts, labels = opinions(61)
models = {{
    "classify": Classifier(**shared("classify"), batch_size=4).fit(texts, labels),
    "forecast": Forecaster(
        **shared("forecast"), horizon=5, season=7, window=16, batch_size=3, patience=None,
    ).fit(np.sin(np.arange(150) / 7) + np.arange(150) % 7),
    "generate": Generator(**shared("generate"), window=16, batch_size=3).fit(" ".join(texts)),
}}
build = Forecaster._build
Forecaster._build = lambda self: build(self).double()
noise = np.random.default_rng(0).normal(size=150)
models["float64"] = Forecaster(
    horizon=5, season=7, window=16, batch_size=3, patience=None, hidden=9, epochs=6, lr=0.01,
).fit(np.sin(np.arange(150) / 7) + np.arange(150) % 7 + 0.3 * noise)
if is_first_process():
    print(json.dumps({{task: model.history_ for task, model in models.items()}}))
"""


def histories(tmp_path, *launcher):
    script = tmp_path / "child.py"
    script.write_text(CHILD.format(root=str(ROOT)))
    words = [*launcher, str(script), str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    return histories(tmp_path_factory.mktemp("alone"), sys.executable, "-W", "ignore")


@pytest.fixture(scope="module")
def together(tmp_path_factory):
    folder = tmp_path_factory.mktemp("together")
    torchrun = str(Path(sys.executable).with_name("torchrun"))
    return folder, histories(folder, torchrun, "--nproc-per-node", "2")


@pytest.mark.parametrize("task", TASKS)
def test_two_processes(task, alone, together):
    folder, found = together
    assert len(found[task]) == len(alone[task]) == 2
    for ours, theirs in zip(found[task], alone[task], strict=True):
        for name in ("train_loss", "validation_loss"):
            assert_agrees(ours[name], theirs[name], tolerance=PROCESSES, name=name)
    lines = (folder / task / "metrics.jsonl").read_text().splitlines()
    assert len(lines) == 2
    assert (folder / task / "report.html").is_file()


def test_only_rounding_tells_them_apart(alone, together):
    """A training that rounding leads elsewhere in float32, with Adam, in float64."""
    found = together[1]["float64"]
    assert len(found) == len(alone["float64"]) == 6
    for ours, theirs in zip(found, alone["float64"], strict=True):
        for name in ("train_loss", "validation_loss", "validation_mae"):
            assert_agrees(ours[name], theirs[name], tolerance=PROCESSES_FLOAT64, name=name)
