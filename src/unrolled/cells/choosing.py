"""The cell of a network. In: `lstm`, `mycell.py:MyCell`, or a class. Out: its name and equation.

A run stores the equation, never the file, so opening a run from somebody else executes none of
their code. Next: `recurrent` makes layers of it.
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
    """What a network is built from: an equation, its name, and the sizes that it declares."""

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
                f"{self.name} needs the size {size}: set it with --set {size}=8, or in Python with "
                f"cell={self.name}({size}=8)"
            )
        self.equation.check_sizes(**self.sizes)


def choose_cell(choice: Any, modify: Sequence[str] = ()) -> ChosenCell:
    """The chosen cell, changed by modifiers such as `zoneout=0.1`, in order."""
    if isinstance(choice, ChosenCell):  # of a run, whose equation is already modified
        if tuple(modify) != choice.modify:
            raise ArgumentError(
                f"this cell is from a run, where it was modified by {choice.modify or 'nothing'}: "
                f"to modify it differently, name the cell itself"
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
        f"cell must be the name of a cell ({', '.join(library())}), FILE.py:CLASS, or a subclass "
        f"of unrolled.Cell, not {choice!r:.60}"
    )
