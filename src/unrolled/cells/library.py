"""Find cells by name. In: a word, as typed on a command line. Out: a cell's class.

A cell of the library is named by its class, ignoring case and separators (`lstm`, `peephole-lstm`),
a custom cell by its file and class (`mycell.py:MyCell`).
"""

from __future__ import annotations

import difflib
import importlib.util
import inspect
import re
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from unrolled import cells
from unrolled.cells.base import Cell
from unrolled.errors import CellError, UnrolledError


def library() -> dict[str, type[Cell]]:
    """Name -> class, in the order in which `unrolled cells` lists them: by year, then by name."""
    found: list[type[Cell]] = [getattr(cells, name) for name in cells.__all__]
    found.sort(key=lambda cell: (year(cell), cell.__name__.lower()))
    return {_plain(cell.__name__): cell for cell in found}


def variants() -> Iterator[tuple[str, type[Cell] | Cell]]:
    """Every cell of the library, with each variant that a hyperparameter selects by name."""
    for name, cell in library().items():
        yield name, cell
        if cell is cells.Elman:
            for other in ("relu", "sigmoid", "identity"):
                yield f"{name} {other}", cells.Elman(nonlinearity=other)


LONGEST_NAME = 255  # of a file
OTHER_NAMES = {"rnn": "elman", "simplernn": "elman"}  # what PyTorch and Keras call it


def find_cell(word: str) -> type[Cell]:
    """The class that a word on the command line names."""
    file, colon, name = word.rpartition(":")
    if colon and file.endswith(".py"):
        return _in_file(Path(file), name)
    if word.endswith(".py"):
        return _in_file(Path(word), None)
    known = library()
    name = OTHER_NAMES.get(_plain(word), _plain(word))
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(known)}"
    raise CellError(f"no cell {word[:60]!r}; {hint} (a cell of your own is FILE.py:NAME)")


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def summary(cell: type[Cell]) -> str:
    """The first line of a cell's own docstring; empty if it has none."""
    doc = vars(cell).get("__doc__") or ""
    return inspect.cleandoc(doc).partition("\n")[0]


def year(cell: type[Cell]) -> str:
    """The first year that the docstring names."""
    found = re.search(r"\b(19|20)\d\d\b", vars(cell).get("__doc__") or "")
    return found[0] if found else ""


# ------------------------------------------------------------------------------- the user's files


def _in_file(path: Path, name: str | None) -> type[Cell]:
    module = _load(path)
    known = {
        key: value
        for key, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, Cell) and value is not Cell
    }
    if name in known:  # also one that the file only imports
        return known[name]
    found = {key: cell for key, cell in known.items() if cell.__module__ == module.__name__}
    if not found:
        raise CellError(
            f"{path} defines no cell: a cell is a class such as `class MyCell(Cell)` with a step"
        )
    if name is None and len(found) == 1:
        return next(iter(found.values()))
    if name is None:
        raise CellError(f"{path} defines several cells; name one: {_listed(path, found)}")
    near = difflib.get_close_matches(name, found, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are: {_listed(path, found)}"
    raise CellError(f"{path} defines no cell {name!r}; {hint}")


def _listed(path: Path, found: dict[str, type[Cell]]) -> str:
    return ", ".join(f"{path}:{name}" for name in found)


def _load(path: Path) -> ModuleType:
    """Run the user's file as a module, with its folder on the import path."""
    if len(path.name) > LONGEST_NAME:
        raise CellError(f"no such file: {path.name[:40]}... (a name of {len(path.name):,} letters)")
    if not path.is_file():
        names = [other.name for other in path.parent.glob("*.py")]
        near = difflib.get_close_matches(path.name, names, n=1)
        hint = f"; did you mean {path.with_name(near[0])}?" if near else ""
        raise CellError(f"no such file: {path}{hint}")
    spec = importlib.util.spec_from_file_location(f"cell_in_{_plain(path.stem)}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where classes and pickles look for it
    sys.path.insert(0, str(path.parent.resolve()))
    try:
        spec.loader.exec_module(module)
    except UnrolledError:
        raise
    except SyntaxError as error:
        raise CellError(
            f"{error.filename}, line {error.lineno}: {error.msg}: `{(error.text or '').strip()}`"
        ) from None
    except (Exception, SystemExit) as error:
        raise CellError(
            f"{path} cannot be loaded: {type(error).__name__}: {error}{_line_in(path, error)}"
        ) from error
    finally:
        sys.path.remove(str(path.parent.resolve()))
    return module


def _line_in(path: Path, error: BaseException) -> str:
    """The line of the user's file that caused the error."""
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == str(path)]
    return f" ({path}, line {lines[-1]})" if lines else ""
