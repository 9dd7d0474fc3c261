"""An unexpected error ends in one sentence, and --debug shows where it came from."""

import errno
import sys
from types import SimpleNamespace

import pytest

from unrolled import cli


class Panic(BaseException):
    """A panic of code in Rust is no Exception."""


FAULTS = [
    (ZeroDivisionError("division by zero"), "unexpected error in unrolled (ZeroDiv"),
    (
        RecursionError("maximum recursion depth exceeded"),
        "unexpected error in unrolled (RecursionError: max",
    ),
    (Panic("index out of bounds"), "unexpected error in unrolled (Panic: index out of bounds)"),
    (MemoryError(), "this machine is out of memory"),
    (OSError(errno.EACCES, "Permission denied", "/secret"), "'/secret' cannot be used (Permission"),
    (
        OSError(errno.ENOSPC, "No space left on device"),
        "unexpected error in unrolled (OSError: [Errno 28]",
    ),
    (RuntimeError("line\n" * 999), "unexpected error in unrolled (RuntimeError: line line"),
]


@pytest.fixture
def failing(monkeypatch):
    """A command `train` that raises what is put into it."""
    module = SimpleNamespace(__doc__="Train.", configure=lambda parser: None)
    monkeypatch.setitem(sys.modules, "fake_train", module)
    monkeypatch.setitem(cli.COMMANDS, "train", ("fake_train", "train a network"))
    monkeypatch.setenv("UNROLLED_DEBUG", "0")

    def raising(error):
        def run(arguments):
            raise error

        module.run = run

    return raising


@pytest.mark.parametrize(("error", "words"), FAULTS, ids=[type(e).__name__ for e, _ in FAULTS])
def test_one_sentence_and_1(failing, capsys, error, words):
    failing(error)
    assert cli.main(["train"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("unrolled: ")
    assert words in said
    assert "--debug" in said
    assert said.count("\n") == 1
    assert len(said) < 700


def test_debug_lets_it_through(failing, monkeypatch):
    failing(ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        cli.main(["train", "--debug"])
    monkeypatch.setenv("UNROLLED_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        cli.main(["train"])


@pytest.mark.parametrize("word", ["caf\udce9.csv", "--out=\udcff"])
def test_bytes_that_are_no_text(capsys, word):
    assert cli.main(["train", "classify", word]) == 2
    assert "is not valid UTF-8" in capsys.readouterr().err


@pytest.mark.parametrize(
    "line",
    [
        "train classify a.csv --config=--",
        "data newsgroups --rows=--",
        "check lstm --seed=99999999999999999999",
        "check lstm --seed=-1",
        "generate run --seed=1e3",
        "lab bptt --seed=99999999999999999999",
        "train classify a.csv --seed=99999999999999999999",
    ],
)
def test_values_that_are_none(capsys, line):
    assert cli.main(line.split()) == 2
    said = capsys.readouterr().err
    assert "seed" in said or "takes a value" in said


def test_a_finished_run_says_so(tmp_path, capsys, monkeypatch):
    from tests.made_up import chatter

    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").write_text(chatter(400))
    words = ["--hidden", "3", "--window", "8", "--epochs", "1", "--quiet", "--out", "run"]
    assert cli.main(["train", "generate", "a.txt", *words]) == 0
    before = sorted((path.name, path.stat().st_mtime_ns) for path in tmp_path.rglob("*"))
    capsys.readouterr()
    assert cli.main(["train", "--resume", "run"]) == 0
    said = capsys.readouterr().out
    assert "run is finished (all epochs are done): give it more with --epochs or --minutes" in said
    assert sorted((path.name, path.stat().st_mtime_ns) for path in tmp_path.rglob("*")) == before
    assert cli.main(["train", "--resume", "run", "--epochs", "2", "--quiet"]) == 0
    assert len((tmp_path / "run" / "metrics.jsonl").read_text().splitlines()) == 2
    capsys.readouterr()
    assert cli.main(["evaluate", "run", "a.txt"]) == 0
    assert capsys.readouterr().out.startswith("run was trained on this data: new data will")
    (tmp_path / "copy.txt").write_text((tmp_path / "a.txt").read_text())
    assert cli.main(["evaluate", "run", "copy.txt", "--json"]) == 0
    assert '"learnt_from": true' in capsys.readouterr().out
    (tmp_path / "other.txt").write_text(chatter(500))
    assert cli.main(["evaluate", "run", "other.txt"]) == 0
    assert "learned from" not in capsys.readouterr().out
