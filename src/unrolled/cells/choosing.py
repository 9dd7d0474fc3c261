"""A cell by its name. In: `lstm`, `mycell.py:MyCell`, a class. Out: its name and its equation.

A run keeps the equation, never the file: to open a run of somebody else executes nothing of theirs.
Next: `recurrent` makes layers of it.
"""

from __future__ import annotations

import importlib.util
import inspect
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeGuard

from unrolled import cells
from unrolled.cells.base import Cell, equation
from unrolled.cells.modified import modified
from unrolled.cells.modifiers.words import read_modifier
from unrolled.equations.equation import Equation
from unrolled.errors import ArgumentError, UnrolledError

ALIASES = {"rnn": "elman"}


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
            raise ArgumentError(f"{self.name} has no size {strange[0]!r}")
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


def cell_named(choice: str) -> type[Cell]:
    """A cell's class, from its name in the library or its file."""
    return _from_file(choice) if ".py" in choice else _from_library(choice)


def _chosen(choice: Any) -> ChosenCell:
    if isinstance(choice, str):
        choice = cell_named(choice)
    if isinstance(choice, Cell) or (inspect.isclass(choice) and issubclass(choice, Cell)):
        cell = choice() if isinstance(choice, type) else choice
        return ChosenCell(type(cell).__name__, equation(cell), sizes=cell._own_sizes)
    raise ArgumentError(
        f"cell is the name of a cell ({', '.join(library())}), FILE.py:CLASS, or a subclass of "
        f"unrolled.Cell, not {choice!r}"
    )


def library() -> dict[str, type[Cell]]:
    """The cells that unrolled brings, by their names in small letters."""
    return {name.lower(): getattr(cells, name) for name in cells.__all__}


def _from_library(name: str) -> type[Cell]:
    known = library()
    key = ALIASES.get(name.lower(), name.lower())
    if key in known:
        return known[key]
    nearest = get_close_matches(key, known, n=1)
    hint = f"did you mean {nearest[0]!r}?" if nearest else f"there are {', '.join(known)}"
    raise ArgumentError(f"there is no cell {name!r}; {hint}")


def _from_file(choice: str) -> type[Cell]:
    file, _, name = choice.partition(":")
    path = Path(file)
    if not path.is_file():
        raise ArgumentError(f"--cell {choice}: there is no file {file!r}")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ArgumentError(f"--cell {choice}: {file!r} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(path.stem, module)  # tracing reads the source of the step
    try:
        spec.loader.exec_module(module)
    except UnrolledError:
        raise
    except (
        Exception,
        SystemExit,
    ) as error:  # what a person's own file raises is theirs to put right
        raise ArgumentError(
            f"--cell {choice}: {file} raises {type(error).__name__}: {error}"
        ) from error
    found = {key: value for key, value in vars(module).items() if _is_cell(value)}
    if name in found:
        return found[name]
    known = ", ".join(found) or "no subclass of unrolled.Cell"
    raise ArgumentError(f"--cell {choice}: write FILE.py:CLASS; {file} has {known}")


def _is_cell(value: Any) -> TypeGuard[type[Cell]]:
    return inspect.isclass(value) and issubclass(value, Cell) and value is not Cell
