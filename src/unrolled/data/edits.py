"""Edit distances. In: target and predicted sequences. Out: edits; next: the tasks.

An edit inserts, deletes or replaces an item (Levenshtein 1966). An error rate is the number of
edits of all pairs divided by the number of target items; it can exceed 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any


def edits(actual: Sequence[Any], said: Sequence[Any]) -> int:
    """The smallest number of edits that turns one into the other."""
    row = list(range(len(said) + 1))
    for place, one in enumerate(actual, 1):
        corner, row[0] = row[0], place
        for column, other in enumerate(said, 1):
            best = min(row[column] + 1, row[column - 1] + 1, corner + (one != other))
            corner, row[column] = row[column], best
    return row[-1]


def error_rate(pairs: Iterable[tuple[Sequence[Any], Sequence[Any]]]) -> float:
    """Edits divided by target items, over pairs of a target and a prediction."""
    wrong = total = 0
    for actual, said in pairs:
        wrong, total = wrong + edits(actual, said), total + len(actual)
    return wrong / total if total else 0.0


def text_errors(actual: Sequence[str], said: Sequence[str]) -> dict[str, float]:
    """Error rates of words and characters, and the share of texts that are entirely correct."""
    pairs = list(zip(actual, said, strict=True))
    return {
        "word_error_rate": error_rate((a.split(), b.split()) for a, b in pairs),
        "character_error_rate": error_rate(pairs),
        "exact": sum(a == b for a, b in pairs) / max(1, len(pairs)),
    }
