"""Beam search, batched. In: a way to score the next token. Out: the best sequences of each row.

Of each row of the batch the `width` best beginnings are kept; in each step all of them are made
longer by every token, in one call for the whole batch. A sequence that has ended is scored by
log p / ((5 + length) / 6)^alpha (Wu et al. 2016), which lets longer ones compete. With a beam as
wide as there are beginnings it is exact. Next: translate.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

# (tokens (N,), states, row of the batch of each) -> log probabilities (N, tokens), new states
Step = Callable[[Tensor, Any, Tensor], tuple[Tensor, Any]]
Select = Callable[[Any, Tensor], Any]


@dataclass(frozen=True)
class Found:
    """One sequence, without its end, and its score."""

    tokens: list[int]
    score: float


@torch.no_grad()
def beam_search(
    step: Step, select: Select, rows: int, *, width: int, end: int, longest: int, alpha: float
) -> list[list[Found]]:
    """For each row its best sequences, best first. `end` begins a sequence and ends it."""
    done: list[list[Found]] = [[] for _ in range(rows)]
    row_of = torch.arange(rows)
    tokens = torch.full((rows,), end)
    sums = torch.zeros(rows, dtype=torch.float64)
    written: list[list[int]] = [[] for _ in range(rows)]
    states: Any = None
    for length in range(1, longest + 1):
        log_probs, states = step(tokens, states, row_of)
        total = sums[:, None] + log_probs.double()
        kept: list[tuple[int, int, float]] = []  # beam, token, sum
        for row in torch.unique(row_of).tolist():
            beams = torch.nonzero(row_of == row)[:, 0]
            best = _best_of(total[beams], min(width, total[beams].numel()))
            alive = []
            for value, beam, token in best:
                place = int(beams[beam])
                if token == end or length == longest:
                    whole = written[place] + ([] if token == end else [token])
                    score = value / ((5 + length) / 6) ** alpha
                    done[row].append(Found(whole, score))
                else:
                    alive.append((place, token, value))
            if not _is_settled(done[row], alive, width, length, longest, alpha):
                kept += alive
        if not kept:
            break
        places = torch.tensor([place for place, _, _ in kept])
        tokens = torch.tensor([token for _, token, _ in kept])
        sums = torch.tensor([value for _, _, value in kept], dtype=torch.float64)
        written = [[*written[place], token] for place, token, _ in kept]
        row_of, states = row_of[places], select(states, places)
    return [sorted(one, key=lambda found: (-found.score, found.tokens))[:width] for one in done]


def _best_of(total: Tensor, count: int) -> list[tuple[float, int, int]]:
    """The `count` best of (beams, tokens): value, beam, token."""
    values, places = total.flatten().topk(count)
    return [
        (value, place // total.shape[1], place % total.shape[1])
        for value, place in zip(values.tolist(), places.tolist())
        if value > -torch.inf
    ]


def _is_settled(
    done: list[Found],
    alive: list[tuple[int, int, float]],
    width: int,
    length: int,
    longest: int,
    alpha: float,
) -> bool:
    """Whether no beginning can end better than `width` sequences that have ended."""
    if not alive:
        return True
    if len(done) < width:
        return False
    worst = sorted((one.score for one in done), reverse=True)[width - 1]
    best = max(value for _, _, value in alive)  # sums only fall
    return bool(best / ((5 + longest) / 6) ** alpha <= worst)
