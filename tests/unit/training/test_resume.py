"""A training that was cut short goes on to the same bits, whatever cut it."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
import torch

from tests.toy_job import ToyJob
from unrolled.training.interrupts import Interrupted, Terminated
from unrolled.training.loop import train
from unrolled.training.planning import Planner
from unrolled.training.run_folder import RunFolder
from unrolled.training.settings import Settings

SETTINGS = {"epochs": 4, "optimizer": "adam", "schedule": "cosine", "checkpoint_seconds": 0.0}


class Stopping(ToyJob):
    """Sends itself a signal in the midst of a step."""

    stop_at, number = 9, signal.SIGINT

    def compute(self, model, batch, share):
        result = super().compute(model, batch, share)
        if self.calls == self.stop_at:
            os.kill(os.getpid(), self.number)
        return result


def without_time(records):
    return [
        {key: value for key, value in one.items() if not key.startswith("seconds")}
        for one in records
    ]


def assert_same_run(run, other):
    ours, theirs = run.read_weights(), other.read_weights()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert without_time(run.metrics()) == without_time(other.metrics())


@pytest.fixture
def whole(tmp_path):
    run = RunFolder.create(tmp_path / "whole", {})
    train(ToyJob(), Settings(**SETTINGS), run)
    return run


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_in_the_last_evaluation_is_obeyed_and_loses_nothing(tmp_path, whole, number):
    job = Stopping()
    job.number = number
    job.stop_at = 4 * (len(job.batches("train", 0)) + 1)  # the validation part is one batch
    run = RunFolder.create(tmp_path / "cut", {})
    expected = Terminated if number == signal.SIGTERM else KeyboardInterrupt
    with pytest.raises(KeyboardInterrupt) as stopped:
        train(job, Settings(**SETTINGS), run)
    assert type(stopped.value) is expected
    assert job.calls == job.stop_at
    assert_same_run(run, whole)


@pytest.mark.exhaustive
@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "rmsprop", "adam", "adamw", "muon"])
@pytest.mark.parametrize("stop_at", [1, 6, 9, 14])
def test_after_ctrl_c(tmp_path, optimizer, stop_at):
    settings = Settings(**{**SETTINGS, "optimizer": optimizer, "schedule": "plateau"})
    whole = RunFolder.create(tmp_path / "whole", {})
    train(ToyJob(), settings, whole)
    run = RunFolder.create(tmp_path / "cut", {})
    job = Stopping()
    job.stop_at = stop_at
    with pytest.raises(Interrupted, match="--resume"):
        train(job, settings, run)
    train(ToyJob(), settings, run, resume=True)
    assert_same_run(run, whole)


def test_a_plan_that_a_budget_settled_is_gone_on_with(tmp_path, monkeypatch):
    """However slow the machine is by then: the rates are those of the plan."""
    settings = Settings(**{**SETTINGS, "minutes": 60.0, "epochs": 50})
    monkeypatch.setattr(Planner, "plan", lambda self, *rest: 15)
    whole = RunFolder.create(tmp_path / "whole", {})
    state = train(ToyJob(), settings, whole)
    assert (state.step, state.finished) == (15, "the minutes are used up")
    run = RunFolder.create(tmp_path / "cut", {})
    with pytest.raises(Interrupted):
        train(Stopping(), settings, run)
    monkeypatch.setattr(Planner, "plan", lambda self, *rest: 99)
    train(ToyJob(), settings, run, resume=True)
    assert_same_run(run, whole)
    more = Settings(**{**SETTINGS, "minutes": 70.0, "epochs": 50})
    assert train(ToyJob(), more, run, resume=True).step == 99


def test_resuming_a_finished_run_changes_nothing(whole):
    before = whole.read_weights()
    state = train(ToyJob(), Settings(**SETTINGS), whole, resume=True)
    assert state.finished == "all epochs are done"
    assert all(torch.equal(before[name], tensor) for name, tensor in whole.read_weights().items())


def test_resuming_a_run_without_a_checkpoint_begins_at_the_start(tmp_path, whole):
    run = RunFolder.create(tmp_path / "new", {})
    train(ToyJob(), Settings(**SETTINGS), run, resume=True)
    assert_same_run(run, whole)


@pytest.mark.parametrize("damage", ["cut", "flipped", "no tensors", "not json"])
def test_a_damaged_checkpoint_is_left_out_and_said(tmp_path, whole, damage, capsys):
    run = RunFolder.create(tmp_path / "cut", {})
    job = Stopping()
    with pytest.raises(Interrupted):
        train(job, Settings(**SETTINGS), run)
    newest = f"step-{run.checkpoints.steps()[0]:09d}"
    (tensors,) = run.checkpoints.folder.glob(f"{newest}-*.safetensors")
    data = bytearray(tensors.read_bytes())
    if damage == "cut":
        tensors.write_bytes(data[: len(data) // 2])
    elif damage == "flipped":
        data[-1] ^= 1
        tensors.write_bytes(data)
    elif damage == "no tensors":
        tensors.unlink()
    else:
        (run.checkpoints.folder / f"{newest}.json").write_text("{")
    train(ToyJob(), Settings(**SETTINGS), run, resume=True)
    assert "is damaged" in capsys.readouterr().err
    assert_same_run(run, whole)


def test_two_generations_are_kept_and_no_more(whole):
    assert len(whole.checkpoints.steps()) == 2
    assert len(list(whole.checkpoints.folder.iterdir())) == 4


CHILD = """
    import sys, time
    sys.path.insert(0, {root!r})
    from tests.toy_job import ToyJob
    from unrolled.training.loop import train
    from unrolled.training.run_folder import RunFolder
    from unrolled.training.settings import Settings

    class Slow(ToyJob):
        def compute(self, *arguments):
            time.sleep(0.002)
            return super().compute(*arguments)

    print("ready", flush=True)
    train(Slow(), Settings(**{settings!r}), RunFolder({path!r}), resume=True)
"""


@pytest.mark.exhaustive
def test_after_kill_9_again_and_again(tmp_path, whole):
    """Killed at a moment that nobody chose, then run until it is through; `test_kills` does so
    at every moment that matters."""
    run = RunFolder.create(tmp_path / "killed", {})
    root = str(Path(__file__).parents[3])
    code = textwrap.dedent(CHILD.format(root=root, settings=SETTINGS, path=str(run.path)))
    killed = 0
    for patience in [0.05, 60.0]:
        child = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", code], stdout=subprocess.PIPE, text=True
        )
        assert child.stdout.readline() == "ready\n"
        time.sleep(patience) if patience < 1 else child.wait(patience)
        child.send_signal(signal.SIGKILL)
        killed += child.wait() == -signal.SIGKILL
        child.stdout.close()
    assert killed >= 1
    train(ToyJob(), Settings(**SETTINGS), run, resume=True)
    assert_same_run(run, whole)
