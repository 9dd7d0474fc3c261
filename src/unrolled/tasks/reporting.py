"""Shared parts of reports. In: a run's configuration and history. Out: blocks.

Next: each task adds its own parts and renders the page into `report.html`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from unrolled.cells.choosing import ChosenCell
from unrolled.report import figures, numbers
from unrolled.report.blocks import Block, Figure, Math, Prose, Section, Table
from unrolled.report.drawing import Panel
from unrolled.report.figures import curves, gradient_by_lag, heat_map
from unrolled.report.markup import literal
from unrolled.report.pictures import film
from unrolled.tasks.looking import Reading
from unrolled.training.progress import duration

PARTS = {"train": "training", "validation": "validation", "test": "test"}
SPENT = ("forward", "backward", "update", "evaluation")
UNITS_SHOWN = 24  # of the hidden state, those that vary most: more cannot be distinguished
STEPS_SHOWN = 24  # of a sequence: more names do not fit on a phone
LINES_SHOWN = 6  # channels of a series that are drawn as lines
LETTERS_SHOWN = 30  # if each step is a single letter
ROLES = (
    "text",
    "label",
    "target",
    "time",
    "value",
    "series",
    "known",
    "past",
)  # of a table's columns


def quoted(text: str, most: int = 160) -> str:
    """A user's text for a page: without markup, and truncated."""
    text = " ".join(text.replace("`", "'").split())
    shown = text if len(text) <= most else text[: most - 3] + "..."
    return f"`{shown}`" if shown else "(empty)"


def trained_on(
    config: Mapping[str, Any], rows: Sequence[Sequence[Any]], notes: Sequence[str]
) -> Section:
    """The section on the data: the source, its parts, and notes."""
    blocks: list[Block] = [
        Prose(_source(config.get("data", {}))),
        Table("parts", "Training, validation and test data.", *_split(rows)),
    ]
    if notes:
        done = "\n".join(f"- {literal(note)}" for note in notes)
        blocks.append(Prose(f"Preprocessing:\n\n{done}"))
    return Section("Data", blocks)


def _source(data: Mapping[str, Any]) -> str:
    """A sentence on the file and its columns."""
    if "source" not in data:
        return "The data were passed in Python."
    source = str(data["source"])
    name = source if source.startswith("builtin:") else source.replace("\\", "/").split("/")[-1]
    columns = []
    for role in ROLES:
        value = data.get(role)
        if value:
            names = value if isinstance(value, (list, tuple)) else [value]
            columns.append(f"{role} {', '.join(quoted(str(one), 40) for one in names)}")
    read = f", columns: {'; '.join(columns)}" if columns else ""
    return f"Source: {quoted(name)}{read}."


def every_parameter(config: Mapping[str, Any]) -> Section:
    """The section with all settings."""
    chosen = [
        [name, str(value)] for name, value in config["parameters"].items() if value is not None
    ]
    table = Table("parameters", "All parameters of this run.", ["parameter", "value"], chosen)
    return Section("Parameters", [table])


def the_cell(cell: ChosenCell, weights: int) -> Section:
    """The section with the equation of the cell."""
    return Section(
        "The cell",
        [
            Prose(
                f"The network computes these equations at each step. It has {weights:,} weights."
            ),
            Math(cell.equation.latex, "cell", f"The cell {cell.name}."),
        ],
    )


def learning(
    history: Sequence[Mapping[str, Any]], best_epoch: int, shown: Mapping[str, str]
) -> Section:
    """The section with learning curves. `shown`: metric -> its name with the unit."""
    panels = []
    for name, label in shown.items():
        series = {
            title: [record.get(f"{part}_{name}") for record in history]
            for part, title in PARTS.items()
            if all(record.get(f"{part}_{name}") is not None for record in history)
        }
        marks = {"kept": float(best_epoch)}
        panels.append(curves(series, x_label="epoch", y_label=label, title=label, marks=marks))
    norms = {"norm": [record["train_gradient_norm"] for record in history]}
    gradient = curves(norms, x_label="epoch", y_label="mean norm of the gradient")
    seconds = duration(history[-1]["seconds"])
    spent = {what: sum(record.get(f"seconds_{what}", 0.0) for record in history) for what in SPENT}
    whole = sum(spent.values()) or 1.0
    times = [[what, amount, f"{amount / whole:.0%}"] for what, amount in spent.items()]
    return Section(
        "Training",
        [
            Prose(
                f"{numbers.counted(len(history), 'epoch')} in {seconds}. The weights of epoch "
                f"{best_epoch} are kept, which were best on the validation set. The test set "
                "played no part in the choice."
            ),
            Figure("curves", "Learning curves", panels, "curves of each part by epoch",
                   "The vertical line marks the epoch whose weights are kept. When the training "
                   "loss keeps falling while the validation loss rises, the network overfits."),
            Table("time", "Training time.", ["phase", "seconds", "share"], times, digits=3),
            Figure("gradient-norm", "Gradient norm", gradient, "the norm of the gradient by epoch",
                   "Before clipping. A norm that grows from epoch to epoch signals divergence."),
        ],
    )  # fmt: skip


