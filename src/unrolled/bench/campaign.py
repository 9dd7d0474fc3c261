"""One whole run. In: the suites' names and settings. Out: `Results`, which write themselves into a
folder; next: `cli.bench`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from unrolled.bench import goals, machine, suites
from unrolled.bench.contest import Settings
from unrolled.bench.picture import svg
from unrolled.bench.record import Record
from unrolled.bench.tables import Table, as_markdown, tables


@dataclass
class Results:
    """All measurements, and the machine."""

    when: str
    machine: dict[str, Any]
    settings: dict[str, Any]
    records: list[Record] = field(default_factory=list)

    @property
    def disagreements(self) -> list[str]:
        return [record.disagreement for record in self.records if record.disagreement]

    def tables(self) -> list[Table]:
        return tables(self.records, goals.figures(self.records))

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "when": self.when,
            "machine": self.machine,
            "settings": self.settings,
            "goals": [figure.plain() for figure in goals.figures(self.records)],
            "records": [record.plain() for record in self.records],
        }

    def head(self) -> str:
        """When, on what, how."""
        facts = ", ".join(f"{name} {value}" for name, value in self.machine.items())
        s = self.settings
        gradient = "with" if s["input_gradient"] else "without"
        return (
            f"{self.when}; {facts}; threads: {s['threads']}; float32; {s['rounds']} rounds in "
            f"turns; training steps {gradient} the input's gradient"
        )

    def write(self, folder: Path) -> list[Path]:
        """results.json, tables.md and, where there is something to draw, speedups.svg."""
        folder.mkdir(parents=True, exist_ok=True)
        files = {
            "results.json": json.dumps(self.plain(), indent=1) + "\n",
            "tables.md": "\n".join([self.head(), "", *map(as_markdown, self.tables())]),
            "speedups.svg": svg(self.records),
        }
        written = []
        for name, text in files.items():
            if text is not None:
                (folder / name).write_text(text, encoding="utf-8")
                written.append(folder / name)
        return written


def begin(settings: Settings, threads: str) -> Results:
    """Results without records; `threads` says how the number of threads was enforced."""
    how = {
        "threads": threads,
        "rounds": settings.rounds,
        "least_seconds": settings.least,
        "input_gradient": settings.input_gradient,
        "quick": settings.quick,
    }
    when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return Results(when, machine.facts(), how)


def conduct(results: Results, names: Sequence[str], settings: Settings, folder: Path) -> list[Path]:
    """Measure suite after suite, and write after each, so that no finished work is lost."""
    written: list[Path] = []
    try:
        for name in names:
            for record in suites.measurement(name)(settings):
                results.records.append(record)
            written = results.write(folder)
    finally:
        if results.records:
            written = results.write(folder)
    return written
