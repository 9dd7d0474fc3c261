"""The definition of a lab. In: a seed, sizes, and a progress display. Out: an `Account`.

    LAB = Lab(
        name="memory",
        title="How far back can a cell remember?",
        summary="adding and copying at growing lags",
        sizes=(Size("hidden", 32, "hidden units of every cell"),),
        run=run,
    )

    def run(seed: int, progress: Progress, hidden: int) -> Account: ...

`run` computes and returns; it prints nothing and writes no file, and the same seed and sizes give
the same account. Next: `experiment` makes a page of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unrolled.errors import ArgumentError, UnrolledError
from unrolled.labs.exercises import Exercise
from unrolled.report.blocks import Section


@dataclass(frozen=True)
class Size:
    """A number that can be set on the command line: `--hidden 32` for `Size("hidden", 32, ..)`.

    If the default is a `float`, it may be any positive number, else an integer from `least` on.
    """

    name: str
    default: int | float
    help: str
    least: int = 1
    most: int = 1_000_000

    def check(self, value: Any) -> None:
        """Raise an error if the value is invalid."""
        if isinstance(self.default, float):
            if not 0 < value < float("inf"):
                raise ArgumentError(f"--{self.name} must be a positive number, not {value}")
        elif not self.least <= value <= self.most:
            limits = f"from {self.least} to {self.most}"
            raise ArgumentError(f"--{self.name} must be an integer {limits}, not {value}")


@dataclass(frozen=True)
class TextFile:
    """A text file of the user: `--text book.txt`. The lab gets its content, or None."""

    name: str
    help: str
    least: int = 200  # characters that the lab cannot do without
    most: int = 20_000_000


@dataclass(frozen=True)
class Account:
    """The results of a lab: a few lines for the terminal, and the sections of its page."""

    found: Sequence[str]
    sections: Sequence[Section]
    lead: str = ""


@dataclass(frozen=True)
class Lab:
    """An experiment: its name on the command line, the title of its page, and its function."""

    name: str
    title: str
    summary: str
    run: Callable[..., Account]
    sizes: Sequence[Size] = ()
    texts: Sequence[TextFile] = ()
    exercises: Sequence[Exercise] = ()

    @property
    def choices(self) -> tuple[Size | TextFile, ...]:
        """Everything that can be set on the command line."""
        return (*self.sizes, *self.texts)


class UnreadableText(UnrolledError):
    """A text file does not exist, or is not text."""


def read_text(path: Path, wanted: TextFile) -> str:
    """The text of a UTF-8 file, or an error that says why it cannot be used."""
    try:
        data = path.read_bytes()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UnreadableText(
            f"the text {path} cannot be read ({reason}): name a text file that exists"
        ) from error
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableText(
            f"the text {path} is not UTF-8 (byte {error.start}): save it as UTF-8 text, or name "
            "another file"
        ) from error
    if "\0" in text:
        raise UnreadableText(f"{path} holds zero bytes, so it is not text: name a text file")
    text = text.replace("\r\n", "\n")
    if not wanted.least <= len(text) <= wanted.most:
        raise UnreadableText(
            f"the text {path} has {len(text):,} characters: --{wanted.name} needs from "
            f"{wanted.least:,} to {wanted.most:,}"
        )
    return text
