"""The column that says what each row is. In: cells. Out: answers; next: `texts`, `series`.

`Answers` says how the column is read: as a class, as several labels, or as a number.

A label is a text: "0" and "1" are classes as good as any. `1.0` and `1` are one class when all
labels are whole numbers. A column of many different fractions is not a label, and is refused.
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

MANY = 50  # different fractions: more than a person means by classes


@dataclass(frozen=True)
class Answers:
    """How the column with the answers is read; each answer is a text, None where there is none.

    `fold`: labels that differ in capitals or spaces alone are one. `separator`: what stands between
    the labels of a row, which may have none. `numbers`: answers are numbers, written out in full.
    """

    fold: bool = False
    separator: str | None = None
    numbers: bool = False

    @property
    def option(self) -> str:
        """What names the column on the command line."""
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
        """The answer of each row; `rows` are the cells' rows in the file, for messages."""
        if self.numbers:
            values = as_numbers(cells, column, path, notes, rows).tolist()
            return [None if one != one else repr(one) for one in values]
        if self.separator is not None:
            return [*label_sets(cells, self.separator, self.fold, column, notes)]
        labels = as_labels(cells, column, notes)
        return fold_labels(labels, column, notes) if self.fold else labels

    def check(self, answers: Sequence[str], column: str, notes: Notes) -> None:
        """Whether there is something to learn."""
        if self.numbers:
            check_numbers(answers, column)
        elif self.separator is None:
            check_classes(answers, column, notes)
        elif not any(answers):
            raise DataError(f"no row has a label in {quoted(column)}: there is nothing to learn")

    def strata(self, answers: Sequence[str]) -> list[str]:
        """A name for each row: parts of the data are to have the same shares of each name."""
        if self.numbers:
            return quantile_names([float(one) for one in answers])
        if self.separator is None:
            return list(answers)
        return rarest_of([split_labels(one, self.separator) for one in answers])


CLASSES = Answers()
BANDS = 10  # of numbers, when data are split


def split_labels(cell: str | None, separator: str) -> list[str]:
    """The labels of one cell, each once, in the order in which they stand there."""
    words = (word.strip() for word in (cell or "").split(separator))
    return list(dict.fromkeys(word for word in words if word))


def label_sets(
    cells: Sequence[str | None], separator: str, fold: bool, column: str, notes: Notes
) -> list[str]:
    """Each cell with its labels in alphabetical order, each once; "" where it has none."""
    rows = [split_labels(cell, separator) for cell in cells]
    if fold:
        flat = fold_labels([label for row in rows for label in row], column, notes)
        waiting = iter(flat)
        rows = [list(dict.fromkeys(str(next(waiting)) for _ in row)) for row in rows]
    bare = sum(not row for row in rows)
    notes.count(bare, len(rows), "rows", f"have none of the labels of {quoted(column)}")
    return [separator.join(sorted(row)) for row in rows]


def rarest_of(rows: Sequence[Sequence[Hashable]]) -> list[str]:
    """Of each row its rarest label; "" of a row without any."""
    counts = Counter(label for row in rows for label in set(row))
    return [
        str(min(row, key=lambda label: (counts[label], str(label)))) if row else "" for row in rows
    ]


