"""What a page is made of. In: text, numbers, panels. Out: frozen blocks; next: `page` renders them.

Whatever holds a measurement (a table, a figure, an equation) may carry a `key`: prose then points
at it by `[@key]`, which prints as a link "Table 2". Text is prose as `markup` understands it.
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
    """Paragraphs, with a blank line between them; lines that begin with `- ` or `1. ` are lists."""

    text: str


@dataclass(frozen=True)
class Math:
    """An equation on lines of its own, from LaTeX: `Math(unrolled.equation(LSTM).latex)`."""

    latex: str
    key: str = ""
    caption: str = ""


@dataclass(frozen=True)
class Code:
    """A few lines to read; `language="text"` for what a network wrote, say."""

    text: str
    caption: str = ""
    language: str = "python"


def code_of(thing: Callable[..., Any] | type, caption: str = "") -> Code:
    """The source of a function or class that runs here, so that what is shown is what ran."""
    return Code(textwrap.dedent(inspect.getsource(thing)).rstrip(), caption)


@dataclass(frozen=True)
class Table:
    """Columns with their units in the heading; a cell is text, a whole number or a float.

    Floats are printed with `digits` significant digits; text in a cell may have marks like prose.
    """

    key: str
    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    digits: int = 4


@dataclass(frozen=True)
class Figure:
    """One panel or several side by side (one above the other on a phone).

    `title` names the figure (as it stands: it has no marks), `alt` says in words what is to be seen
    for those who cannot see it, and `caption` tells the reader what to look at.
    """

    key: str
    title: str
    panels: Panel | Sequence[Panel]
    alt: str
    caption: str = ""


@dataclass(frozen=True)
class Question:
    """A question, its answer, and the keys of the measurements above it that show the answer."""

    question: str
    answer: str
    shown_by: Sequence[str]


@dataclass(frozen=True)
class Details:
    """Something that is shown when its summary is clicked: the solution of an exercise."""

    summary: str
    blocks: Sequence[Prose | Code]


Block = Prose | Math | Code | Table | Figure | Question | Details


@dataclass(frozen=True)
class Section:
    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Live:
    """A part that computes: `body` is HTML, shown where there is JavaScript, and `script` runs it.

    The script finds the functions of `live.js`. A page that is nothing `alone` without it says so.
    """

    title: str
    body: str
    script: str
    alone: bool = False


@dataclass(frozen=True)
class Page:
    """A whole report. `lead` stands under the title, `command` (to repeat it all) at the end.

    `live` comes before the sections; without JavaScript the page is the same without it.
    """

    title: str
    lead: str
    sections: Sequence[Section]
    command: str = ""
    facts: Sequence[tuple[str, str]] = field(default=())
    live: Live | None = None
