"""CTC on one word, in NumPy. In: a seed. Out: a `Worked`; next: `page`.

The word is "too": it has a letter twice, so the blank is needed. Every path over `STEPS` steps is
written down, those that spell the word are added up, and the forward algorithm gets the same sum
without writing any of them down.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import torch

from unrolled.networks.ctc import BLANK, collapse

Array = np.ndarray

LETTERS = "–to"  # the blank is number 0
WORD = "too"
STEPS = 5
NUDGE = 1e-5  # of a score, for the slope of the loss


@dataclass(frozen=True)
class Worked:
    """The probabilities (T, letters), the paths that spell the word, and the sums."""

    probabilities: Array
    paths: list[tuple[str, float]]  # the most probable first
    table: Array  # (2 L + 1, T): the forward algorithm's
    states: list[str]  # its rows
    total: float  # the sum over the paths
    by_torch: float
    gradient: Array  # of the loss with respect to the scores, (T, letters), by the paths
    largest_error: float  # of the gradient against the slope

    @property
    def forward(self) -> float:
        """The result of the forward algorithm: the path ends in the last letter or the blank."""
        return float(self.table[-2:, -1].sum())

    @property
    def written_down(self) -> int:
        """How many paths there are in all."""
        count: int = len(LETTERS) ** len(self.probabilities)
        return count


def softmax(scores: Array) -> Array:
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    found: Array = raised / raised.sum(axis=1, keepdims=True)
    return found


def all_paths(probabilities: Array, word: str) -> list[tuple[tuple[int, ...], float]]:
    """Every path that spells the word, and its probability: one factor for each step."""
    wanted = [LETTERS.index(letter) for letter in word]
    steps = range(len(probabilities))
    return [
        (path, float(np.prod(probabilities[steps, path])))
        for path in itertools.product(range(len(LETTERS)), repeat=len(probabilities))
        if collapse(path) == wanted
    ]


def forward_table(probabilities: Array, word: str) -> tuple[Array, list[str]]:
    """The forward algorithm: alpha[s, t] is the sum over the paths that are in state s at step t.

    The states are the letters, with a blank before, between and after them.
    """
    states = [BLANK]
    for letter in word:
        states += [LETTERS.index(letter), BLANK]
    alpha = np.zeros((len(states), len(probabilities)))
    alpha[:2, 0] = probabilities[0, states[:2]]
    for t in range(1, len(probabilities)):
        for s, symbol in enumerate(states):
            came = alpha[s, t - 1]  # stay
            if s >= 1:
                came += alpha[s - 1, t - 1]  # from the state before
            if s >= 2 and symbol not in (BLANK, states[s - 2]):
                came += alpha[s - 2, t - 1]  # past a blank, but not between equal letters
            alpha[s, t] = came * probabilities[t, symbol]
    return alpha, [LETTERS[symbol] for symbol in states]


def gradient_by_paths(probabilities: Array, word: str) -> Array:
    """The derivative of -log p(word) with respect to the scores: p(symbol at t) minus its share
    among the paths that spell the word."""
    shares = np.zeros_like(probabilities)
    for path, chance in all_paths(probabilities, word):
        shares[range(len(path)), path] += chance
    found: Array = probabilities - shares / shares.sum(axis=1, keepdims=True)
    return found


def slopes(scores: Array, word: str) -> Array:
    """The same derivative by central differences of the forward algorithm."""
    found = np.zeros_like(scores)
    for place in np.ndindex(scores.shape):
        losses = []
        for nudge in (NUDGE, -NUDGE):
            moved = scores.copy()
            moved[place] += nudge
            losses.append(-np.log(forward_table(softmax(moved), word)[0][-2:, -1].sum()))
        found[place] = (losses[0] - losses[1]) / (2 * NUDGE)
    return found


def work_out(seed: int) -> Worked:
    scores = np.random.default_rng(seed).normal(size=(STEPS, len(LETTERS)))
    for step, letter in enumerate("to–oo"):  # a network that has begun to learn the word
        scores[step, LETTERS.index(letter)] += 1.5
    probabilities = softmax(scores)
    paths = sorted(all_paths(probabilities, WORD), key=lambda one: -one[1])
    table, states = forward_table(probabilities, WORD)
    gradient = gradient_by_paths(probabilities, WORD)
    loss = torch.nn.functional.ctc_loss(
        torch.tensor(np.log(probabilities))[:, None],
        torch.tensor([[LETTERS.index(letter) for letter in WORD]]),
        torch.tensor([STEPS]),
        torch.tensor([len(WORD)]),
        reduction="sum",
    )
    return Worked(
        probabilities,
        [("".join(LETTERS[k] for k in path), chance) for path, chance in paths],
        table,
        states,
        sum(chance for _, chance in paths),
        float(torch.exp(-loss)),
        gradient,
        float(np.abs(gradient - slopes(scores, WORD)).max()),
    )
