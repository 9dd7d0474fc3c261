"""Metrics of tags. In: true and predicted tags. Out: sums, F1; next: `job`, `page`.

Spans are counted like conlleval does: a span is correct if its words and its kind are. F1 is
micro-averaged over all spans.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from unrolled.data.schemes import Span, spans


@dataclass(frozen=True)
class Said:
    """The prediction for a sentence: a tag and its probability for each word."""

    tags: list[str]
    probabilities: list[float]
    log_probability: float  # of the whole sequence of tags


@dataclass
class Tally:
    """Counts over sentences; they add up."""

    tags: Sequence[str]
    has_spans: bool
    confusion: Any = None  # (K, K): rows: true class; columns: predicted class
    found: dict[str, list[int]] = field(default_factory=dict)  # kind -> correct, predicted, true

    def __post_init__(self) -> None:
        self.confusion = np.zeros((len(self.tags), len(self.tags)), np.int64)

    def add(self, actual: Any, said: Any) -> None:
        """Add one sentence, with tags as indices."""
        np.add.at(self.confusion, (actual, said), 1)
        if self.has_spans:
            self.add_spans(self.spans(actual), self.spans(said))

    def spans(self, numbers: Any) -> list[Span]:
        return spans([self.tags[number] for number in numbers])

    def add_spans(self, actual: Sequence[Span], said: Sequence[Span]) -> None:
        for place, one in enumerate((set(actual) & set(said), said, actual)):
            for span in one:
                self.found.setdefault(span.kind, [0, 0, 0])[place] += 1

    def counts(self) -> tuple[int, int, int]:
        """The numbers of correct, predicted and true spans."""
        right, said, actual = (sum(one[i] for one in self.found.values()) for i in range(3))
        return right, said, actual


def scores(right: float, said: float, actual: float) -> dict[str, float]:
    """Precision, recall and F1; 0 if undefined, as in conlleval."""
    return {
        "precision": right / said if said else 0.0,
        "recall": right / actual if actual else 0.0,
        "f1": 2 * right / (said + actual) if said + actual else 0.0,
    }
