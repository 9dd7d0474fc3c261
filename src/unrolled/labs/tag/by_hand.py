"""The forward algorithm on three words, in NumPy. In: a seed. Out: a `Worked`; next: `page`.

Every sequence of tags is enumerated, and the exponentials of the scores are added up. The forward
algorithm computes the same sum, and Viterbi's finds the best sequence, from one column per word.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import torch

from unrolled.labs.tag.sentences import TAGS
from unrolled.networks.crf import CRF, Grammar

Array = np.ndarray

STEPS = 3


@dataclass(frozen=True)
class Worked:
    """Scores (T, K), transitions (K, K), all sequences with their scores, and the sums."""

    scores: Array
    moves: Array
    sequences: list[tuple[tuple[int, ...], float]]  # the best first
    alpha: Array  # (T, K): the logarithms of the forward algorithm's sums
    by_enumeration: float  # log of the sum of all raised scores
    by_crf: float  # the same by the module that taggers use
    best: tuple[int, ...]  # Viterbi's

    @property
    def forward(self) -> float:
        """log Z by the forward algorithm: the log of the sum over the last column."""
        return log_sum(self.alpha[-1])

    @property
    def probability(self) -> float:
        """The probability of the best sequence."""
        return float(np.exp(self.sequences[0][1] - self.by_enumeration))


def log_sum(values: Array) -> float:
    high = values.max()
    return float(high + np.log(np.exp(values - high).sum()))


def score(scores: Array, moves: Array, tags: tuple[int, ...]) -> float:
    """The score of a sequence: of its tags at their words, and of its transitions."""
    return float(
        sum(scores[t, tag] for t, tag in enumerate(tags))
        + sum(moves[before, after] for before, after in itertools.pairwise(tags))
    )


def forward(scores: Array, moves: Array) -> Array:
    """alpha[t, k]: log of the sum over all tags of the words up to t, of which the last is k."""
    alpha = np.zeros_like(scores)
    alpha[0] = scores[0]
    for t in range(1, len(scores)):
        for k in range(scores.shape[1]):
            alpha[t, k] = log_sum(alpha[t - 1] + moves[:, k]) + scores[t, k]
    return alpha


def viterbi(scores: Array, moves: Array) -> tuple[int, ...]:
    """The best sequence: the same with the maximum in place of the sum, and back pointers."""
    best, came_from = scores[0], []
    for t in range(1, len(scores)):
        paths = best[:, None] + moves
        came_from.append(paths.argmax(axis=0))
        best = paths.max(axis=0) + scores[t]
    tags = [int(best.argmax())]
    for origins in reversed(came_from):
        tags.append(int(origins[tags[-1]]))
    return tuple(reversed(tags))


def work_out(seed: int) -> Worked:
    draw = np.random.default_rng(seed)
    scores, moves = draw.normal(size=(STEPS, len(TAGS))), draw.normal(size=(len(TAGS), len(TAGS)))
    sequences = [
        (tags, score(scores, moves, tags))
        for tags in itertools.product(range(len(TAGS)), repeat=STEPS)
    ]
    crf = CRF(Grammar.free(len(TAGS))).double()
    with torch.no_grad():
        crf.after.copy_(torch.tensor(moves))
        partition = crf.log_partition(torch.tensor(scores)[:, None], torch.tensor([STEPS]))
    return Worked(
        scores,
        moves,
        sorted(sequences, key=lambda one: -one[1]),
        forward(scores, moves),
        log_sum(np.array([one for _, one in sequences])),
        float(partition),
        viterbi(scores, moves),
    )
