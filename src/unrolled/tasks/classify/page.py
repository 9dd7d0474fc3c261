"""The report of a classifier. In: the fitted parts and its data. Out: a `Page`; next: the run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from unrolled.cells.choosing import ChosenCell
from unrolled.networks.committee import Committee
from unrolled.report.blocks import Block, Figure, Live, Page, Prose, Section, Table
from unrolled.report.figures import confusion_matrix
from unrolled.tasks.classify.explaining import inputs_of_row, read_row
from unrolled.tasks.classify.job import Labelled, figures
from unrolled.tasks.classify.model import Labeller
from unrolled.tasks.live import with_reason
from unrolled.tasks.looking import Reading, norms_by_lag
from unrolled.tasks.reporting import (
    every_parameter,
    inside,
    learning,
    quoted,
    the_cell,
    trained_on,
)
from unrolled.training.job import State

FIGURES = ["model", "accuracy", "macro F1"]
READ_CLOSELY = 3  # examples whose states are drawn
LISTED = 6  # best and worst examples
FOR_LAGS = 20  # sequences over which the derivative by lag is a mean
LONGEST = 200  # steps of a sequence that is looked at closely
CLASSES_DRAWN = 40  # in a confusion matrix: beyond that nothing can be read


@dataclass(frozen=True)
class Told:
    """What a model said about a part of the data."""

    data: Labelled
    chances: Any  # (rows, classes)

    @property
    def said(self) -> Any:
        return self.chances.argmax(1)

    def confusion(self) -> Any:
        count = self.chances.shape[1]
        table = np.zeros((count, count), np.int64)
        np.add.at(table, (self.data.classes, self.said), 1)
        return table


@dataclass(frozen=True)
class Findings:
    """Everything the page is made of."""

    config: Mapping[str, Any]
    cell: ChosenCell
    model: Committee
    state: State
    classes: Sequence[Any]
    parts: Mapping[str, Labelled]
    told: Told
    told_part: str  # which part `told` is about
    alone: Mapping[str, Told]  # what the parts of the model say without the others
    baseline: Told | None
    show: Callable[[int], str]  # a row of the told part, as text
    steps: Callable[[int], Sequence[str]]  # and its steps by name
    values: Callable[[int], Any]  # and its values, (T, channels); None of a text
    notes: Sequence[str]
    live: Live | str  # a sentence where the page holds no network
    command: str


def page_of(found: Findings) -> Page:
    """The whole report."""
    accuracy = figures(found.told.confusion())["accuracy"]
    weights = sum(weight.numel() for weight in found.model.parameters())
    notes = with_reason(found.notes, found.live)
    return Page(
        title=f"A classifier of {len(found.classes)} classes",
        lead=(
            f"{_who(found)} classifies {accuracy:.1%} of the {len(found.told.data):,} sequences of "
            f"the {found.told_part} set correctly; always guessing the most frequent class "
            f"scores {_commonest(found.told):.1%}.{_better_alone(found, accuracy)}"
        ),
        sections=[
            trained_on(found.config, _part_rows(found), notes),
            the_cell(found.cell, weights),
            learning(
                found.state.history,
                found.state.best_epoch,
                {"loss": "loss (cross-entropy)", "accuracy": "accuracy (share)"},
            ),
            _how_good(found),
            _examples(found),
            _inside(found),
            every_parameter(found.config),
        ],
        command=found.command,
        live=found.live if isinstance(found.live, Live) else None,
    )


def _who(found: Findings) -> str:
    """What the model is made of."""
    count = len(found.model.members)
    networks = (
        f"A recurrent network ({found.cell.name})"
        if count == 1
        else f"A committee of {count} recurrent networks ({found.cell.name})"
    )
    return networks if found.model.linear is None else f"{networks} combined with a linear model"


def _better_alone(found: Findings, accuracy: float) -> str:
    """Which part is better without the others, if one is."""
    rivals = dict(found.alone)
    if found.baseline is not None:
        rivals["the feed-forward network"] = found.baseline
    figure = {name: figures(told.confusion())["accuracy"] for name, told in rivals.items()}
    best = max(figure, key=lambda name: figure[name], default=None)
    if best is None or figure[best] <= accuracy:
        return ""
    return f" On these data, {best} is better: {figure[best]:.1%}."


def _part_rows(found: Findings) -> list[list[Any]]:
    rows: list[list[Any]] = [["part", "sequences", "median steps", "maximum steps"]]
    for name, data in found.parts.items():
        lengths = data.sequences.lengths
        if name == "validation" and data.folds is not None:
            name = "validation (the same rows, each by networks that were not trained on it)"
        rows.append([name, len(data), int(np.median(lengths)), int(lengths.max())])
    return rows


def _how_good(found: Findings) -> Section:
    rows = [[_who(found), *_percent(found.told)]]
    rows += [[name, *_percent(told)] for name, told in found.alone.items()]
    if found.baseline is not None:
        rows.append(["feed-forward network (no order)", *_percent(found.baseline)])
    rows.append(["always the most frequent class", f"{_commonest(found.told):.1%}", "–"])
    table = found.told.confusion()
    blocks: list[Block] = [
        Table(
            "figures",
            f"On the {found.told_part} set. Accuracy is the fraction classified correctly. Macro "
            "F1 is the mean of F1 (the harmonic mean of precision and recall) over the classes, "
            "so rare classes count as much as frequent ones.",
            FIGURES,
            rows,
        ),
        Table(
            "classes",
            "Recall is the fraction of the examples of a class that were predicted correctly, "
            "precision the fraction of its predictions that were correct.",
            ["class", "examples", "recall", "precision"],
            _class_rows(table, found.classes),
        ),
    ]  # fmt: skip
    if len(found.classes) <= CLASSES_DRAWN:
        panel = confusion_matrix(table, [str(name) for name in found.classes])
        blocks.append(
            Figure("confusion", "Confusion matrix", panel, "confusion matrix",
                   "Rows: true class. Columns: predicted class.")
        )  # fmt: skip
    if found.baseline is not None:
        gain = figures(table)["accuracy"] - figures(found.baseline.confusion())["accuracy"]
        blocks.append(
            Prose(
                "The feed-forward network saw the same rows without the order of their steps. "
                f"Recurrence changes the accuracy by {100 * gain:+.1f} points."
            )
        )
    return Section("Results", blocks)


def _commonest(told: Told) -> float:
    """The share of the most frequent class."""
    return float(np.bincount(told.data.classes).max() / len(told.data))


def _percent(told: Told) -> list[str]:
    found = figures(told.confusion())
    return [f"{found['accuracy']:.1%}", f"{found['macro_f1']:.1%}"]


def _class_rows(table: Any, classes: Sequence[Any]) -> list[list[Any]]:
    rows = []
    for number, name in enumerate(classes):
        is_so, said, right = table[number].sum(), table[:, number].sum(), table[number, number]
        recall = f"{right / is_so:.1%}" if is_so else "–"
        precision = f"{right / said:.1%}" if said else "–"
        rows.append([quoted(str(name), 40), int(is_so), recall, precision])
    return rows


def _examples(found: Findings) -> Section:
    """Where it was sure and right, and where it was sure and wrong."""
    told, rows = found.told, np.arange(len(found.told.data))
    sure = told.chances[rows, told.said]
    right = told.said == told.data.classes
    order = np.argsort(-sure, kind="stable")
    columns = ["series" if _of_series(found) else "text", "true", "predicted", "probability"]

    def listed(which: Any) -> list[list[Any]]:
        chosen: dict[tuple[str, ...], list[Any]] = {}  # a text that stands there twice, once
        for row in order:
            if which[row] and len(chosen) < LISTED:
                words = (
                    quoted(found.show(row)),
                    quoted(str(found.classes[told.data.classes[row]]), 40),
                    quoted(str(found.classes[told.said[row]]), 40),
                    f"{sure[row]:.1%}",
                )
                chosen.setdefault(words, list(words))
        return list(chosen.values())

    blocks: list[Block] = []
    for key, caption, which in (
        ("best", "The most confident correct predictions.", right),
        ("worst", "The most confident mistakes. The labels are often worth checking.", ~right),
    ):
        if which.any():
            blocks.append(Table(key, caption, columns, listed(which)))
    return Section("Examples", blocks)


def _of_series(found: Findings) -> bool:
    return found.values(0) is not None


def _inside(found: Findings) -> Section:
    told, model = found.told, _first(found)
    sure = told.chances.max(1)
    right = np.flatnonzero(told.said == told.data.classes)
    wrong = np.flatnonzero(told.said != told.data.classes)
    surest = right[np.argsort(-sure[right], kind="stable")]
    _, first = np.unique(told.said[surest], return_index=True)  # of different classes
    chosen = [*surest[np.sort(first)][: READ_CLOSELY - 1]]
    chosen += [*wrong[np.argsort(-sure[wrong], kind="stable")][:1]]
    readings = [_reading(found, int(row)) for row in chosen]
    spread = np.linspace(0, len(told.data) - 1, min(FOR_LAGS, len(told.data))).astype(int)
    sequences = [inputs_of_row(model, told.data, int(row), LONGEST) for row in spread]
    norms = norms_by_lag(model.recurrent, sequences, seed=0)
    return inside(
        readings,
        norms,
        "the derivative of the predicted class's score with respect to the input, times the input."
        + _which_units(found),
    )


def _which_units(found: Findings) -> str:
    """Where there are two directions, which of the rows is which."""
    recurrent = _first(found).recurrent
    units = recurrent.output_size
    if recurrent.directions == 1:
        return ""
    return f" Units 1 to {units} read forward, units {units + 1} to {2 * units} backward."


def _first(found: Findings) -> Labeller:
    """The member that is looked into."""
    member = found.model.eval().members[0]
    assert isinstance(member, Labeller)
    return member


def _reading(found: Findings, row: int) -> Reading:
    model, told = _first(found), found.told
    inputs = inputs_of_row(model, told.data, row, LONGEST)
    said = int(told.said[row])

    hidden, counted = read_row(model, inputs, said)
    is_so = told.data.classes[row]
    verdict = "correct" if said == is_so else f"wrong, it is {found.classes[is_so]}"
    title = f"Predicted {found.classes[said]} ({verdict})"
    values = found.values(row)
    if values is not None:
        title = f"{found.show(row)}, predicted {found.classes[said]} ({verdict})"
        values = values[:: model.stride][:LONGEST]
    steps = list(found.steps(row))[:: model.stride][:LONGEST]
    return Reading(title, steps, hidden, counted, values)
