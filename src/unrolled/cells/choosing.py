"""A cell by its name. In: `lstm`, `mycell.py:MyCell`, a class. Out: its name and its equation.

A run keeps the equation, never the file: to open a run of somebody else executes nothing of theirs.
Next: `recurrent` makes layers of it.
"""

from __future__ import annotations

import importlib.util
import inspect
import sys
from collections.abc import Sequence
from dataclasses import dataclass
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
    """What a network is built from: an equation, and the name it goes by."""

    name: str
    equation: Equation
    modify: tuple[str, ...] = ()


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
    return ChosenCell(found.name, changed, tuple(modify))


def _chosen(choice: Any) -> ChosenCell:
    if isinstance(choice, str):
        choice = _from_file(choice) if ".py" in choice else _from_library(choice)
    if isinstance(choice, Cell) or (inspect.isclass(choice) and issubclass(choice, Cell)):
        kind = choice if inspect.isclass(choice) else type(choice)
        return ChosenCell(kind.__name__, equation(choice))
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
