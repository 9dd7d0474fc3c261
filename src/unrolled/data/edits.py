"""How far one sequence is from another. In: what is, what was said. Out: edits; next: the tasks.

An edit puts one item in, takes one out, or replaces one (Levenshtein 1966). An error rate is the
edits of all pairs over the items that should be there; it can exceed 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any


def edits(actual: Sequence[Any], said: Sequence[Any]) -> int:
    """The fewest edits that make one of the other."""
    row = list(range(len(said) + 1))
    for place, one in enumerate(actual, 1):
        corner, row[0] = row[0], place
        for column, other in enumerate(said, 1):
            best = min(row[column] + 1, row[column - 1] + 1, corner + (one != other))
            corner, row[column] = row[column], best
    return row[-1]


def error_rate(pairs: Iterable[tuple[Sequence[Any], Sequence[Any]]]) -> float:
    """Edits over items, of pairs of what is and what was said."""
    wrong = total = 0
    for actual, said in pairs:
        wrong, total = wrong + edits(actual, said), total + len(actual)
    return wrong / total if total else 0.0


def text_errors(actual: Sequence[str], said: Sequence[str]) -> dict[str, float]:
    """Error rates of words and characters, and the share of texts that are right as a whole."""
    pairs = list(zip(actual, said, strict=True))
    return {
        "word_error_rate": error_rate((a.split(), b.split()) for a, b in pairs),
        "character_error_rate": error_rate(pairs),
        "exact": sum(a == b for a, b in pairs) / max(1, len(pairs)),
    }
