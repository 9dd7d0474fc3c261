"""Splits data into training and test rows. In: labels, texts. Out: row numbers; next: tasks.

Splits are seeded and stratified by class, and equal rows stay together: a text that is twice in the
file is never in both parts. A class with one example is in the training data.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from unrolled.errors import DataError


def hold_out(
    labels: Sequence[str], share: float, seed: int, together: Sequence[Hashable] | None = None
) -> tuple[Any, Any]:
    """Training rows and test rows, about a `share` of each class, both in ascending order."""
    if not 0 < share < 1:
        raise DataError(f"the share of the test rows must be between 0 and 1, not {share!r}")
    draw = np.random.default_rng([seed, 4])
    held: list[int] = []
    for groups in _groups_of_classes(labels, together):
        wanted = share * sum(map(len, groups))
        whole = int(wanted) + int(draw.random() < wanted % 1)  # rounding evens out over classes
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
    """Folds that hold out each row once, stratified by class."""
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
    """The number of groups in the largest class, which is the largest number of folds."""
    return max(map(len, _groups_of_classes(labels, together)))


def _groups_of_classes(
    labels: Sequence[str], together: Sequence[Hashable] | None
) -> list[list[list[int]]]:
    """For each class, sorted by name, the groups of rows that stay together.

    A group whose rows have different labels belongs to the class of its first row.
    """
    keys: Sequence[Hashable] = range(len(labels)) if together is None else together
    groups: dict[Hashable, list[int]] = {}
    for row, key in enumerate(keys):
        groups.setdefault(key, []).append(row)
    classes: dict[str, list[list[int]]] = {}
    for rows in groups.values():
        classes.setdefault(labels[rows[0]], []).append(rows)
    return [classes[label] for label in sorted(classes)]
