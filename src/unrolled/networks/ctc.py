"""Connectionist temporal classification (Graves et al. 2006). In: log probabilities of each letter
and of the blank at each step. Out: the letters. Next: transcribe.

A path has a letter or the blank (index 0) at each step; its text is the path without repetitions,
and then without blanks. The probability of a text is the sum over all its paths, which torch's
`ctc_loss` computes; the functions here find a text.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

BLANK = 0
IMPOSSIBLE = -math.inf

Prefix = tuple[int, ...]
Extend = Callable[[Prefix, int], float]  # log p of a letter after others, by a language model


def collapse(path: Sequence[int]) -> list[int]:
    """The text of a path."""
    kept = [one for place, one in enumerate(path) if not place or one != path[place - 1]]
    return [one for one in kept if one != BLANK]


def greedy(log_probs: Any) -> list[int]:
    """The text of the most probable path; (T, letters)."""
    return collapse(np.asarray(log_probs).argmax(1).tolist())


def places(log_probs: Any) -> list[tuple[int, int]]:
    """Each letter of the most probable path and the step at which it begins."""
    path = np.asarray(log_probs).argmax(1).tolist()
    return [
        (step, one)
        for step, one in enumerate(path)
        if one != BLANK and (step == 0 or path[step - 1] != one)
    ]


def beam_search(
    log_probs: Any, width: int, extend: Extend | None = None
) -> list[tuple[list[int], float]]:
    """The most probable texts and log p of each, best first: prefix beam search (Hannun et al.
    2014).

    For each prefix it keeps separate sums over the paths that end in the blank and in a letter,
    since a repeated letter is a new one only after a blank. The sums are exact if `width` is at
    least the number of all prefixes. `extend` adds a language model's log p of each letter.
    """
    beams: dict[Prefix, tuple[float, float]] = {(): (0.0, IMPOSSIBLE)}
    views: dict[Prefix, float] = {(): 0.0}  # the sum of the language model's log p
    for row in np.asarray(log_probs, np.float64):
        grown: dict[Prefix, list[float]] = {}
        for prefix, (blank, letter) in beams.items():
            both = _add(blank, letter)
            _gain(grown, prefix, 0, both + row[BLANK])
            if prefix:
                _gain(grown, prefix, 1, letter + row[prefix[-1]])
            for new in range(1, len(row)):
                if row[new] == IMPOSSIBLE:
                    continue
                repeats = bool(prefix) and new == prefix[-1]
                longer = (*prefix, new)
                if longer not in views:
                    views[longer] = views[prefix] + (extend(prefix, new) if extend else 0.0)
                if views[longer] == IMPOSSIBLE:
                    continue
                _gain(grown, longer, 1, (blank if repeats else both) + row[new])
        best = sorted(grown, key=lambda p: (-(_add(*grown[p]) + views[p]), p))[:width]
        beams = {prefix: (grown[prefix][0], grown[prefix][1]) for prefix in best}
    found = {prefix: _add(*ends) + views[prefix] for prefix, ends in beams.items()}
    order = sorted(found, key=lambda prefix: (-found[prefix], prefix))
    return [(list(prefix), found[prefix]) for prefix in order if found[prefix] > IMPOSSIBLE]


def _gain(grown: dict[Prefix, list[float]], prefix: Prefix, end: int, log_p: float) -> None:
    ends = grown.setdefault(prefix, [IMPOSSIBLE, IMPOSSIBLE])
    ends[end] = _add(ends[end], log_p)


def _add(one: float, other: float) -> float:
    """log(e^one + e^other)"""
    high, low = max(one, other), min(one, other)
    return high if low == IMPOSSIBLE else high + math.log1p(math.exp(low - high))
