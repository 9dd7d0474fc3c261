"""The command line: `unrolled COMMAND ...`.

In: a list of words. Out: an exit status: 0 done, 1 a failed check or an unexpected error, 2 an
error that the user can fix (one sentence on stderr), 130 interrupted, 143 terminated. Each command
is a module named in `COMMANDS`, with `configure(parser)` and `run(arguments) -> int`; only the
module of the requested command is imported.

`--debug` (or UNROLLED_DEBUG=1, as in the tests) shows errors with their traceback.
"""

import argparse
import contextlib
import os
import sys
import time
from collections.abc import Sequence
from difflib import get_close_matches
from importlib import import_module
from typing import Any, NoReturn

import unrolled
from unrolled.errors import UnrolledError, UsageError, extras
from unrolled.literal import on_visible_streams

# Name -> (module, one line for the list).
COMMANDS: dict[str, tuple[str, str]] = {
    "cells": ("unrolled.cli.cells", "the library of cells: name, year, states, size"),
    "cell": ("unrolled.cli.cell", "one cell: its equation, its derived backward step, LaTeX"),
    "check": ("unrolled.cli.check", "check the gradients of a cell against finite differences"),
    "train": (
        "unrolled.cli.train",
        "train a network on your own data, for one of nine jobs",
    ),
    "tune": ("unrolled.cli.tune", "search for the parameters of a job, and train the best run"),
    "evaluate": ("unrolled.cli.evaluate", "evaluate a run on labelled data"),
    "predict": ("unrolled.cli.predict", "predict with a run: each row of a file, or one text"),
    "runs": ("unrolled.cli.runs", "list runs as a table, or compare two of them"),
    "forecast": ("unrolled.cli.forecast", "forecast how a series continues, with a run"),
    "generate": ("unrolled.cli.generate", "continue a text with a run"),
    "compose": ("unrolled.cli.compose", "compose music with a run: a MIDI file, sound"),
    "transcribe": ("unrolled.cli.transcribe", "write down speech with a run"),
    "export": ("unrolled.cli.export", "write a run as ONNX, C, JavaScript, or a live page"),
    "serve": ("unrolled.cli.serve", "answer over HTTP with one run or several"),
    "lab": ("unrolled.cli.lab", "experiments that teach: each runs, measures, writes its report"),
    "data": ("unrolled.cli.data", "list the built-in data sets, or show a few rows of one"),
    "bench": ("unrolled.cli.bench", "measure speed against PyTorch, JAX and ONNX Runtime"),
    "doctor": ("unrolled.cli.doctor", "versions, machine and cache, for a bug report"),
}

INTERRUPTED = 130  # 128 + SIGINT, as a shell reports it
TERMINATED = 143  # 128 + SIGTERM
PIPE_CLOSED = 141  # 128 + SIGPIPE


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one sentence that suggests the nearest word."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"allow_abbrev": False, **options})

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (see `{self.prog} --help`)")

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        sys.stdout.flush()  # so that a closed pipe raises here, where `main` can handle it
        super().exit(status, message)

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            choices = [str(choice) for choice in action.choices]
            raise argparse.ArgumentError(action, no_such("choice", str(value), choices))


def seed_of(text: str) -> int:
    """Parse a random seed."""
    try:
        number = int(text)
    except ValueError:
        number = -1
    if not 0 <= number < 2**32:
        raise argparse.ArgumentTypeError(
            f"a seed must be an integer from 0 to 2**32 - 1, not {text[:40]!r}"
        )
    return number


def no_such(kind: str, word: str, known: Sequence[str]) -> str:
    """The message for an unknown word; it suggests the nearest known one."""
    nearest = [one for one in known if len(word) > 4 and one.startswith(word)]
    nearest = nearest or get_close_matches(word, known, n=1)
    hint = f"did you mean {nearest[0]!r}?" if nearest else f"there are: {', '.join(known)}"
    return f"no {kind} {word!r}; {hint}"


