"""A cell as networks use it. In: `lstm`, `mycell.py:MyCell`, a class. Out: its name and equation.

A run keeps the equation, never the file: to open a run of somebody else executes nothing of theirs.
Next: `recurrent` makes layers of it.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from unrolled.cells.base import Cell, equation
from unrolled.cells.library import find_cell, library
from unrolled.cells.modified import modified
from unrolled.cells.modifiers.words import read_modifier
from unrolled.equations.equation import Equation
from unrolled.errors import ArgumentError


@dataclass(frozen=True)
class ChosenCell:
    """What a network is built from: an equation, the name it goes by, and those of its sizes that
    are its own."""

    name: str
    equation: Equation
    modify: tuple[str, ...] = ()
    sizes: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        wanted = set(self.equation.sizes) - {"input_size", "hidden_size", *self.equation.lengths}
        strange = sorted(set(self.sizes) - set(self.equation.sizes))
        if strange:
            raise ArgumentError(f"{self.name} has no size {strange[0]!r:.60}")
        for size in sorted(wanted - set(self.sizes)):
            raise ArgumentError(
                f"{self.name} has a size of its own, {size}: say --set {size}=8, or in Python "
                f"cell={self.name}({size}=8)"
            )
        self.equation.check_sizes(**self.sizes)


def choose_cell(choice: Any, modify: Sequence[str] = ()) -> ChosenCell:
    """The cell that a person means, changed by modifiers, `zoneout=0.1` say, in turn."""
    if isinstance(choice, ChosenCell):  # of a run: what it keeps has been changed
        if tuple(modify) != choice.modify:
            raise ArgumentError(
                f"this cell is of a run, and was modified by {choice.modify or 'nothing'} there: "
                f"name the cell itself to modify it otherwise"
            )
        return choice
    found = _chosen(choice)
    changed = modified(found.equation, [read_modifier(word) for word in modify])
    return ChosenCell(found.name, changed, tuple(modify), found.sizes)


def _chosen(choice: Any) -> ChosenCell:
    if isinstance(choice, str):
        choice = find_cell(choice)
    if isinstance(choice, Cell) or (inspect.isclass(choice) and issubclass(choice, Cell)):
        cell = choice() if isinstance(choice, type) else choice
        return ChosenCell(type(cell).__name__, equation(cell), sizes=cell._own_sizes)
    raise ArgumentError(
        f"cell is the name of a cell ({', '.join(library())}), FILE.py:CLASS, or a subclass of "
        f"unrolled.Cell, not {choice!r:.60}"
    )
