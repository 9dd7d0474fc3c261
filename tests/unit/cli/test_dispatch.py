"""The dispatcher: which command runs, what it gets, and what exit status comes back."""

import argparse
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from unrolled import UnrolledError, __version__, cli


def configure(parser: argparse.ArgumentParser) -> None:
    jobs = parser.add_subparsers(dest="job", required=True)
    job = jobs.add_parser("classify")
    job.add_argument("file")
    job.add_argument("--epochs", type=int, default=3)


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A command `train` whose `run` can be set."""
    module = SimpleNamespace(__doc__="Train.", configure=configure, run=lambda arguments: 0)
    monkeypatch.setitem(sys.modules, "fake_train", module)  # type: ignore[arg-type]
    monkeypatch.setitem(cli.COMMANDS, "train", ("fake_train", "train a network"))
    return module


def test_the_command_gets_its_arguments_and_gives_the_status(command: SimpleNamespace) -> None:
    seen: list[argparse.Namespace] = []
    command.run = lambda arguments: seen.append(arguments) or 1
    assert cli.main(["train", "classify", "a.csv", "--epochs", "5"]) == 1
    given = {"job": "classify", "file": "a.csv", "epochs": 5}
    assert {name: vars(seen[0])[name] for name in given} == given
    assert vars(seen[0]).keys() - given.keys() == {"began"}


def test_an_unrolled_error_is_one_sentence_and_2(
    command: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(arguments: argparse.Namespace) -> int:
        raise UnrolledError("the file 'a.csv' has no column 'text'")

    command.run = run
    assert cli.main(["train", "classify", "a.csv"]) == 2
    assert capsys.readouterr() == ("", "unrolled: the file 'a.csv' has no column 'text'\n")


def test_another_error_keeps_its_traceback(command: SimpleNamespace) -> None:
    command.run = lambda arguments: 1 // 0
    with pytest.raises(ZeroDivisionError):
        cli.main(["train", "classify", "a.csv"])


def test_interrupted_is_130(command: SimpleNamespace, capsys: pytest.CaptureFixture[str]) -> None:
    def run(arguments: argparse.Namespace) -> int:
        raise KeyboardInterrupt

    command.run = run
    assert cli.main(["train", "classify", "a.csv"]) == 130
    assert capsys.readouterr().err == "unrolled: interrupted\n"


STUCK = """
import threading
from unrolled import cli

def dispatch(words):
    threading.Thread(target=threading.Event().wait).start()  # it would never end
    print("half a line", end="")
    raise KeyboardInterrupt

cli.dispatch = dispatch
cli.command()
"""


def test_an_interrupted_process_does_not_wait_for_its_threads() -> None:
    done = subprocess.run(
        [sys.executable, "-c", STUCK], capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stdout) == (130, "half a line")
    assert done.stderr == "unrolled: interrupted\n"


@pytest.mark.parametrize("words", [["doctor"], ["doctor", "--help"], []])
def test_a_closed_pipe_is_quiet(words: list[str]) -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "unrolled", *words],
        stdout=write,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(write)
    # argparse swallows the error itself when Python does not buffer its help text.
    assert done.returncode in ((0, cli.PIPE_CLOSED) if "--help" in words else (cli.PIPE_CLOSED,))
    assert done.stderr == b""


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"], ["help"]])
def test_the_overview_names_every_command(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(words) == 0
    out = capsys.readouterr().out
    assert all(
        f"  {name} " in out and summary in out for name, (_, summary) in cli.COMMANDS.items()
    )


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"unrolled {__version__}\n"


@pytest.mark.parametrize("name", sorted(cli.COMMANDS))
def test_every_command_has_a_parser_and_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.parse(cli.parser_of(name), ["--help"])
    assert stop.value.code == 0
    assert f"unrolled {name}" in capsys.readouterr().out
