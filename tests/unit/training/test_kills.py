"""A training that is killed at any of its file operations goes on to the same bits.

A child does a whole training and is killed just before its n-th operation on a file, for every n:
opening, renaming, removing, making a folder, and flushing (then only half of the file has reached
the disk). Nothing waits and nothing depends on time. Then the training goes on as a person would go
on: the run is opened and resumed, or, where there is none yet, begun.
"""

import json
import os
import signal
import sys
import warnings
from pathlib import Path

import pytest
import torch

from tests.toy_job import ToyJob
from unrolled.training.loop import train
from unrolled.training.manifest import NotARun
from unrolled.training.run_folder import RunFolder
from unrolled.training.settings import Settings

EPOCHS = 2
EVENTS = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate")


def whole_training(path):
    """What `unrolled train` does with a run, or `--resume` with one that is there."""
    try:
        run, resume = RunFolder.open(path), True
    except NotARun:
        run, resume = RunFolder.create(path, {"task": "toy"}, {"cell.json": "[1]"}), False
    assert run.config()["task"] == "toy"
    assert run.read_json("cell.json") == [1]
    run.write_config({"task": "toy", "resumed": resume})
    state = train(ToyJob(), Settings(epochs=EPOCHS), run, resume=resume)
    run.write_text("report.html", f"{state.finished}")


def count_operations(folder, killed_at):
    """Watch this process's operations on files below a folder; kill it before one of them."""
    done = 0

    def before(handle=None):
        nonlocal done
        done += 1
        if done == killed_at:
            if handle is not None and (size := os.fstat(handle).st_size) > 1:
                os.ftruncate(handle, size // 2)
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(event, arguments):
        if event in EVENTS and str(arguments[0]).startswith(str(folder)):
            before()

    fsync = os.fsync

    def flush(handle):
        if not os.path.isdir(f"/proc/self/fd/{handle}"):  # noqa: PTH112 - asks the system
            before(handle)
        fsync(handle)

    sys.addaudithook(watch)
    os.fsync = flush
    return lambda: done


def in_a_child(folder, killed_at=0):
    """How many operations a child has done, or None where it was killed."""
    read, write = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a newer Python warns of threads, which the child lacks
        child = os.fork()
    if child == 0:
        status = 1
        try:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            count = count_operations(folder, killed_at)
            whole_training(folder / "run")
            os.write(write, str(count()).encode())
            status = 0
        finally:
            os._exit(status)
    os.close(write)
    with os.fdopen(read) as answer:
        told = answer.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return None
    assert status == 0, "the child failed"
    return int(told)


@pytest.mark.exhaustive
@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="asks Linux about its files")
def test_every_operation(tmp_path, capfd):
    torch.set_num_threads(1)
    (tmp_path / "whole").mkdir()
    count = in_a_child(tmp_path / "whole")
    expected = RunFolder.open(tmp_path / "whole" / "run").read_weights()
    assert count > 40
    for killed_at in range(1, count + 1):
        folder = tmp_path / f"killed-{killed_at}"
        folder.mkdir()
        assert in_a_child(folder, killed_at) is None
        whole_training(folder / "run")
        run = RunFolder.open(folder / "run")
        found = run.read_weights()
        assert all(torch.equal(found[name], expected[name]) for name in expected), killed_at
        assert [record["epoch"] for record in run.metrics()] == [1, 2], killed_at
        assert (run.path / "report.html").read_text() == "all epochs are done"
        left = [path.name for path in folder.rglob("*") if ".part" in path.name]
        assert left == [], killed_at
        for path in run.checkpoints.paths():
            if path.suffix == ".json":
                assert json.loads(path.read_text())["sha256"]
    said = capfd.readouterr().err
    assert "damaged" not in said