def quantile_names(values: Sequence[float]) -> list[str]:
    """The tenth of all values that each lies in, or a larger part of few values."""
    bands = min(BANDS, max(1, len(values) // BANDS))
    edges = np.quantile(values, np.arange(1, bands) / bands)
    return [str(band) for band in np.searchsorted(edges, values, side="right").tolist()]


def check_numbers(answers: Sequence[str], column: str) -> None:
    """Numbers that differ."""
    if len(set(answers)) < 2:
        raise DataError(
            f"every row has the same number in {quoted(column)} ({answers[0] if answers else '-'}):"
            " there is nothing to learn; name another column"
        )


def as_labels(cells: Sequence[str | None], column: str, notes: Notes) -> list[str | None]:
    """Blank is None; the rest is trimmed, and whole numbers are written alike."""
    labels = [(cell or "").strip() or None for cell in cells]
    known = {label for label in labels if label is not None}
    numbers = {label: number for label in known if (number := _number(label)) is not None}
    if known and len(numbers) == len(known):
        if all(number == int(number) for number in numbers.values()):
            return _whole(labels, numbers, column, notes)
        if len(known) > MANY:
            raise DataError(
                f"the column {quoted(column)} holds {len(known):,} different numbers in "
                f"{len(labels):,} rows, such as {listed(sorted(known)[:2])}: that is a quantity "
                "and no class; name another column as the label, or learn to estimate it with "
                "`unrolled train regress`"
            )
    return labels


def folded(label: str) -> str:
    """What labels that differ in capitals or spaces alone have in common."""
    return " ".join(label.casefold().split())


def fold_labels(labels: Sequence[str | None], column: str, notes: Notes) -> list[str | None]:
    """Each label as its class is written most often."""
    counts = Counter(label for label in labels if label is not None)
    spelling: dict[str, str] = {}
    for label in sorted(counts, key=lambda label: (-counts[label], label)):
        spelling.setdefault(folded(label), label)
    changed = [None if label is None else spelling[folded(label)] for label in labels]
    count = sum(before != after for before, after in zip(labels, changed))
    notes.count(
        count, len(labels), "labels",
        f"of {quoted(column)} were written like another one but for capitals or spaces: they "
        "count as it",
    )  # fmt: skip
    return changed


def _whole(
    labels: list[str | None], numbers: dict[str, float], column: str, notes: Notes
) -> list[str | None]:
    written = {label: str(int(number)) for label, number in numbers.items()}
    if len(set(written.values())) < len(written):
        notes.say(f"labels of {quoted(column)} such as '1' and '1.0' were taken for one class")
    return [None if label is None else written[label] for label in labels]


def _number(word: str) -> float | None:
    try:
        value = float(word)
    except ValueError:
        return None
    return value if abs(value) < 1e15 and value == value else None


def check_classes(labels: Sequence[str], column: str, notes: Notes) -> None:
    """At least two classes; a class with one example is told, and so is one example a class."""
    counts = Counter(labels)
    if len(counts) < 2:
        only = next(iter(counts), None)
        raise DataError(
            f"every row has the same label in {quoted(column)} ({quoted(str(only))}): there is "
            "nothing to tell apart; name another column, or add rows of another class"
        )
    if len(counts) > 0.5 * len(labels) and len(labels) > 10:
        raise DataError(
            f"the column {quoted(column)} holds {len(counts):,} different labels in "
            f"{len(labels):,} "
            "rows: most classes have a single example, so that it is not a label; name another "
            "column"
        )
    _tell_look_alikes(counts, column, notes)
    single = sorted(label for label, count in counts.items() if count == 1)
    if single:
        classes = "1 class has" if len(single) == 1 else f"{len(single):,} classes have"
        notes.say(
            f"{classes} a single example ({listed(single, 5)}): it is learned from, and nothing "
            "can be said about how well it is recognised"
        )


def _tell_look_alikes(counts: Counter[str], column: str, notes: Notes) -> None:
    """'ham' and 'HAM' may be two classes; more often somebody has typed one of them."""
    alike: dict[str, list[str]] = {}
    for label in sorted(counts):
        alike.setdefault(folded(label), []).append(label)
    for same in alike.values():
        if len(same) > 1:
            rare = min(same, key=lambda label: (counts[label], label))
            notes.say(
                f"the labels {listed(same, 5)} of {quoted(column)} differ in capitals or spaces "
                "alone "
                f"and are taken for {len(same)} classes (the rarer one, {quoted(rare)}, has "
                f"{counts[rare]:,}): if they are one, --fold-labels makes them one"
            )
