"""Errors that show the user's line. In: a sentence. Out: a CellError; next: `symbols`, `trace` and
`sizes`, which raise them.
"""

from __future__ import annotations

import linecache
import sys
from dataclasses import dataclass
from typing import NoReturn

from unrolled.errors import CellError

_THEIRS = ("numpy", "torch")  # whose own lines are not the user's either


@dataclass(frozen=True, slots=True)
class Where:
    """A line of the user's own code."""

    file: str
    line: int

    @property
    def text(self) -> str:
        return linecache.getline(self.file, self.line).strip()

    def __str__(self) -> str:
        code = self.text
        return f"{self.file}, line {self.line}" + (f": `{code}`" if code else "")


def here() -> Where:
    """The user's line: the innermost one outside of `equations/` and the packages that call it."""
    frame = sys._getframe(1)
    while frame.f_back is not None and _is_not_the_users(frame.f_globals.get("__name__", "")):
        frame = frame.f_back
    return Where(frame.f_code.co_filename, frame.f_lineno)


def _is_not_the_users(module: str) -> bool:
    package = __name__.rpartition(".")[0]
    return module.startswith(f"{package}.") or module.partition(".")[0] in _THEIRS


def teach(sentence: str, where: Where | None = None) -> NoReturn:
    raise CellError(f"{sentence} ({where or here()})")
