"""Renders a page as one HTML file. In: a `Page` of blocks. Out: HTML, and figures as SVG files.

The file is self-contained: style sheet, figures, and equations as MathML. Blocks with a key are
numbered in order ("Figure 2"), and prose links to them; a reference to a missing key, or an answer
that refers to a later block, is an error. The same page gives the same bytes.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from typing import Any

from unrolled.errors import ArgumentError
from unrolled.files import make_folder, write_whole
from unrolled.literal import visible
from unrolled.report.blocks import (
    Block,
    Code,
    Details,
    Figure,
    Live,
    Math,
    Page,
    Prose,
    Question,
    Section,
    Table,
)
from unrolled.report.drawing import Drawing, draw
from unrolled.report.highlight import highlight
from unrolled.report.markup import inline, literal, paragraphs
from unrolled.report.mathml import mathml
from unrolled.report.numbers import number

CAPTIONED = {Table: "Table", Figure: "Figure", Math: "Equation"}
KEY = re.compile(r"[a-z][a-z0-9-]*")


def write_page(page: Page, folder: Path, name: str = "report.html") -> Path:
    """Write the figures into `folder/figures`, then the page, each file atomically."""
    rendered = Rendering(page)
    text = rendered.html()
    make_folder(folder / "figures")
    for key, (figure, drawing) in rendered.drawings.items():
        svg = drawing.file(figure.title, figure.alt)
        write_whole(folder / "figures" / f"{key}.svg", svg)
    write_whole(folder / name, text)
    return folder / name


def render(page: Page) -> str:
    """The whole HTML file as text."""
    return Rendering(page).html()


class Rendering:
    """One pass over a page: numbers the blocks with keys, then renders block by block."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.labels = labels_of(page.sections)
        self.drawings: dict[str, tuple[Figure, Drawing]] = {}
        self.done: set[str] = set()

    def html(self) -> str:
        page = self.page
        sections = [self.section(n, s) for n, s in enumerate(page.sections, 1)]
        entries = "".join(
            f'<li><a href="#section-{number}">{html.escape(section.title)}</a></li>'
            for number, section in enumerate(page.sections, 1)
        )
        facts = "".join(
            f"<div><dt>{html.escape(name)}</dt><dd>{self.text(value)}</dd></div>"
            for name, value in page.facts
        )
        command = html.escape(page.command)
        again = f"<p>To reproduce it:</p><pre><code>{command}</code></pre>" if page.command else ""
        text = _FRAME.format(
            title=html.escape(page.title),
            policy=_POLICY if page.live else "",
            style=source("page.css") + (source("live.css") if page.live else ""),
            lead=paragraphs(page.lead, self.link),
            facts=f"<dl>{facts}</dl>" if facts else "",
            live=self.live(page.live) if page.live else "",
            contents=_CONTENTS.format(entries) if len(sections) > 1 else "",
            sections="\n".join(sections),
            again=again,
            measured="" if page.live and page.live.alone else _MEASURED,
        )
        return visible(text)

    def live(self, live: Live) -> str:
        # in a function, so that its names do not collide with those of the browser
        script = f'"use strict";\n(() => {{\n{source("live.js")}\n{live.script}}})();\n'
        # the browser ends a script at these characters, even within a string
        script = script.replace("</", "<\\/").replace("<!--", "<\\!--")
        missing = _NO_SCRIPT if live.alone else ""
        return (
            f'{missing}<section id="live" class="live" hidden>\n'
            f"<h2>{html.escape(live.title)}</h2>\n{live.body}\n</section>\n"
            f"<script>\n{script}</script>\n"
        )

    def section(self, place: int, section: Section) -> str:
        blocks = "\n".join(map(self.block, section.blocks))
        title = f"<h2><span>{place}</span> {html.escape(section.title)}</h2>"
        return f'<section id="section-{place}">\n{title}\n{blocks}\n</section>'

    def block(self, block: Block) -> str:
        text = {
            Prose: self.prose,
            Math: self.math,
            Code: self.code,
            Table: self.table,
            Figure: self.figure,
            Question: self.question,
            Details: self.details,
        }[type(block)](block)  # type: ignore[operator]
        self.done.add(getattr(block, "key", ""))
        return str(text)

    # -------------------------------------------------------------------------------------- blocks

    def prose(self, block: Prose) -> str:
        return paragraphs(block.text, self.link)

    def math(self, block: Math) -> str:
        drawn = f'<div class="wide-one">{mathml(block.latex, display=True)}</div>'
        return self.framed("equation", block.key, drawn, block.caption)

    def code(self, block: Code) -> str:
        text = highlight(block.text.strip("\n"), block.language)
        kind = ' class="prose"' if block.language == "text" else ""
        return self.framed("code", "", f"<pre{kind}><code>{text}</code></pre>", block.caption)

    def table(self, block: Table) -> str:
        numeric = [
            all(_is_number(row[column]) for row in block.rows)
            for column in range(len(block.columns))
        ]
        kinds = [' class="number"' if is_number else "" for is_number in numeric]
        head = "".join(
            f'<th scope="col"{kind}>{self.text(name)}</th>'
            for name, kind in zip(block.columns, kinds, strict=True)
        )
        rows = "".join(
            "<tr>" + "".join(self.cell(c, k, block.digits) for c, k in zip(row, kinds, strict=True))
            + "</tr>"
            for row in block.rows
        )  # fmt: skip
        drawn = (
            '<div class="wide-one" tabindex="0" role="group">'
            f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
        )
        return self.framed("table", block.key, drawn, block.caption, above=True)

    def cell(self, value: Any, kind: str, digits: int) -> str:
        text = value if isinstance(value, str) else number(value, digits)
        return f"<td{kind}>{self.text(text)}</td>"

    def figure(self, block: Figure) -> str:
        drawing = draw(block.panels)
        self.drawings[block.key] = block, drawing
        drawn = drawing.inline(block.key, block.title, block.alt)
        stop = "" if block.title.endswith(("?", "!", ".")) else "."
        caption = f"**{literal(block.title)}{stop}** {block.caption}".strip()
        return self.framed("drawn", block.key, drawn, caption)

    def question(self, block: Question) -> str:
        if not block.shown_by:
            raise ArgumentError(f"the answer to {block.question!r} refers to no measurement")
        below = [key for key in block.shown_by if key not in self.done]
        if below:
            raise ArgumentError(
                f"the answer to {block.question!r} refers to {below[0]!r}, which is not above it"
            )
        shown = ", ".join(map(self.link, block.shown_by))
        return (
            f'<div class="question"><h3>{self.text(block.question)}</h3>'
            f"{paragraphs(block.answer, self.link)}"
            f'<p class="shown">Measured: {shown}</p></div>'
        )

    def details(self, block: Details) -> str:
        inside = "\n".join(map(self.block, block.blocks))
        return f"<details><summary>{self.text(block.summary)}</summary>\n{inside}\n</details>"

    # --------------------------------------------------------------------------------------- parts

    def text(self, text: str) -> str:
        return inline(text, self.link)

    def link(self, key: str) -> str:
        if key not in self.labels:
            known = ", ".join(self.labels) or "none"
            raise ArgumentError(f"the page refers to {key!r}; its keys are {known}")
        return f'<a href="#{key}">{self.labels[key]}</a>'

    def framed(self, kind: str, key: str, drawn: str, caption: str, above: bool = False) -> str:
        label = f'<span class="label">{self.labels[key]}</span> ' if key else ""
        words = f"<figcaption>{label}{self.text(caption)}</figcaption>" if label or caption else ""
        name = f' id="{key}"' if key else ""
        inside = words + drawn if above else drawn + words
        return f'<figure class="{kind}"{name}>{inside}</figure>'


