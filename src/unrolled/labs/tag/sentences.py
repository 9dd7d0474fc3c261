"""Sentences whose best tags are known. In: a generator of random numbers. Out: words and tags.

Tags are drawn from a table of transitions (a hidden Markov chain), and each tag draws a word from
another one; the words of different tags overlap, so a word alone does not tell its tag. Since both
tables are known, so is the probability of every tag given the whole sentence: nothing that reads
the words can be right more often than the most probable tag is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Array = np.ndarray

TAGS = ("O", "B", "I")  # outside of a name, its first word, another word of it
WORDS = 12
STEPS = 24
# Row: a tag; column: the chance of the next one. A name has one to many words, and never begins
# with I.
MOVES = np.array([[0.7, 0.3, 0.0], [0.2, 0.1, 0.7], [0.45, 0.1, 0.45]])
FIRST = np.array([0.7, 0.3, 0.0])


def emissions() -> Array:
    """The chance of each word (columns) under each tag (rows): three bumps that overlap."""
    places = np.arange(WORDS)
    heights = np.exp(-(((places - np.array([[2.0], [6.0], [9.0]])) / 2.6) ** 2))
    found: Array = heights / heights.sum(axis=1, keepdims=True)
    return found


@dataclass(frozen=True)
class Sentences:
    """Words and tags, (STEPS, count)."""

    words: Array
    tags: Array


def draw_sentences(count: int, draw: np.random.Generator) -> Sentences:
    tags = np.zeros((STEPS, count), np.int64)
    for t in range(STEPS):
        chances = FIRST[None] if t == 0 else MOVES[tags[t - 1]]
        tags[t] = (draw.random((count, 1)) > chances.cumsum(axis=1)).sum(axis=1)
    words = (draw.random((STEPS, count, 1)) > emissions()[tags].cumsum(axis=2)).sum(axis=2)
    return Sentences(words, tags)


def best_tags(words: Array) -> tuple[Array, Array]:
    """The most probable tag of each word given the whole sentence, and the most probable tags of
    the sentence together: with the true tables, by the forward-backward algorithm and Viterbi's."""
    seen = emissions().T[words]  # (T, B, K): how probable each word is under each tag
    ahead, behind = np.zeros_like(seen), np.ones_like(seen)
    ahead[0] = FIRST * seen[0]
    for t in range(1, len(words)):
        ahead[t] = (ahead[t - 1] @ MOVES) * seen[t]
        ahead[t] /= ahead[t].sum(axis=1, keepdims=True)
    for t in reversed(range(len(words) - 1)):
        behind[t] = (behind[t + 1] * seen[t + 1]) @ MOVES.T
        behind[t] /= behind[t].sum(axis=1, keepdims=True)
    return (ahead * behind).argmax(axis=2), _viterbi(seen)


def _viterbi(seen: Array) -> Array:
    with np.errstate(divide="ignore"):  # what never happens has the logarithm -inf
        moves, first, seen = np.log(MOVES), np.log(FIRST), np.log(seen)
    best, came_from = first + seen[0], []
    for t in range(1, len(seen)):
        paths = best[:, :, None] + moves
        came_from.append(paths.argmax(axis=1))
        best = paths.max(axis=1) + seen[t]
    tags = [best.argmax(axis=1)]
    for origins in reversed(came_from):
        tags.append(np.take_along_axis(origins, tags[-1][:, None], 1)[:, 0])
    return np.stack(tags[::-1])
