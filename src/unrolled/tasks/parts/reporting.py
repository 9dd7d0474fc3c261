"""What every run's report has in common. In: a run's configuration and history. Out: blocks.

Next: each task adds what is its own and renders the page into `report.html`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from unrolled.report.blocks import Block, Figure, Math, Prose, Section, Table
from unrolled.report.figures import curves, gradient_by_lag, heat_map
from unrolled.tasks.parts.cells import ChosenCell
from unrolled.tasks.parts.looking import Reading
from unrolled.training.progress import duration

PARTS = {"train": "training", "validation": "validation", "test": "test"}
SPENT = ("forward", "backward", "update", "evaluation")
UNITS_SHOWN = 24  # of the hidden state, the most lively ones: more are no longer told apart
STEPS_SHOWN = 40  # of a sequence: more do not fit on a phone


def quoted(text: str, most: int = 160) -> str:
    """A user's own text inside a page: its characters mean nothing, and it is not endless."""
    text = " ".join(text.replace("`", "'").split())
    shown = text if len(text) <= most else text[: most - 3] + "..."
    return f"`{shown}`" if shown else "(empty)"


def trained_on(
    config: Mapping[str, Any], rows: Sequence[Sequence[Any]], notes: Sequence[str]
) -> Section:
    """What was trained on what: parts of the data, what was done to it, every parameter."""
    blocks: list[Block] = [
        Table("parts", "What was learnt from, looked at, and tested on.", *_split(rows)),
    ]
    if notes:
        blocks.append(Prose("\n".join(f"- {quoted(note, 400)}" for note in notes)))
    chosen = [
        [name, str(value)] for name, value in config["parameters"].items() if value is not None
    ]
    blocks.append(
        Table("parameters", "Every parameter of the run.", ["parameter", "value"], chosen)
    )
    return Section("What was trained on what", blocks)


def the_cell(cell: ChosenCell, weights: int) -> Section:
    """The equation that every step computes."""
    return Section(
        "The cell",
        [
            Prose(
                f"At each step the network computes these equations; it has {weights:,} weights."
            ),
            Math(cell.equation.latex, "cell", f"The cell {cell.name}."),
        ],
    )


def learning(
    history: Sequence[Mapping[str, Any]], best_epoch: int, shown: Mapping[str, str]
) -> Section:
    """The curves over the epochs. `shown`: measure -> its name with the unit."""
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
        "How it learnt",
        [
            Prose(
                f"{len(history)} epochs in {seconds}. The weights of epoch {best_epoch} are kept: "
                "there the validation part was told best. The test part decided nothing."
            ),
            Figure("curves", "Over the epochs", panels, "curves of each part by epoch",
                   "The vertical line is the epoch whose weights are kept. When training goes on "
                   "falling while validation rises, the network learns its examples by heart."),
            Table("time", "Where the time went.", ["work", "seconds", "share"], times, digits=3),
            Figure("gradient-norm", "The gradient", gradient, "the gradient's norm by epoch",
                   "Before clipping. A norm that grows from epoch to epoch warns of divergence."),
        ],
    )  # fmt: skip


def inside(readings: Sequence[Reading], norms: Any, explanation: str) -> Section:
    """The hidden state step by step, how much each step counted, the gradient by lag."""
    blocks: list[Block] = [
        Prose(
            "What the network holds in mind while it reads. Each row of a picture is a unit of the "
            "hidden state (the liveliest ones), each column a step. Below it stands how much each "
            f"step counted: {explanation}"
        )
    ]
    for number, reading in enumerate(readings, 1):
        names = [name if name.strip() else "␣" for name in reading.steps[:STEPS_SHOWN]]
        states = reading.hidden[:STEPS_SHOWN]
        lively = np.sort(np.argsort(-states.std(0), kind="stable")[:UNITS_SHOWN])
        heat = heat_map(
            states[:, lively].T, x_label="step", y_label="unit", unit="h", center=0.0,
            columns=names, rows=[str(unit + 1) for unit in lively], title=reading.title,
        )  # fmt: skip
        counted = heat_map(
            reading.counted[None, :STEPS_SHOWN], x_label="step", y_label="", unit="share",
            columns=names, rows=["counted"], title="how much each step counted",
        )  # fmt: skip
        alt = f"heat map of {len(lively)} units over {len(names)} steps"
        blocks.append(Figure(f"state-{number}", reading.title, heat, alt))
        blocks.append(Figure(f"counted-{number}", "How much each step counted", counted, alt))
    panel = gradient_by_lag({"norm": norms}, y_label="norm of the derivative")
    blocks.append(
        Figure(
            "lag",
            "Does the gradient vanish?",
            panel,
            "the norm of the gradient by lag",
            "How far the output at the last step moves when the input so many steps before it "
            "moves a little, as a mean over examples. A line that falls steeply means that what "
            "was read long ago can hardly be learnt from.",
        )
    )
    return Section("Inside the network", blocks)


def _split(rows: Sequence[Sequence[Any]]) -> tuple[list[str], list[list[Any]]]:
    return list(rows[0]), [list(row) for row in rows[1:]]
