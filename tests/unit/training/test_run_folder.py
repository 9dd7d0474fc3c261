"""What is kept is there whole or not at all, and nothing in a run is ever executed."""

import errno
import json
import math
import os
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
from unrolled import files
from unrolled.errors import MissingExtra
from unrolled.files import CannotWrite, write_whole
from unrolled.training import toml
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


@pytest.mark.exhaustive
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
    with pytest.raises(CannotWrite, match="not an empty folder"):
        RunFolder.create(tmp_path / "full", {})
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotWrite, match="not an empty folder"):
        RunFolder.create(tmp_path / "file", {})
    with pytest.raises(CannotWrite, match="choose another place"):
        RunFolder.create(tmp_path / "file" / "below", {})


def test_what_is_no_run_says_so(tmp_path):
    with pytest.raises(NotARun, match="there is no run"):
        RunFolder.open(tmp_path / "nowhere")
    with pytest.raises(NotARun, match="is not a run"):
        RunFolder.open(tmp_path)
    run = RunFolder.create(tmp_path / "run", {})
    with pytest.raises(NotARun, match=r"interrupted.*--resume"):
        run.read_weights()
    (run.path / "weights.safetensors").write_bytes(b"rubbish")
    with pytest.raises(NotARun, match="damaged"):
        run.read_weights()
    (run.path / "manifest.json").unlink()  # a run without one is read as it is
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
    monkeypatch.setattr("unrolled.errors.find_spec", lambda name: None)
    run = RunFolder.create(tmp_path / "run", {})
    with pytest.raises(MissingExtra, match=r"unrolled\[tensorboard\]"):
        train(ToyJob(), Settings(epochs=1, tensorboard=True), run)


FILES = ("config.toml", "vocabulary.json", "cell.json", "weights.safetensors", "manifest.json")


def a_run(path):
    run = RunFolder.create(path, {"task": "toy"}, {"vocabulary.json": "[1]", "cell.json": "[2]"})
    run.write_weights({"a": torch.arange(6.0)})
    return run


def read_all(run):
    run.config(), run.read_json("vocabulary.json"), run.read_json("cell.json")
    return run.read_weights()


@pytest.mark.parametrize("name", FILES)
def test_a_flipped_bit_is_noticed(tmp_path, name):
    run = a_run(tmp_path / "run")
    whole = (run.path / name).read_bytes()
    for place in range(0, len(whole), 7):
        spoilt = bytearray(whole)
        spoilt[place] ^= 1 << place % 8
        (run.path / name).write_bytes(spoilt)
        try:
            read = read_all(RunFolder.open(run.path))
        except NotARun:
            continue
        assert name == "manifest.json"  # white space, or a digest that no longer counts
        assert torch.equal(read["a"], torch.arange(6.0))


def test_a_file_may_change_only_by_way_of_the_run(tmp_path):
    run = a_run(tmp_path / "run")
    run.write_weights({"a": torch.ones(3)})
    run.write_config({"task": "other"})
    assert read_all(run)["a"].tolist() == [1, 1, 1]
    (run.path / "vocabulary.json").write_text("[7]")
    with pytest.raises(NotARun, match=r"vocabulary\.json is not what training wrote.*copy the run"):
        read_all(run)


def test_a_run_without_a_manifest_is_read_and_said(tmp_path, capsys):
    run = a_run(tmp_path / "run")
    (run.path / "manifest.json").unlink()
    read_all(RunFolder.open(run.path))
    assert "has no manifest.json, so damage to it would go unnoticed" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf])
def test_weights_that_are_not_finite_are_refused_by_name(tmp_path, wrong):
    run = a_run(tmp_path / "run")
    run.write_weights({"fine": torch.ones(2), "readout.bias": torch.tensor([1.0, wrong])})
    with pytest.raises(NotARun, match=r"the weight 'readout\.bias' .* not finite"):
        run.read_weights()


