"""The blocks of a page. In: text, numbers, panels. Out: frozen blocks; next: `page` renders them.

A table, a figure or an equation may have a `key`, to which prose refers by `[@key]`, printed as a
link "Table 2". Text has the markup of `markup`.
"""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from unrolled.report.drawing import Panel


@dataclass(frozen=True)
class Prose:
    """Paragraphs separated by blank lines; lines that begin with `- ` or `1. ` are lists."""

    text: str


@dataclass(frozen=True)
class Math:
    """A displayed equation, from LaTeX: `Math(unrolled.equation(LSTM).latex)`."""

    latex: str
    key: str = ""
    caption: str = ""


@dataclass(frozen=True)
class Code:
    """A few lines of code, or of text with `language="text"`."""

    text: str
    caption: str = ""
    language: str = "python"


def code_of(thing: Callable[..., Any] | type, caption: str = "") -> Code:
    """The source of a function or class, so that a report shows the code that ran."""
    return Code(textwrap.dedent(inspect.getsource(thing)).rstrip(), caption)


@dataclass(frozen=True)
class Table:
    """Columns with their units in the heading; a cell is text, an integer or a float.

    Floats are printed with `digits` significant digits; text in a cell may have markup like prose.
    """

    key: str
    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    digits: int = 4


@dataclass(frozen=True)
class Figure:
    """One panel or several side by side (one above the other on a phone).

    `title` is the name of the figure (without markup), `alt` describes it for those who cannot see
    it, and `caption` explains it.
    """

    key: str
    title: str
    panels: Panel | Sequence[Panel]
    alt: str
    caption: str = ""


@dataclass(frozen=True)
class Question:
    """A question, its answer, and the keys of preceding measurements that support it."""

    question: str
    answer: str
    shown_by: Sequence[str]


@dataclass(frozen=True)
class Details:
    """Content that is shown when its summary is clicked, such as the solution of an exercise."""

    summary: str
    blocks: Sequence[Prose | Code]


Block = Prose | Math | Code | Table | Figure | Question | Details


@dataclass(frozen=True)
class Section:
    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Live:
    """An interactive part: `body` is HTML, shown if there is JavaScript, and `script` runs it.

    The script can use the functions of `live.js`. `alone`: the page is useless without JavaScript,
    and says so.
    """

    title: str
    body: str
    script: str
    alone: bool = False


@dataclass(frozen=True)
class Page:
    """A whole report. `lead` is below the title, `command` (to reproduce it) at the end.

    `live` precedes the sections; without JavaScript it is omitted.
    """

    title: str
    lead: str
    sections: Sequence[Section]
    command: str = ""
    facts: Sequence[tuple[str, str]] = field(default=())
    live: Live | None = None
