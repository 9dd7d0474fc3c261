"""The column of the targets. In: cells. Out: targets; next: `texts`, `series`.

`Answers` defines how the column is read: as a class, as several labels, or as a number.

A label is a text: "0" and "1" are classes like any other. `1.0` and `1` are the same class if all
labels are integers. A column of many different fractions is not a label, and is refused.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from unrolled.data.notes import Notes, listed
from unrolled.data.numbers import as_numbers
from unrolled.errors import DataError
from unrolled.literal import quoted

# What a column of labels or targets is called, if nobody says.
LABEL_NAMES = ("label", "labels", "class", "category", "sentiment", "target", "y")

MANY = 50  # different fractions: more are not meant as classes


@dataclass(frozen=True)
class Answers:
    """How the column of the targets is read; each target is a text, or None if it is missing.

    `fold`: labels that differ only in capitals or spaces are the same. `separator`: separates the
    labels of a row, which may have none. `numbers`: targets are numbers, written out in full.
    """

    fold: bool = False
    separator: str | None = None
    numbers: bool = False

    @property
    def option(self) -> str:
        """The command-line option that names the column."""
        return "--target" if self.numbers else "--label"

    @property
    def what(self) -> str:
        return "number" if self.numbers else "label"

    def read(
        self,
        cells: Sequence[str | None],
        column: str,
        path: Path,
        notes: Notes,
        rows: Sequence[int] | None = None,
    ) -> list[str | None]:
        """The target of each row; `rows` are the cells' rows in the file, for messages."""
        if self.numbers:
            values = as_numbers(cells, column, path, notes, rows).tolist()
            return [None if one != one else repr(one) for one in values]
        if self.separator is not None:
            return [*label_sets(cells, self.separator, self.fold, column, notes)]
        labels = as_labels(cells, column, notes)
        return fold_labels(labels, column, notes) if self.fold else labels

    def check(self, answers: Sequence[str], column: str, notes: Notes) -> None:
        """Raise an error if there is nothing to learn."""
        if self.numbers:
            check_numbers(answers, column)
        elif self.separator is None:
            check_classes(answers, column, notes)
        elif not any(answers):
            raise DataError(f"no row has a label in {quoted(column)}: there is nothing to learn")

    def strata(self, answers: Sequence[str]) -> list[str]:
        """A stratum for each row; all parts of the data should have the same share of each."""
        if self.numbers:
            return quantile_names([float(one) for one in answers])
        if self.separator is None:
            return list(answers)
        return rarest_of([split_labels(one, self.separator) for one in answers])


CLASSES = Answers()
BANDS = 10  # of numbers, for a stratified split


def split_labels(cell: str | None, separator: str) -> list[str]:
    """The labels of one cell, each once, in their order in the cell."""
    words = (word.strip() for word in (cell or "").split(separator))
    return list(dict.fromkeys(word for word in words if word))


def label_sets(
    cells: Sequence[str | None], separator: str, fold: bool, column: str, notes: Notes
) -> list[str]:
    """Each cell with its labels in alphabetical order, each once; "" if it has none."""
    rows = [split_labels(cell, separator) for cell in cells]
    if fold:
        flat = fold_labels([label for row in rows for label in row], column, notes)
        waiting = iter(flat)
        rows = [list(dict.fromkeys(str(next(waiting)) for _ in row)) for row in rows]
    bare = sum(not row for row in rows)
    notes.count(bare, len(rows), "rows", f"have none of the labels of {quoted(column)}")
    return [separator.join(sorted(row)) for row in rows]


def rarest_of(rows: Sequence[Sequence[Hashable]]) -> list[str]:
    """The rarest label of each row; "" for a row without labels."""
    counts = Counter(label for row in rows for label in set(row))
    return [
        str(min(row, key=lambda label: (counts[label], str(label)))) if row else "" for row in rows
    ]


