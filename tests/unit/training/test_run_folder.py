"""What is kept is there whole or not at all, and nothing in a run is ever executed."""

import errno
import json
import math
import subprocess
import sys
import textwrap
import tomllib
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tolerances import FIGURE, assert_agrees
from tests.toy_job import ToyJob
from unrolled.errors import MissingExtra
from unrolled.training import files, toml
from unrolled.training.files import CannotWrite, write_whole
from unrolled.training.loop import train
from unrolled.training.run_folder import NotARun, RunFolder
from unrolled.training.settings import Settings

ROOT = Path(__file__).parents[3]

VALUES = st.one_of(
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.text(st.characters(exclude_categories=["Cs"])),
    st.lists(st.integers(-5, 5)),
)
TABLES = st.recursive(
    st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), VALUES),
    lambda inner: st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
    max_leaves=8,
)


@settings(deadline=None)
@given(TABLES)
def test_a_configuration_comes_back_the_same(config):
    assert tomllib.loads(toml.dump(config)) == config


def test_what_is_none_is_left_out_and_nan_has_a_word():
    read = tomllib.loads(toml.dump({"a": None, "b": math.nan, "c": -math.inf}))
    assert read.keys() == {"b", "c"}
    assert math.isnan(read["b"])
    assert read["c"] == -math.inf


def test_a_full_disk_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    path = tmp_path / "kept.json"
    write_whole(path, "old")

    def full(handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(CannotWrite, match=r"kept\.json .* the disk is full"):
        write_whole(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_training_goes_on_when_a_checkpoint_does_not_fit(tmp_path, capsys):
    """A real limit of the operating system: no file may grow beyond it."""
    code = textwrap.dedent(f"""
        import resource, signal, sys
        sys.path.insert(0, {str(ROOT)!r})
        from tests.toy_job import ToyJob
        from unrolled.training.loop import train
        from unrolled.training.run_folder import RunFolder
        from unrolled.training.settings import Settings

        class Filling(ToyJob):
            def compute(self, model, batch, share):
                if self.calls == 9:  # in the second epoch the disk is full
                    resource.setrlimit(resource.RLIMIT_FSIZE, (900, -1))
                if self.calls == 16:  # and later there is room again
                    resource.setrlimit(resource.RLIMIT_FSIZE, (-1, -1))
                return super().compute(model, batch, share)

        run = RunFolder.create({str(tmp_path / "run")!r}, {{}})
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        train(Filling(), Settings(epochs=4), run)
    """)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "no checkpoint at step 12 (the last is of step 6)" in done.stderr
    assert "the disk is full" in done.stderr
    run = RunFolder(tmp_path / "run")
    assert run.checkpoints.steps() == [24, 18]
    assert not list(run.path.rglob("*.part"))
    assert len(run.metrics()) == 4


def test_a_run_that_is_moved_is_the_same_run(tmp_path):
    run = RunFolder.create(tmp_path / "here", {"task": "toy"})
    train(ToyJob(), Settings(epochs=2), run)
    (tmp_path / "elsewhere").mkdir()
    moved = tmp_path / "elsewhere" / "there"
    run.path.rename(moved)
    state = train(ToyJob(), Settings(epochs=3), RunFolder.open(moved), resume=True)
    assert state.epoch == 3
    assert RunFolder.open(moved).config() == {"task": "toy"}


def test_a_place_that_is_taken_is_refused(tmp_path):
    RunFolder.create(tmp_path / "run", {})
    with pytest.raises(CannotWrite, match=r"already holds a run.*--resume"):
        RunFolder.create(tmp_path / "run", {})
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "precious.txt").write_text("mine")
    with pytest.raises(CannotWrite, match="no empty folder"):
        RunFolder.create(tmp_path / "full", {})
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotWrite, match="no empty folder"):
        RunFolder.create(tmp_path / "file", {})
    with pytest.raises(CannotWrite, match="choose another place"):
        RunFolder.create(tmp_path / "file" / "below", {})


def test_what_is_no_run_says_so(tmp_path):
    with pytest.raises(NotARun, match="there is no run"):
        RunFolder.open(tmp_path / "nowhere")
    with pytest.raises(NotARun, match="is no run"):
        RunFolder.open(tmp_path)
    run = RunFolder.create(tmp_path / "run", {})
    with pytest.raises(NotARun, match=r"cut short.*--resume"):
        run.read_weights()
    (run.path / "weights.safetensors").write_bytes(b"rubbish")
    with pytest.raises(NotARun, match="damaged"):
        run.read_weights()
    (run.path / "config.toml").write_text("task = ")
    with pytest.raises(NotARun, match=r"config\.toml cannot be read"):
        run.config()
    (run.path / "vocabulary.json").write_bytes(b"\xff\xfe{")
    with pytest.raises(NotARun, match=r"vocabulary\.json cannot be read"):
        run.read_json("vocabulary.json")


def test_metrics_are_strict_json(tmp_path):
    run = RunFolder.create(tmp_path / "run", {})
    run.append_metrics({"epoch": 1, "loss": math.nan})
    line = (run.path / "metrics.jsonl").read_text()
    assert json.loads(line, parse_constant=pytest.fail) == {"epoch": 1, "loss": None}


def test_no_pickle_is_read_or_written(tmp_path):
    run = RunFolder.create(tmp_path / "run", {})
    train(ToyJob(), Settings(epochs=1), run)
    for path in run.path.rglob("*"):
        assert path.is_dir() or path.suffix in {".toml", ".json", ".jsonl", ".safetensors"}
    source = ROOT / "src" / "unrolled"
    for part in ("training", "tasks"):
        for path in (source / part).rglob("*.py"):
            text = path.read_text()
            assert "torch.load" not in text.replace("safetensors.torch.load", ""), path
            assert "import pickle" not in text, path


def test_tied_weights_are_kept(tmp_path):
    run = RunFolder.create(tmp_path / "run", {})
    shared = torch.ones(2, 2)
    run.write_weights({"a": shared, "b": shared})
    assert torch.equal(run.read_weights()["b"], shared)


def test_half_a_line_of_metrics_does_not_stay(tmp_path, monkeypatch):
    run = RunFolder.create(tmp_path / "run", {})
    run.append_metrics({"epoch": 1})

    def full(handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("unrolled.training.run_folder.os.fsync", full)
    with pytest.raises(CannotWrite, match="the disk is full"):
        run.append_metrics({"epoch": 2})
    monkeypatch.undo()
    assert run.metrics() == [{"epoch": 1}]


def test_tensorboard_on_request(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = RunFolder.create(tmp_path / "run", {})
    state = train(ToyJob(), Settings(epochs=2, tensorboard=True), run)
    events = EventAccumulator(str(run.path / "tensorboard")).Reload()
    shown = events.Scalars("validation/loss")
    assert [event.step for event in shown] == [record["step"] for record in state.history]
    for event, record in zip(shown, state.history, strict=True):
        assert_agrees(event.value, record["validation_loss"], tolerance=FIGURE)


def test_tensorboard_that_is_missing_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    run = RunFolder.create(tmp_path / "run", {})
    with pytest.raises(MissingExtra, match=r"unrolled\[tensorboard\]"):
        train(ToyJob(), Settings(epochs=1, tensorboard=True), run)
