"""Escape text from users. In: text. Out: text without control characters or formulas.

Terminals interpret control characters, spreadsheets cells that begin like a formula, file systems
slashes. `report.markup` and `report.drawing` escape what HTML and matplotlib would interpret; they
use `visible` as well.
"""

from __future__ import annotations

import contextlib
import functools
import re
import sys
from collections.abc import Callable
from typing import Any, ParamSpec, TextIO, cast

Asked = ParamSpec("Asked")

# Control characters but tab and line feed; line separators; what turns the direction of writing
# round and can show a name as another one; halves of letters, which nothing can encode.
COMMANDS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
FORMULA = tuple("=+-@\t\r\n＝＋－＠")  # what a spreadsheet takes for the beginning of one
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(nan|inf)")
NAME_BYTES = 100  # of the 255 that file systems allow: numbers and endings come to it


def visible(text: str) -> str:
    """Control characters as they are written in Python and JSON: `\\x1b`, `\\u202e`."""
    return COMMANDS.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x7F else f"\\u{code:04x}"


def cell(text: str) -> str:
    """A cell of a CSV file, which a spreadsheet shows and never computes: `'=1+1`.

    Numbers stay numbers.
    """
    return f"'{text}" if text.startswith(FORMULA) and not NUMBER.fullmatch(text) else text


def file_name(text: str, otherwise: str) -> str:
    """A part of a path that any file system and any shell accepts."""
    name = re.sub(r"[^\w.-]+", "_", visible(text)).strip("._-")
    name = name.encode()[:NAME_BYTES].decode(errors="ignore")
    return name or otherwise


class Visible:
    """A stream that shows control characters instead of sending them.

    Characters that its encoding lacks are escaped, too. `beneath` is the underlying stream.
    """

    def __init__(self, beneath: TextIO) -> None:
        self.beneath = beneath

    def write(self, text: str) -> int:
        encoding = getattr(self.beneath, "encoding", None) or "utf-8"
        shown = visible(text).encode(encoding, "backslashreplace").decode(encoding)
        self.beneath.write(shown)
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.beneath, name)


def bar_stream(stream: TextIO) -> TextIO:
    """Where a progress bar is drawn: it returns to the beginning of its line, and holds no word of
    a user's."""
    beneath: TextIO = getattr(stream, "beneath", stream)
    return beneath


def on_visible_streams(command: Callable[Asked, int]) -> Callable[Asked, int]:
    """A command whose output, and whose complaints, are for people."""

    @functools.wraps(command)
    def shown(*words: Asked.args, **more: Asked.kwargs) -> int:
        with (
            contextlib.redirect_stdout(cast(TextIO, Visible(sys.stdout))),
            contextlib.redirect_stderr(cast(TextIO, Visible(sys.stderr))),
        ):
            return command(*words, **more)

    return shown


def quoted(name: str, most: int = 40) -> str:
    """A name in quotation marks: of a long one its beginning."""
    return repr(name if len(name) <= most else f"{name[: most - 3]}...")


def because(error: object, most: int = 120) -> str:
    """What was said of a file, by a library say, on one line, without end or control characters."""
    words = " ".join(str(error).split()) or type(error).__name__  # an EOFError, say, has no words
    said = "".join(letter if letter.isprintable() else "?" for letter in words)
    return said if len(said) <= most else f"{said[: most - 3]}..."