def quantile_names(values: Sequence[float]) -> list[str]:
    """The decile of each value, or a larger quantile if there are few values."""
    bands = min(BANDS, max(1, len(values) // BANDS))
    edges = np.quantile(values, np.arange(1, bands) / bands)
    return [str(band) for band in np.searchsorted(edges, values, side="right").tolist()]


def check_numbers(answers: Sequence[str], column: str) -> None:
    """Raise an error if all numbers are equal."""
    if len(set(answers)) < 2:
        raise DataError(
            f"every row has the same number in {quoted(column)} ({answers[0] if answers else '-'}):"
            " there is nothing to learn; name another column"
        )


def as_labels(cells: Sequence[str | None], column: str, notes: Notes) -> list[str | None]:
    """Trim the labels and normalize integers; blank cells become None."""
    labels = [(cell or "").strip() or None for cell in cells]
    known = {label for label in labels if label is not None}
    numbers = {label: number for label in known if (number := _number(label)) is not None}
    if known and len(numbers) == len(known):
        if all(number == int(number) for number in numbers.values()):
            return _whole(labels, numbers, column, notes)
        if len(known) > MANY:
            raise DataError(
                f"the column {quoted(column)} has {len(known):,} different numbers in "
                f"{len(labels):,} rows, such as {listed(sorted(known)[:2])}: that is a quantity, "
                "not a class; name another column as the label, or predict it with "
                "`unrolled train regress`"
            )
    return labels


def folded(label: str) -> str:
    """The common form of labels that differ only in capitals or spaces."""
    return " ".join(label.casefold().split())


def fold_labels(labels: Sequence[str | None], column: str, notes: Notes) -> list[str | None]:
    """Replace each label by the most frequent spelling of its class."""
    counts = Counter(label for label in labels if label is not None)
    spelling: dict[str, str] = {}
    for label in sorted(counts, key=lambda label: (-counts[label], label)):
        spelling.setdefault(folded(label), label)
    changed = [None if label is None else spelling[folded(label)] for label in labels]
    count = sum(before != after for before, after in zip(labels, changed))
    notes.count(
        count, len(labels), "labels",
        f"of {quoted(column)} differ from another one only in capitals or spaces and were "
        "merged with it",
    )  # fmt: skip
    return changed


def _whole(
    labels: list[str | None], numbers: dict[str, float], column: str, notes: Notes
) -> list[str | None]:
    written = {label: str(int(number)) for label, number in numbers.items()}
    if len(set(written.values())) < len(written):
        notes.say(f"labels of {quoted(column)} such as '1' and '1.0' were read as one class")
    return [None if label is None else written[label] for label in labels]


def _number(word: str) -> float | None:
    try:
        value = float(word)
    except ValueError:
        return None
    return value if abs(value) < 1e15 and value == value else None


def check_classes(labels: Sequence[str], column: str, notes: Notes) -> None:
    """Require two classes; note classes with a single example, and refuse mostly such classes."""
    counts = Counter(labels)
    if len(counts) < 2:
        only = next(iter(counts), None)
        raise DataError(
            f"every row has the same label in {quoted(column)} ({quoted(str(only))}): there is "
            "nothing to learn; name another column, or add rows of another class"
        )
    if len(counts) > 0.5 * len(labels) and len(labels) > 10:
        raise DataError(
            f"the column {quoted(column)} has {len(counts):,} different labels in "
            f"{len(labels):,} "
            "rows: most classes have a single example, so it is not a label; name another "
            "column"
        )
    _tell_look_alikes(counts, column, notes)
    single = sorted(label for label, count in counts.items() if count == 1)
    if single:
        classes = "1 class has" if len(single) == 1 else f"{len(single):,} classes have"
        notes.say(
            f"{classes} a single example ({listed(single, 5)}): it is used for training, so its "
            "accuracy cannot be measured"
        )


def _tell_look_alikes(counts: Counter[str], column: str, notes: Notes) -> None:
    """'ham' and 'HAM' may be two classes, but are more often two spellings of one."""
    alike: dict[str, list[str]] = {}
    for label in sorted(counts):
        alike.setdefault(folded(label), []).append(label)
    for same in alike.values():
        if len(same) > 1:
            rare = min(same, key=lambda label: (counts[label], label))
            notes.say(
                f"the labels {listed(same, 5)} of {quoted(column)} differ only in capitals or "
                "spaces "
                f"and are {len(same)} different classes (the rarest, {quoted(rare)}, has "
                f"{counts[rare]:,} rows): --fold-labels merges them"
            )
