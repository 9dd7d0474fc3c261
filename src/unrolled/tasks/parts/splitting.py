"""Rows set aside. In: the class of each row. Out: rows to learn from, rows to look at.

Every class gives its share, so that a rare one is in both; a class with one row is learnt from.
Next: the tasks.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def split_by_class(classes: Any, share: float, seed: int) -> tuple[Any, Any]:
    """The rows that stay and the `share` that is held out, each in the order of the file."""
    draw = np.random.default_rng([seed, 1])
    held = []
    for number in np.unique(classes):
        rows = draw.permutation(np.flatnonzero(classes == number))
        wanted = len(rows) * share
        count = int(wanted) + int(draw.random() < wanted % 1)  # fractions even out over classes
        held.append(rows[: min(count, len(rows) - 1)])
    mask = np.zeros(len(classes), bool)
    mask[np.concatenate(held).astype(np.int64)] = True
    return np.flatnonzero(~mask), np.flatnonzero(mask)


def folds_by_class(classes: Any, folds: int, seed: int) -> list[tuple[Any, Any]]:
    """Each row is held out once; every class is spread over the folds."""
    draw = np.random.default_rng([seed, 2])
    fold = np.empty(len(classes), np.int64)
    for number in np.unique(classes):
        rows = draw.permutation(np.flatnonzero(classes == number))
        fold[rows] = (np.arange(len(rows)) + draw.integers(folds)) % folds
    return [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(folds)]
