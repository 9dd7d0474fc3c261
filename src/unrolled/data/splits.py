"""What is learned from and what is tested on. In: labels, texts. Out: row numbers; next: tasks.

Seeded, every class by its share, and what is equal stays together: a text that stands twice in the
file is never in both parts. A class with one example is learned from.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from unrolled.errors import DataError


def hold_out(
    labels: Sequence[str], share: float, seed: int, together: Sequence[Hashable] | None = None
) -> tuple[Any, Any]:
    """Rows to learn from and about a `share` of each class to be tested on, both ascending."""
    if not 0 < share < 1:
        raise DataError(f"the share of the test rows is between 0 and 1, not {share!r}")
    draw = np.random.default_rng([seed, 4])
    held: list[int] = []
    for groups in _groups_of_classes(labels, together):
        wanted = share * sum(map(len, groups))
        whole = int(wanted) + int(draw.random() < wanted % 1)  # fractions even out over classes
        taken = 0
        for number in draw.permutation(len(groups))[: len(groups) - 1]:
            if taken >= whole:
                break
            held += groups[number]
            taken += len(groups[number])
    mask = np.zeros(len(labels), bool)
    mask[held] = True
    return np.flatnonzero(~mask), np.flatnonzero(mask)


def folds(
    labels: Sequence[str], count: int, seed: int, together: Sequence[Hashable] | None = None
) -> list[tuple[Any, Any]]:
    """Each row is held out once; every class is spread over the folds."""
    groups = _groups_of_classes(labels, together)
    largest = max(map(len, groups))
    if not 2 <= count <= largest:
        raise DataError(f"{count} folds cannot be made: 2 to {largest:,} can")
    draw = np.random.default_rng([seed, 5])
    fold = np.empty(len(labels), np.int64)
    for one in groups:
        start = draw.integers(count)
        for place, number in enumerate(draw.permutation(len(one))):
            fold[one[number]] = (place + start) % count
    return [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(count)]


def largest_class(labels: Sequence[str], together: Sequence[Hashable] | None = None) -> int:
    """How many groups the largest class has: more folds cannot be made."""
    return max(map(len, _groups_of_classes(labels, together)))


def _groups_of_classes(
    labels: Sequence[str], together: Sequence[Hashable] | None
) -> list[list[list[int]]]:
    """For each class, in order of its name, the groups of rows that stay together.

    A group whose rows have different labels counts for the class of its first row.
    """
    keys: Sequence[Hashable] = range(len(labels)) if together is None else together
    groups: dict[Hashable, list[int]] = {}
    for row, key in enumerate(keys):
        groups.setdefault(key, []).append(row)
    classes: dict[str, list[list[int]]] = {}
    for rows in groups.values():
        classes.setdefault(labels[rows[0]], []).append(rows)
    return [classes[label] for label in sorted(classes)]
