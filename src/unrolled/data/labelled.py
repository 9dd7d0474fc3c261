"""Labelled data in parts. In: `Texts` or a `SeriesSet`. Out: what to learn from, what to test on.

Next: classify, which wants sequences and labels and need not know where they come from.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from unrolled.data.labels import folded
from unrolled.data.series import SeriesSet
from unrolled.data.splits import hold_out
from unrolled.data.texts import Texts

Sequences = Texts | SeriesSet


@dataclass(frozen=True)
class Labelled:
    """Sequences with labels, and the test set that came with them (None: none did)."""

    train: Sequences
    test: Sequences | None = None

    @property
    def is_text(self) -> bool:
        return isinstance(self.train, Texts)

    def written_alike(self) -> Labelled:
        """The labels of the test set as those of the same class are written that are learned."""
        assert self.test is not None, "there is a test set"
        known = {folded(one): one for one in self.train.labels or []}
        labels = [known.get(folded(one), one) for one in self.test.labels or []]
        return replace(self, test=replace(self.test, labels=labels))

    def split(self, share: float, seed: int) -> Labelled:
        """The same with a test set: its own, or a `share` held out, equal texts together."""
        if self.test is not None:
            return self
        labels = self.train.labels
        assert labels is not None, "what is to be split was read with labels"
        together = self.train.texts if isinstance(self.train, Texts) else None
        learned, held = hold_out(labels, share, seed, together)
        return Labelled(select(self.train, learned), select(self.train, held))


def inputs_of(sequences: Sequences) -> list[Any]:
    """The texts, or the arrays (T, channels)."""
    return sequences.texts if isinstance(sequences, Texts) else sequences.values


def select(sequences: Any, rows: Any) -> Any:
    """Some of them, in this order."""
    picked: dict[str, Any] = {
        name: [getattr(sequences, name)[row] for row in rows]
        for name in ("texts", "values", "rows", "labels", "lines")
        if getattr(sequences, name, None)
    }
    return replace(sequences, **picked)
