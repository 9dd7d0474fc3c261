"""A lab as a notebook. In: a `Run`. Out: an executed `.ipynb` with the numbers of that run.

The notebook's code runs the lab again (`run("bptt", seed=0)`) and shows its tables and figures by
their keys (`lab["results"]`); what it prints when executed is what is stored in it. The text around
them is that of the page.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unrolled.errors import ArgumentError
from unrolled.files import write_whole
from unrolled.labs.base import Lab
from unrolled.labs.experiment import account_page
from unrolled.labs.progress import Progress
from unrolled.report.blocks import Block, Code, Details, Figure, Math, Page, Prose, Question, Table
from unrolled.report.drawing import draw
from unrolled.report.numbers import number
from unrolled.report.page import labels_of

Bundle = dict[str, str]


@dataclass(frozen=True)
class Shown:
    """A table or a figure of a run; a notebook displays it, and `print` prints it as text."""

    block: Table | Figure
    label: str

    def __str__(self) -> str:
        if isinstance(self.block, Figure):
            return f"{self.label}: {self.block.title}. {self.block.alt}"
        rows = [[_cell(value, self.block.digits) for value in row] for row in self.block.rows]
        table = [[str(column) for column in self.block.columns], *rows]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) for row in table]
        return "\n".join([f"{self.label}: {self.block.caption}", *(s.rstrip() for s in lines)])

    def _repr_mimebundle_(self, **_: Any) -> Bundle:
        if isinstance(self.block, Figure):
            svg = draw(self.block.panels).file(self.block.title, self.block.alt)
            return {"image/svg+xml": svg, "text/plain": str(self)}
        return {"text/markdown": self._markdown(), "text/plain": str(self)}

    def _markdown(self) -> str:
        assert isinstance(self.block, Table)
        head = " | ".join(str(column) or " " for column in self.block.columns)
        rows = [
            " | ".join(_cell(value, self.block.digits).replace("|", "\\|") for value in row)
            for row in self.block.rows
        ]
        rule = " | ".join("---" for _ in self.block.columns)
        lines = [f"| {line} |" for line in (head, rule, *rows)]
        return f"*{self.label}: {self.block.caption}*\n\n" + "\n".join(lines)


@dataclass(frozen=True)
class Run:
    """A lab that has run: its page, and what it found. `run["results"]` is a table or a figure."""

    lab: Lab
    seed: int
    chosen: Mapping[str, Any]
    page: Page
    found: Sequence[str]

    def __getitem__(self, key: str) -> Shown:
        labels = labels_of(self.page.sections)
        for block in _blocks(self.page):
            if isinstance(block, Table | Figure) and block.key == key:
                return Shown(block, labels[key])
        known = [b.key for b in _blocks(self.page) if isinstance(b, Table | Figure)]
        raise ArgumentError(f"the lab {self.lab.name} shows no {key!r}: its keys are "
                            f"{', '.join(known)}")  # fmt: skip

    def __str__(self) -> str:
        return "\n".join([self.lab.title, *(f"- {line}" for line in self.found)])

    def _repr_mimebundle_(self, **_: Any) -> Bundle:
        return {"text/plain": str(self)}


def run(name: str, seed: int = 0, **chosen: Any) -> Run:
    """Run a lab from Python: `run("bptt", seed=0, hidden=8)`."""
    from unrolled.labs import find

    lab = find(name)
    account, page = account_page(lab, seed, chosen, Progress())
    return Run(lab, seed, chosen, page, account.found)


def write_notebook(done: Run, folder: Path) -> Path:
    """`NAME.ipynb` in the folder, whole or not at all."""
    path = folder / f"{done.lab.name}.ipynb"
    write_whole(path, json.dumps(_notebook(done), indent=1, ensure_ascii=False) + "\n")
    return path


def _notebook(done: Run) -> dict[str, Any]:
    labels = labels_of(done.page.sections)
    options = "".join(
        f", {name}={(str(value) if isinstance(value, Path) else value)!r}"
        for name, value in done.chosen.items()
    )
    cells: list[dict[str, Any]] = []

    def markdown(text: str) -> None:
        cells.append({"cell_type": "markdown", "metadata": {}, "source": text})

    def code(source: str, bundle: Bundle) -> None:
        count = sum(cell["cell_type"] == "code" for cell in cells) + 1
        output = {
            "output_type": "execute_result", "execution_count": count, "metadata": {},
            "data": bundle,
        }  # fmt: skip
        cells.append(
            {"cell_type": "code", "metadata": {}, "execution_count": count, "source": source,
             "outputs": [output]}
        )  # fmt: skip

    markdown(f"# {done.page.title}\n\n{_prose(done.page.lead, labels)}")
    name = done.lab.name
    code(
        f'from unrolled.labs.notebook import run\n\nlab = run("{name}", seed={done.seed}{options})'
        "\nlab",
        done._repr_mimebundle_(),
    )
    for place, section in enumerate(done.page.sections, 1):
        markdown(f"## {place} {section.title}")
        for block in section.blocks:
            if isinstance(block, Table | Figure):
                code(f'lab["{block.key}"]', done[block.key]._repr_mimebundle_())
                if isinstance(block, Figure) and block.caption:
                    markdown(f"*{_prose(block.caption, labels)}*")
            else:
                markdown(_text(block, labels))
    for place, cell in enumerate(cells):
        cell["id"] = hashlib.sha256(f"{place} {cell['source']}".encode()).hexdigest()[:12]
    return {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {
            "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
            "language_info": {"name": "python"},
        },
        "cells": cells,
    }


def _text(block: Block, labels: Mapping[str, str]) -> str:
    if isinstance(block, Prose):
        return _prose(block.text, labels)
    if isinstance(block, Math):
        label = f"{labels[block.key]}: " if block.key else ""
        caption = f"\n\n*{label}{_prose(block.caption, labels)}*" if label or block.caption else ""
        return f"$$\n{block.latex}\n$${caption}"
    if isinstance(block, Code):
        caption = f"*{_prose(block.caption, labels)}*\n\n" if block.caption else ""
        return f"{caption}```{block.language}\n{block.text}\n```"
    if isinstance(block, Details):
        inside = "\n\n".join(_text(part, labels) for part in block.blocks)
        return f"<details><summary>{block.summary}</summary>\n\n{inside}\n\n</details>"
    assert isinstance(block, Question)
    shown = ", ".join(labels[key] for key in block.shown_by)
    answer = _prose(block.answer, labels)
    return f"**{_prose(block.question, labels)}**\n\n{answer}\n\n*Measured: {shown}.*"


def _prose(text: str, labels: Mapping[str, str]) -> str:
    """Prose is Markdown already, but for its references: [@results] becomes Table 2."""
    return re.sub(r"\[@([\w-]+)\]", lambda found: labels[found[1]], text.strip("\n"))


def _cell(value: Any, digits: int) -> str:
    return value if isinstance(value, str) else number(value, digits)


def _blocks(page: Page) -> list[Block]:
    return [block for section in page.sections for block in section.blocks]
