"""List the built-in data sets, or show the source and a few rows of one.

Wherever a file is expected, `builtin:NAME` works too.
"""

from __future__ import annotations

import argparse
from typing import Any

WIDTH = 70  # characters of a text to show


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", help="the data set to show")
    parser.add_argument("--rows", type=int, default=5, help="how many rows to show (default: 5)")


def run(arguments: argparse.Namespace) -> int:
    lines = listing() if arguments.name is None else showing(arguments.name, arguments.rows)
    print("\n".join(lines))
    return 0


def listing() -> list[str]:
    """A line for each data set, by task."""
    from unrolled.data.builtin import PREFIX, SETS

    width = max(len(one.name) for one in SETS) + len(PREFIX)
    lines = []
    for task in dict.fromkeys(one.task for one in SETS):
        lines += ["", f"for `unrolled train {task}`:"]
        for one in SETS:
            if one.task == task:
                lines.append(f"  {PREFIX + one.name:<{width}}  {one.title}")
    return [*lines[1:], "", "`unrolled data NAME` shows what is in a data set."]


def showing(name: str, rows: int) -> list[str]:
    """A description of one data set, and its first rows."""
    from unrolled.data.builtin import PREFIX, find, load
    from unrolled.errors import ArgumentError

    if rows < 1:
        raise ArgumentError(f"--rows must be an integer of at least 1, not {rows}")
    one = find(name)
    data = load(one.name)
    facts = {
        "what": one.title,
        "size": one.facts,
        "source": one.source,
        "package": one.package or "Python itself",
        "licence": one.licence,
        "test": _test(one, data),
    }
    lines = [f"{PREFIX}{one.name}", *(f"  {key:<8} {value}" for key, value in facts.items())]
    lines += ["", *samples(data, rows)]
    notes = [f"note: {sentence}" for sentence in notes_of(data)]
    return [*lines, *([""] if notes else []), *notes]


def _test(one: Any, data: Any) -> str:
    if getattr(data, "test", None) is not None:
        return "its own test set"
    last = {"forecast": "the last ", "generate": "whole documents, "}.get(one.task, "")
    return f"{last}{one.test:.0%} held out"


def notes_of(data: Any) -> list[str]:
    """The notes on how the data were changed."""
    return list(data.train.notes if hasattr(data, "train") else data.notes)


def samples(data: Any, rows: int) -> list[str]:
    """A few rows of a data set."""
    if hasattr(data, "documents"):
        text = data.documents[0].text()[: rows * WIDTH]
        return [f"{data.documents[0].name}:", *(f"  {line}" for line in text.splitlines())]
    if hasattr(data, "pieces"):
        return [f"  {one.name}: {len(one.notes):,} notes, {one.length:g} quarter notes"
                for one in data.pieces[:rows]]  # fmt: skip
    if hasattr(data, "sources"):
        chosen = range(0, len(data), max(1, len(data) // rows))[:rows]
        return [f"  {data.sources[row]}  ->  {data.targets[row]}" for row in chosen]
    if hasattr(data, "series"):
        return [line for one in data.series[:3] for line in _points(one, rows)]
    return _labelled(data.train, rows)


def _points(series: Any, rows: int) -> list[str]:
    times = series.times(0, rows)
    values = series.values[:rows]
    head = f"{series.name}: {len(series):,} points, every {series.step}"
    return [head, *(f"  {_time(time)}  {value:g}" for time, value in zip(times, values))]


def _time(time: Any) -> str:
    return str(time)[:19].replace("T", " ")


def _labelled(part: Any, rows: int) -> list[str]:
    """Rows spread over the whole set, so that several classes are shown."""
    step = max(1, len(part) // rows)
    chosen = list(range(0, len(part), step))[:rows]
    if hasattr(part, "contents"):
        return [f"  {part.names[row]}: {part.texts[row]}" for row in chosen]
    width = max(len(part.labels[row]) for row in chosen)
    return [f"  {part.labels[row]:<{width}}  {_shown(part, row)}" for row in chosen]


def _shown(part: Any, row: int) -> str:
    if hasattr(part, "texts"):
        text = " ".join(part.texts[row].split())
        return text if len(text) <= WIDTH else text[: WIDTH - 3] + "..."
    if part.values[row].ndim == 4:
        count, high, wide = part.values[row].shape[:3]
        return f"{count} frames of {wide} x {high} pixels"
    steps, channels = part.values[row].shape
    first = ", ".join(f"{value:g}" for value in part.values[row][:6, 0])
    return f"{steps} steps of {channels} channels; {part.channels[0]}: {first} ..."
