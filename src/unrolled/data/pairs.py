"""Pairs of texts: a source and its target. In: a table, or two files of lines. Out: `Pairs`.

A table has a column for each, with any names; in two plain files, line i of one corresponds to line
i of the other. Incomplete pairs are left out and counted. Next: translate.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from unrolled.data.notes import Notes, listed, nearest
from unrolled.data.opening import existing, kind_of, note_encoding, survey, text_lines
from unrolled.data.splits import hold_out
from unrolled.data.tables import TABLES, read_table
from unrolled.errors import DataError
from unrolled.literal import quoted

FROM_NAMES = ("source", "src", "from", "input", "word")
TO_NAMES = ("target", "tgt", "to", "output", "translation", "pronunciation")


@dataclass
class Pairs:
    """Source texts and their targets (no targets if they were not requested)."""

    sources: list[str] = field(default_factory=list)
    targets: list[str] = field(default_factory=list)
    notes: Notes = field(default_factory=Notes)

    def __len__(self) -> int:
        return len(self.sources)

    def select(self, rows: Any) -> Pairs:
        """The items at `rows`, in this order."""
        sources = [self.sources[row] for row in rows]
        return Pairs(sources, [self.targets[row] for row in rows], self.notes)

    def hold_out(self, share: float, seed: int) -> tuple[Pairs, Pairs | None]:
        """The training data and about a `share` for testing, with equal sources kept together."""
        if share == 0:
            return self, None
        learned, held = hold_out([""] * len(self), share, seed, self.sources)
        return self.select(learned), self.select(held)


def read_pairs(
    source: str | Path,
    target: str | Path | None = None,
    columns: tuple[str | None, str | None] = (None, None),
) -> Pairs:
    """Pairs of a table, or of the lines of two files."""
    found = Pairs()
    if target is not None:
        if any(columns):
            raise DataError("--from and --to name columns of a table, and --target a second file")
        sources, targets = (_lines(one, found.notes) for one in (source, target))
        if len(sources) != len(targets):
            raise DataError(
                f"{source} has {len(sources):,} lines and {target} has {len(targets):,}: their "
                "lines must correspond"
            )
    else:
        sources, targets = _columns(Path(source), columns, found.notes)
    lone = 0
    for one, other in zip(sources, targets):
        if one and other:
            found.sources.append(one)
            found.targets.append(other)
        elif one or other:
            lone += 1
    total = len(found) + lone
    if not len(found):
        raise DataError(f"{source} contains no pair of texts")
    found.notes.count(lone, total, "pairs", "are incomplete and were left out")
    return found


def read_sources(source: str | Path, column: str | None = None) -> list[str]:
    """The texts to translate: the lines of a file, or a column of a table."""
    path = existing(source)
    if kind_of(path) not in TABLES:
        return _lines(path, Notes())
    table = read_table(path)
    name = _named(path, table.columns, column, FROM_NAMES, "from", 0)
    return [" ".join((text or "").split()) for text in table.texts(name)]


def _lines(path: str | Path, notes: Notes) -> list[str]:
    path = existing(path)
    found = survey(path)
    note_encoding(path, found, notes)
    return [" ".join(line.split()) for line in text_lines(path, found)]


def _columns(
    path: Path, columns: tuple[str | None, str | None], notes: Notes
) -> tuple[list[str], list[str]]:
    path = existing(path)
    if kind_of(path) not in TABLES:
        raise DataError(
            f"{path} is not a table: name a CSV with two columns, or the file of the targets with "
            "--target"
        )
    table = read_table(path, notes)
    if len(table.columns) < 2:
        raise DataError(f"{path} has one column ({quoted(table.columns[0])}): pairs need two")
    names = (
        _named(path, table.columns, columns[0], FROM_NAMES, "from", 0),
        _named(path, table.columns, columns[1], TO_NAMES, "to", 1),
    )
    one, other = ([" ".join((text or "").split()) for text in table.texts(name)] for name in names)
    return one, other


def _named(
    path: Path, there: list[str], asked: str | None, usual: tuple[str, ...], option: str, place: int
) -> str:
    """The requested column, one with a known name, or the one at its usual place of two columns."""
    if asked is not None:
        if asked not in there:
            raise DataError(
                f"{path} has no column {asked!r} for --{option}; {nearest(asked, there)}"
            )
        return asked
    by_name = {name.lower(): name for name in there}
    found = next((by_name[name] for name in usual if name in by_name), None)
    if found is not None:
        return found
    if len(there) <= 2:
        return there[min(place, len(there) - 1)]
    raise DataError(f"{path} has the columns {listed(there)}: name one with --{option}")
