"""Labeled data in parts. In: `Texts` or a `SeriesSet`. Out: training data and test data.

Next: classify, which needs only sequences and labels, wherever they come from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from unrolled.data.labels import CLASSES, Answers, folded, split_labels
from unrolled.data.series import SeriesSet
from unrolled.data.splits import hold_out
from unrolled.data.texts import Texts

Sequences = Texts | SeriesSet


@dataclass(frozen=True)
class Labelled:
    """Sequences with labels, and their own test set, if any."""

    train: Sequences
    test: Sequences | None = None
    answers: Answers = CLASSES  # how the labels were read

    @property
    def is_text(self) -> bool:
        return isinstance(self.train, Texts)

    def written_alike(self) -> Labelled:
        """Write the labels of the test set like the training labels of the same class."""
        assert self.test is not None, "there is a test set"
        separator = self.answers.separator
        learned = self.train.labels or []
        if separator is not None:
            learned = [one for label in learned for one in split_labels(label, separator)]
        known = {folded(one): one for one in learned}

        def written(label: str) -> str:
            if separator is None:
                return known.get(folded(label), label)
            words = [known.get(folded(one), one) for one in split_labels(label, separator)]
            return separator.join(sorted(dict.fromkeys(words)))

        labels = [written(one) for one in self.test.labels or []]
        return replace(self, test=replace(self.test, labels=labels))

    def split(self, share: float, seed: int) -> Labelled:
        """Add a test set: its own, or a `share` held out, with equal texts kept together."""
        if self.test is not None:
            return self
        labels = self.train.labels
        assert labels is not None, "data to split are read with labels"
        together = self.train.texts if isinstance(self.train, Texts) else None
        learned, held = hold_out(self.answers.strata(labels), share, seed, together)
        if self.answers.separator is not None:
            learned, held = without_new_labels(labels, self.answers.separator, learned, held)
        return replace(self, train=select(self.train, learned), test=select(self.train, held))


def without_new_labels(
    labels: Sequence[str], separator: str, learned: Any, held: Any
) -> tuple[Any, Any]:
    """The same two parts, with held-out rows moved to training if no other row has their label."""
    known = {one for row in learned for one in split_labels(labels[row], separator)}
    is_new = np.array([not known.issuperset(split_labels(labels[row], separator)) for row in held])
    moved = held[is_new] if len(held) else held
    return np.sort(np.concatenate([learned, moved])), np.setdiff1d(held, moved)


def labels_of(sequences: Sequences, answers: Answers) -> Any:
    """The targets: a label, a list of labels or a number for each row."""
    labels = sequences.labels
    assert labels is not None, "it was read with labels"
    if answers.numbers:
        return [float(one) for one in labels]
    if answers.separator is not None:
        return [split_labels(one, answers.separator) for one in labels]
    return labels


def inputs_of(sequences: Sequences) -> list[Any]:
    """The texts, or the arrays (T, channels)."""
    return sequences.texts if isinstance(sequences, Texts) else sequences.values


def select(sequences: Any, rows: Any) -> Any:
    """The items at `rows`, in this order."""
    picked: dict[str, Any] = {
        name: [getattr(sequences, name)[row] for row in rows]
        for name in ("texts", "values", "rows", "labels", "lines")
        if getattr(sequences, name, None)
    }
    return replace(sequences, **picked)
