"""Two processes on one machine come to the loss of one, and one of them writes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tolerances import PROCESSES, assert_agrees
from tests.toy_job import ToyJob
from unrolled.training.loop import train
from unrolled.training.run_folder import RunFolder
from unrolled.training.settings import Settings

ROOT = Path(__file__).parents[3]

CHILD = """
import json, sys
sys.path.insert(0, {root!r})
from pathlib import Path
from tests.toy_job import ToyJob
from unrolled.training.fabric import is_first_process
from unrolled.training.loop import train
from unrolled.training.run_folder import RunFolder
from unrolled.training.settings import Settings

devices, path = int(sys.argv[1]), Path(sys.argv[2])
run = RunFolder.create(path, {{}}) if is_first_process() else RunFolder(path)
state = train(ToyJob(rows=21, dropout=0.0), Settings(epochs=3, devices=devices), run)
if is_first_process():
    print(json.dumps(state.history))
"""


def run_it(tmp_path, devices, *launcher):
    script = tmp_path / "child.py"
    script.write_text(CHILD.format(root=str(ROOT)))
    run = tmp_path / f"run-{devices}-{len(launcher)}"
    words = [*(launcher or [sys.executable, "-W", "ignore"]), str(script), str(devices), str(run)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert len((run / "metrics.jsonl").read_text().splitlines()) == 3
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    run = RunFolder.create(tmp_path_factory.mktemp("alone") / "run", {})
    state = train(ToyJob(rows=21, dropout=0.0), Settings(epochs=3, devices=1), run)
    return state.history


def assert_same_losses(history, other):
    for ours, theirs in zip(history, other, strict=True):
        for name in ("train_loss", "validation_loss"):
            assert_agrees(ours[name], theirs[name], tolerance=PROCESSES)


@pytest.mark.exhaustive
def test_two_devices(tmp_path, alone):
    """Batches of four and a last one of a single row: then one process has nothing to add."""
    assert_same_losses(run_it(tmp_path, 2), alone)


@pytest.mark.exhaustive
def test_torchrun(tmp_path, alone):
    torchrun = str(Path(sys.executable).with_name("torchrun"))
    launcher = [torchrun, "--nproc-per-node", "2"]
    assert_same_losses(run_it(tmp_path, 1, *launcher), alone)
