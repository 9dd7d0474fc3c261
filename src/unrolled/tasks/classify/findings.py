"""What a report about read sequences is made of. In: a fitted model, its data. Out: `Findings`.

Next: `page`, and the views of its answers: `class_view`, `label_view`, `number_view`.
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
    """What a model said about a part of the data."""

    data: TargetedSequences
    chances: Any  # (rows, classes): probabilities; of numbers (rows, 1)

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
    """Everything the page is made of."""

    config: Mapping[str, Any]
    cell: ChosenCell
    model: Committee
    state: State
    classes: Sequence[Any]
    parts: Mapping[str, TargetedSequences]
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
    intervals: Mapping[float, Any] = field(default_factory=dict)  # of numbers: level -> low, high


class View(Protocol):
    """What a kind of answer adds to the report."""

    shown: ClassVar[Mapping[str, str]]  # measures of the epochs, and what they are called

    def title(self, found: Findings) -> str: ...

    def lead(self, found: Findings) -> str: ...

    def how_good(self, found: Findings) -> Section: ...

    def examples(self, found: Findings) -> Section: ...

    def chosen(self, found: Findings, count: int) -> list[int]:
        """Rows that are looked at closely."""

    def read_as(self, found: Findings, row: int) -> tuple[int, str]:
        """Which score of a row is explained, and what was said of the row, as a title."""


def who(found: Findings) -> str:
    """What the model is made of."""
    count = len(found.model.members)
    networks = (
        f"A recurrent network ({found.cell.name})"
        if count == 1
        else f"A committee of {count} recurrent networks ({found.cell.name})"
    )
    return networks if found.model.linear is None else f"{networks} combined with a linear model"


def of_series(found: Findings) -> bool:
    return found.values(0) is not None
