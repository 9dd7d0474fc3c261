"""How good tags are. In: tags that are and tags that were said. Out: sums, F1; next: `job`, `page`.

Spans are counted as conlleval does: one is found when its words and its kind are all right. F1 is
over all spans together (micro).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from unrolled.data.schemes import Span, spans


@dataclass(frozen=True)
class Said:
    """What the network says of a sentence: a tag and its probability for each word."""

    tags: list[str]
    probabilities: list[float]
    log_probability: float  # of all the tags together


@dataclass
class Tally:
    """Counts over sentences; they add up."""

    tags: Sequence[str]
    has_spans: bool
    confusion: Any = None  # (K, K): rows: true class; columns: predicted class
    found: dict[str, list[int]] = field(default_factory=dict)  # kind -> right, said, are

    def __post_init__(self) -> None:
        self.confusion = np.zeros((len(self.tags), len(self.tags)), np.int64)

    def add(self, actual: Any, said: Any) -> None:
        """One sentence, both as numbers of tags."""
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
        """Spans that were found, said, and are there."""
        right, said, actual = (sum(one[i] for one in self.found.values()) for i in range(3))
        return right, said, actual


def scores(right: float, said: float, actual: float) -> dict[str, float]:
    """Precision, recall and F1; 0 where there is nothing to divide by, as conlleval prints it."""
    return {
        "precision": right / said if said else 0.0,
        "recall": right / actual if actual else 0.0,
        "f1": 2 * right / (said + actual) if said + actual else 0.0,
    }