@pytest.mark.parametrize(
    "name", ["metrics.jsonl", "checkpoints", "checkpoints/step-000000001.json"]
)
def test_a_link_in_a_run_is_not_followed(tmp_path, name):
    run = a_run(tmp_path / "run")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "precious.txt").write_text("mine")
    if "/" in name:
        (run.path / "checkpoints").mkdir()
    (run.path / name).symlink_to(tmp_path / "mine")
    with pytest.raises(NotARun, match="is a link"):
        RunFolder.open(run.path)
    assert (tmp_path / "mine" / "precious.txt").read_text() == "mine"


def test_files_that_are_no_checkpoints_are_left_alone(tmp_path):
    run = a_run(tmp_path / "run")
    (run.path / "checkpoints").mkdir()
    (run.path / "checkpoints" / "precious.txt").write_text("mine")
    train(ToyJob(), Settings(epochs=4), run)
    assert (run.path / "checkpoints" / "precious.txt").read_text() == "mine"
    assert len(list((run.path / "checkpoints").glob("*.json"))) == 2


def test_what_the_dead_left_is_swept_and_the_living_are_left(tmp_path):
    run = a_run(tmp_path / "run")
    dead = files.part_of(run.path / "weights.safetensors").name.replace(
        f"-{os.getpid()}.", f"-{2**22 + 1}."
    )
    (run.path / dead).write_bytes(b"half")
    folder = tmp_path / dead.replace("weights.safetensors", "book-1")
    folder.mkdir()
    (folder / "config.toml").write_text("")
    living = files.part_of(run.path / "cell.json")
    living.write_text("half")
    elsewhere = run.path / ".cell.json.00000000-1.part"  # of another machine, an hour ago
    elsewhere.write_text("half")
    mine = run.path / ".notes.part"
    mine.write_text("mine")
    RunFolder.open(run.path)
    assert not (run.path / dead).exists()
    assert not folder.exists()
    assert living.exists()
    assert elsewhere.exists()
    assert mine.exists()
    os.utime(elsewhere, (0, 0))
    RunFolder.open(run.path)
    assert not elsewhere.exists()


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("config.toml", ".".join("a" * 50_000) + " = 1", "more than 3,000 dots"),
        ("config.toml", "a = " + "[" * 100_000, "cannot be read"),
        ("config.toml", "#" * (1 << 20) + "\n", "larger than the limit of 1,048,576 bytes"),
        ("vocabulary.json", "[" * 100_000, "cannot be read"),
        ("vocabulary.json", '["\\ud800', "cannot be read"),
        ("manifest.json", "{" * 100, "cannot be read"),
        ("manifest.json", '{"unrolled_run": 2, "sha256": {}}', "this version reads 1"),
        ("manifest.json", '{"unrolled_run": 1, "sha256": []}', "cannot be read"),
        ("metrics.jsonl", "3\n", "a line holds no record"),
        ("metrics.jsonl", "[" * 100_000 + "\n", "cannot be read"),
    ],
)
def test_hostile_files_are_refused_in_a_sentence(tmp_path, name, text, words):
    run = a_run(tmp_path / "run")
    if name != "manifest.json":
        (run.path / "manifest.json").unlink()
    (run.path / name).write_text(text)
    with pytest.raises(NotARun, match=words):
        read_all(RunFolder.open(run.path)), run.metrics()


@pytest.mark.parametrize("path", ["x" * 5000, "nul\0byte", "caf\udce9"])
def test_paths_that_cannot_be(path):
    with pytest.raises(NotARun, match="there is no run"):
        RunFolder.open(path)


def test_half_a_line_that_a_killed_process_left_is_no_line(tmp_path):
    run = a_run(tmp_path / "run")
    run.append_metrics({"epoch": 1})
    with (run.path / "metrics.jsonl").open("a") as file:
        file.write('{"epoch": 2, "lo')
    assert run.metrics() == [{"epoch": 1}]