def inside(readings: Sequence[Reading], norms: Any, explanation: str) -> Section:
    """The section with hidden states, the contribution of each step, and the gradient by lag."""
    blocks: list[Block] = [
        Prose(
            "The hidden state while the network reads. Each row of a heat map is a unit of the "
            "hidden state (those that vary most), each column a step. The bars below show how "
            f"much each step contributed: {explanation}"
        )
    ]
    for number, reading in enumerate(readings, 1):
        names = [name if name.strip() else "␣" for name in reading.steps]
        part = _most_counted(names, reading.counted)
        names, states = names[part], reading.hidden[part]
        title = reading.title
        if len(names) < len(reading.steps):
            title += f", steps {part.start + 1} to {part.stop} of {len(reading.steps)}"
        lively = np.sort(np.argsort(-states.std(0), kind="stable")[:UNITS_SHOWN])
        heat = heat_map(
            states[:, lively].T, x_label="step", y_label="unit", unit="h", center=0.0,
            columns=names, rows=[str(unit + 1) for unit in lively],
        )  # fmt: skip
        counted = figures.steps(reading.counted[part], names=names, x_label="step", y_label="share")
        alt = f"heat map of {len(lively)} units over {len(names)} steps"
        if reading.values is not None:
            drawn = _what_it_read(reading.values[part], part.start + 1, names)
            blocks.append(Figure(f"read-{number}", f"Input: {title}", drawn, "the series"))
            title = "Hidden state"
        blocks.append(Figure(f"state-{number}", title, heat, alt))
        blocks.append(
            Figure(f"counted-{number}", "Contribution of each step", counted,
                   f"bars, one for each of {len(names)} steps")
        )  # fmt: skip
    panel = gradient_by_lag({"norm": norms}, y_label="norm of the derivative")
    blocks.append(
        Figure(
            "lag",
            "Does the gradient vanish?",
            panel,
            "the norm of the gradient by lag",
            "How sensitive the output at the last step is to the input this many steps earlier, "
            "averaged over examples. If the line falls steeply, the network can hardly learn from "
            "inputs that lie far back.",
        )
    )
    return Section("Inside the network", blocks)


def _what_it_read(values: Any, first: int, names: Sequence[str]) -> Panel:
    """A line for each channel; if there are many, a heat map."""
    if values.ndim == 4:
        return film(values, names)
    channels = [f"channel {number + 1}" for number in range(values.shape[1])]
    if len(channels) > LINES_SHOWN:
        rows = [str(number + 1) for number in range(len(channels))]
        return heat_map(
            values.T, x_label="step", y_label="channel", unit="value", columns=names, rows=rows
        )
    lines = dict(zip(channels, values.T))
    steps = [float(first + number) for number in range(len(values))]
    return curves(lines, x=steps, x_label="step", y_label="value")


def _most_counted(names: Sequence[str], counted: Any) -> slice:
    """The range of steps, as long as fits, with the largest contribution."""
    letters = all(len(name) == 1 for name in names)
    length = min(LETTERS_SHOWN if letters else STEPS_SHOWN, len(names))
    sums = np.convolve(counted, np.ones(length), "valid")
    # the first of ranges that are equal up to rounding
    start = int(np.argmax(sums > sums.max() - 1e-6))
    return slice(start, start + length)


def _split(rows: Sequence[Sequence[Any]]) -> tuple[list[str], list[list[Any]]]:
    return list(rows[0]), [list(row) for row in rows[1:]]
