"""What nobody foresaw ends in one sentence, and --debug shows where it came from."""

import errno
import sys
from types import SimpleNamespace

import pytest

from unrolled import cli


class Panic(BaseException):
    """A panic of code in Rust is no Exception."""


FAULTS = [
    (ZeroDivisionError("division by zero"), "a fault in unrolled that nobody foresaw (ZeroDiv"),
    (RecursionError("maximum recursion depth exceeded"), "nobody foresaw (RecursionError: max"),
    (Panic("index out of bounds"), "nobody foresaw (Panic: index out of bounds)"),
    (MemoryError(), "the memory of this machine is used up"),
    (OSError(errno.EACCES, "Permission denied", "/secret"), "'/secret' cannot be used (Permission"),
    (OSError(errno.ENOSPC, "No space left on device"), "nobody foresaw (OSError: [Errno 28]"),
    (RuntimeError("line\n" * 999), "nobody foresaw (RuntimeError: line line"),
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
    assert "is no text in UTF-8" in capsys.readouterr().err


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
