"""Encodes several labels per row. In: lists or a matrix. Out: 0 and 1; next: `classifier`."""

from __future__ import annotations

from typing import Any

import numpy as np

from unrolled.errors import InputError
from unrolled.tasks.classify.plan import as_labels

LISTS = (list, tuple, set, frozenset)


def are_several(y: Any) -> bool:
    """Whether `y` has lists of labels, or a column for each label."""
    if hasattr(y, "columns"):
        return len(y.columns) > 1
    if isinstance(y, np.ndarray) and y.dtype.kind != "O":
        return y.ndim == 2 and y.shape[1] > 1
    return any(isinstance(one, (*LISTS, np.ndarray)) for one in y)


def as_label_sets(y: Any, count: int, classes: Any = None) -> tuple[list[Any], Any, bool]:
    """The labels of each row, all labels in order, and whether `y` is a matrix of 0 and 1.

    The columns of a frame are labels by name; those of an array are `classes`, or 0, 1, 2 ...
    """
    if len(y) != count:
        raise InputError(f"there are {count} sequences and {len(y)} rows of labels: give one each")
    if hasattr(y, "columns") or (isinstance(y, np.ndarray) and y.ndim == 2):
        return _of_matrix(y, classes)
    rows = list(y)
    alone = next((n for n, one in enumerate(rows) if not isinstance(one, (*LISTS, np.ndarray))), -1)
    if alone >= 0:
        raise InputError(
            f"row {alone + 1} of y is {rows[alone]!r:.60}, but others are lists of labels: "
            "write [label], or [] for none"
        )
    sets = [[_plain(label) for label in one] for one in rows]
    known = {label for one in sets for label in one}
    if classes is not None:
        return sets, classes, False
    if not known:
        raise InputError("no row has a label: there is nothing to learn")
    kinds = {type(label) for label in known}
    if len(kinds) > 1 or not kinds <= {str, int, float, bool}:
        raise InputError("labels must be all texts or all numbers")
    return sets, np.asarray(sorted(known)), False


def _plain(label: Any) -> Any:
    return label.item() if isinstance(label, np.generic) else label


def _of_matrix(y: Any, classes: Any) -> tuple[list[Any], Any, bool]:
    names = [str(name) for name in y.columns] if hasattr(y, "columns") else None
    values = np.asarray(y.to_numpy() if hasattr(y, "to_numpy") else y)
    if values.dtype.kind not in "biuf" or not np.isin(values, (0, 1)).all():
        raise InputError("a matrix of labels must contain 0 and 1, with a column for each label")
    if classes is None:
        classes = np.asarray(names) if names else np.arange(values.shape[1])
    elif values.shape[1] != len(classes):
        raise InputError(
            f"the matrix has {values.shape[1]} columns, but the model has {len(classes)} labels"
        )
    elif names is not None and names != [str(one) for one in classes]:
        raise InputError(f"the columns are {names}, but the labels are {[*map(str, classes)]}")
    listed = classes.tolist()
    return [[listed[k] for k in np.flatnonzero(row)] for row in values], classes, True


def with_new_labels(classes: Any, y: Any, count: int) -> Any:
    """The classes, followed by the new labels of `y`."""
    if are_several(y):
        if not isinstance(y, np.ndarray) and not hasattr(y, "columns"):
            found = as_label_sets(y, count)[1]
        else:
            raise InputError("a matrix can only have columns of known labels: give lists instead")
    else:
        found = np.unique(as_labels(y, count))
    known = set(classes.tolist())
    new = [label for label in found.tolist() if label not in known]
    if new and type(new[0]) is not type(classes.tolist()[0]):
        raise InputError(f"the new label {new[0]!r} is of another type than the known ones")
    return np.asarray([*classes.tolist(), *new])


def indicators_of(sets: list[Any], classes: Any, whose: str) -> Any:
    """(rows, labels) of 0 and 1; raises InputError for an unknown label."""
    known = {label: number for number, label in enumerate(classes.tolist())}
    found = np.zeros((len(sets), len(known)), np.float32)
    for row, labels in enumerate(sets):
        for label in labels:
            if label not in known:
                raise InputError(
                    f"the label {label!r} of {whose} was not in the training data; its labels are: "
                    f"{', '.join(map(str, classes[:8]))}"
                )
            found[row, known[label]] = 1
    return found