@on_visible_streams
def main(words: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit status."""
    given = list(sys.argv[1:] if words is None else words)
    debug = "--debug" in given or os.environ.get("UNROLLED_DEBUG", "") not in ("", "0")
    try:
        status = dispatch([word for word in given if word != "--debug"])
        sys.stdout.flush()
    except UnrolledError as error:
        print(f"unrolled: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("unrolled: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # Python flushes stdout once more when it exits; let that go nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    except (SystemExit, GeneratorExit):
        raise
    except BaseException as error:
        if debug:
            raise
        print(f"unrolled: {unforeseen(error)}", file=sys.stderr)
        return 1
    return status


def command() -> NoReturn:
    """The entry point. After an interruption the process exits at once: Python would spend many
    seconds waiting for threads in foreign code and freeing memory."""
    status = main()
    if status in (INTERRUPTED, TERMINATED):
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError):  # a closed pipe
                stream.flush()
        os._exit(status)
    sys.exit(status)


def unforeseen(error: BaseException) -> str:
    """The message for an unexpected error."""
    what = " ".join(f"{type(error).__name__}: {error}".split())[:300]
    if isinstance(error, MemoryError):
        return (
            "this machine is out of memory: close other programs, or use less data, a "
            "smaller --batch-size or a smaller --hidden (--debug shows where)"
        )
    if isinstance(error, OSError) and error.filename is not None:
        return (
            f"{str(error.filename)!r} cannot be used ({error.strerror or what}): check the path, "
            "its permissions and the free disk space (--debug shows where)"
        )
    return (
        f"unexpected error in unrolled ({what}): please report it with what you did, "
        "the output of `unrolled doctor`, and that of the same command with --debug"
    )


def dispatch(words: list[str]) -> int:
    """Find the command in the words, parse the rest with its own parser, and run it."""
    began = time.monotonic()  # `--minutes` covers loading, too
    refuse_undecodable(words)
    if not words or words[0] in ("-h", "--help", "help"):
        print(overview())
        return 0
    if words[0] in ("-V", "--version"):
        print(f"unrolled {unrolled.__version__}")
        return 0
    if words[0] not in COMMANDS:
        kind = "option" if words[0].startswith("-") else "command"
        known = ["--help", "--version"] if kind == "option" else list(COMMANDS)
        raise UsageError(no_such(kind, words[0], known) + " (see `unrolled --help`)")
    with extras(f"`unrolled {words[0]}`"):
        module = import_module(COMMANDS[words[0]][0])
        arguments = parse(parser_of(words[0]), words[1:])
        arguments.began = began
        status: int = module.run(arguments)
    return status


def parser_of(command: str) -> Parser:
    """The parser of one command, configured by its module."""
    name, summary = COMMANDS[command]
    module = import_module(name)
    parser = Parser(prog=f"unrolled {command}", description=module.__doc__ or summary)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    module.configure(parser)
    return parser


def refuse_undecodable(words: list[str]) -> None:
    """Refuse a word that is not UTF-8: it could not be written into a run or a report."""
    for word in words:
        try:
            word.encode()
        except UnicodeEncodeError:
            raise UsageError(
                f"{word!a} is not valid UTF-8: rename the file, or retype the text"
            ) from None


def parse(parser: Parser, words: list[str]) -> argparse.Namespace:
    """Parse all words, or raise a UsageError that suggests the nearest option."""
    for word in words:
        if word.startswith("--") and word.endswith("=--"):  # argparse would drop the value
            parser.error(f"{word.removesuffix('=--')} takes a value, and '--' is not one")
    arguments, unknown = parser.parse_known_args(words)
    if unknown:
        word = unknown[0].partition("=")[0]
        if word.startswith("-"):
            parser.error(no_such("option", word, options_of(parser, words)))
        parser.error(f"unexpected argument: {word!r}")
    return arguments


def options_of(parser: argparse.ArgumentParser, words: Sequence[str]) -> list[str]:
    """Every option of a parser and of the subparsers that the words select."""
    options: list[str] = []
    for action in parser._actions:
        options += action.option_strings
        if isinstance(action, argparse._SubParsersAction):
            chosen = [word for word in words if word in action.choices]
            for child in chosen[:1] or action.choices:
                options += options_of(action.choices[child], words)
    return list(dict.fromkeys(options))


def overview() -> str:
    """The text that `unrolled` without arguments prints."""
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {summary}" for name, (_, summary) in COMMANDS.items()]
    return "\n".join(
        [
            f"unrolled {unrolled.__version__}: write the equation, get the network",
            "",
            "Try first:",
            "  unrolled lab bptt                           how an RNN learns, step by step",
            "  unrolled cell lstm --backward               an equation and its derivative",
            "  unrolled train classify builtin:languages   train a network, and get a report",
            "",
            "All commands:",
            *lines,
            "",
            "`unrolled COMMAND --help` lists the options of a command.",
        ]
    )
