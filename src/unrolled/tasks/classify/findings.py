"""The content of a report on sequences. In: a fitted model, its data. Out: `Findings`.

Next: `page`, and the views of the predictions: `class_view`, `label_view`, `number_view`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

import numpy as np

from unrolled.cells.choosing import ChosenCell
from unrolled.networks.committee import Committee
from unrolled.report.blocks import Live, Section
from unrolled.tasks.classify.job import TargetedSequences
from unrolled.training.job import State

LISTED = 6  # best and worst examples


@dataclass(frozen=True)
class Told:
    """The predictions of a model on a part of the data."""

    data: TargetedSequences
    chances: Any  # (rows, classes): probabilities; for numbers (rows, 1)

    @property
    def said(self) -> Any:
        """The most probable class or label."""
        return self.chances.argmax(1)

    def confusion(self) -> Any:
        count = self.chances.shape[1]
        table = np.zeros((count, count), np.int64)
        np.add.at(table, (self.data.targets, self.said), 1)
        return table


@dataclass(frozen=True)
class Findings:
    """The content of the page."""

    config: Mapping[str, Any]
    cell: ChosenCell
    model: Committee
    state: State
    classes: Sequence[Any]
    parts: Mapping[str, TargetedSequences]
    told: Told
    told_part: str  # the part that `told` describes
    alone: Mapping[str, Told]  # the predictions of each part of the model alone
    baseline: Told | None
    show: Callable[[int], str]  # a row of that part, as text
    steps: Callable[[int], Sequence[str]]  # the names of its steps
    values: Callable[[int], Any]  # its values, (T, channels); None for a text
    notes: Sequence[str]
    live: Live | str  # a sentence if the page has no network
    command: str
    intervals: Mapping[float, Any] = field(default_factory=dict)  # for numbers: level -> low, high


class View(Protocol):
    """The sections of the report that depend on the kind of target."""

    shown: ClassVar[Mapping[str, str]]  # metrics of the epochs, and their labels

    def title(self, found: Findings) -> str: ...

    def lead(self, found: Findings) -> str: ...

    def how_good(self, found: Findings) -> Section: ...

    def examples(self, found: Findings) -> Section: ...

    def chosen(self, found: Findings, count: int) -> list[int]:
        """The rows to explain."""

    def read_as(self, found: Findings, row: int) -> tuple[int, str]:
        """The index of the score to explain, and the prediction for the row, as a title."""


def who(found: Findings) -> str:
    """A description of the model."""
    count = len(found.model.members)
    networks = (
        f"A recurrent network ({found.cell.name})"
        if count == 1
        else f"A committee of {count} recurrent networks ({found.cell.name})"
    )
    return networks if found.model.linear is None else f"{networks} combined with a linear model"


def of_series(found: Findings) -> bool:
    return found.values(0) is not None
