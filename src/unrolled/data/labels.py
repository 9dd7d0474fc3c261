"""The column that says what each row is. In: cells. Out: classes; next: `texts`, `series`.

A label is a text: "0" and "1" are classes as good as any. `1.0` and `1` are one class when all
labels are whole numbers. A column of many different fractions is no label, and is refused.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from unrolled.data.notes import Notes, listed
from unrolled.errors import DataError
from unrolled.literal import quoted

MANY = 50  # different fractions: more than a person means by classes


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
                "and no class; name another column as the label, or put it into classes first"
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
            "rows: most classes have a single example, so that it is no label; name another "
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
