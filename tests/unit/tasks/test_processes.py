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
from tests.trained_together import histories

pytestmark = pytest.mark.exhaustive
ROOT = Path(__file__).parents[3]
TASKS = ("classify", "forecast", "generate")


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    return histories(tmp_path_factory.mktemp("alone"))


@pytest.fixture(scope="module")
def together(tmp_path_factory, alone):
    """After the one process, whose kernels are then in the cache."""
    folder = tmp_path_factory.mktemp("together")
    torchrun = str(Path(sys.executable).with_name("torchrun"))
    words = [torchrun, "--nproc-per-node", "2", "-m", "tests.trained_together", str(folder)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=240, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return folder, json.loads(done.stdout.splitlines()[-1])


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