def labels_of(sections: Iterable[Section]) -> dict[str, str]:
    """Key -> "Figure 2", numbered separately for each kind of block."""
    labels: dict[str, str] = {}
    counts = dict.fromkeys(CAPTIONED.values(), 0)
    for block in (block for section in sections for block in section.blocks):
        key, kind = getattr(block, "key", ""), CAPTIONED.get(type(block), "")
        if not key and kind != "Equation" and kind:
            raise ArgumentError(f"a {kind.lower()} has no key: give it one, so that it is numbered")
        if not key:
            continue
        if not KEY.fullmatch(key):
            raise ArgumentError(f"the key {key!r} must be lower-case letters, digits and dashes")
        if key in labels or key.startswith("section-"):
            raise ArgumentError(f"the key {key!r} is used twice: each names one block of the page")
        counts[kind] += 1
        labels[key] = f"{kind} {counts[kind]}"
    return labels


def _is_number(value: Any) -> bool:
    if isinstance(value, str):
        return bool(re.fullmatch(r"[-+]?[\d,.]+(e[-+]?\d+)?( ?%)?|–|not a number", value))
    return not isinstance(value, bool)


def source(name: str) -> str:
    """The text of a file beside this one."""
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


# the content of a page must not access anything outside it
_POLICY = (
    '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
    "style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:\">\n"
)
_NO_SCRIPT = (
    "<noscript><p><strong>This page needs JavaScript, which is disabled.</strong></p></noscript>\n"
)
_MEASURED = "; every number on this page comes from this run"
_CONTENTS = '<nav aria-label="Contents"><ol>{}</ol></nav>\n'

_FRAME = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
{policy}<title>{title}</title>
<style>
{style}</style>
</head>
<body>
<header>
<h1>{title}</h1>
<div class="lead">{lead}</div>
{facts}
</header>
{live}{contents}<main>
{sections}
</main>
<footer>{again}<p>Made by unrolled{measured}.</p></footer>
</body>
</html>
"""
