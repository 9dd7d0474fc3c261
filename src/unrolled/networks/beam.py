"""Batched beam search. In: a function that scores next tokens. Out: the best sequences of each row.

The `width` best prefixes of each row are kept; in each step all of them are extended by every
token, in one call for the whole batch. A finished sequence has the score log p / ((5 + length) /
6)^alpha (Wu et al. 2016), so that longer ones can compete. The search is exact if the beam is as
wide as the number of prefixes. Slot w R + r is prefix w of row r, of R rows; an empty slot has log
p = -inf. Next: `encoder_decoder`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

# (previous token of each slot, states, the R rows) -> log p and tokens (slots, k) of the best next
# tokens of each slot, at most as many as the width of the beam; new states
Step = Callable[[Tensor, Any, Tensor], tuple[Tensor, Tensor, Any]]
Select = Callable[[Any, Tensor], Any]


@dataclass(frozen=True)
class Found:
    """A sequence, without its end, and its score."""

    tokens: list[int]
    score: float


@torch.no_grad()
def beam_search(
    step: Step, select: Select, rows: int, *, width: int, end: int, longest: int, alpha: float
) -> list[list[Found]]:
    """The best sequences of each row, best first. `end` begins and ends a sequence."""
    done: list[list[Found]] = [[] for _ in range(rows)]
    alive = torch.arange(rows)
    tokens = torch.full((width * rows,), end)
    sums = torch.full((width, rows), -torch.inf, dtype=torch.float64)
    sums[0] = 0.0
    written = torch.zeros(width, rows, 0, dtype=torch.long)
    states: Any = None
    for length in range(1, longest + 1):
        log_probs, tokens, states = step(tokens, states, alive)
        sums, token, parent = _grown(log_probs, tokens, sums)
        written = torch.cat([_picked(written, parent), token[:, :, None]], 2)
        ended = (sums > -torch.inf) & ((token == end) | (length == longest))
        for beam, column in ended.nonzero().tolist():
            whole = written[beam, column].tolist()
            score = float(sums[beam, column]) / _long(length, alpha)
            row = int(alive[column])
            done[row].append(Found(whole[:-1] if whole[-1] == end else whole, score))
        sums = sums.masked_fill(ended, -torch.inf)
        worst = torch.tensor([_worst(done[row], width) for row in alive.tolist()])
        going = (sums.amax(0) / _long(longest, alpha) > worst).nonzero()[:, 0]  # sums only fall
        if not len(going):
            break
        places = parent * len(alive) + torch.arange(len(alive))
        states = select(states, places[:, going].flatten())
        tokens, alive = token[:, going].flatten(), alive[going]
        sums, written = sums[:, going], written[:, going]
    return [sorted(one, key=lambda found: (-found.score, found.tokens))[:width] for one in done]


def _grown(log_probs: Tensor, tokens: Tensor, sums: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The best extended prefixes of each row: sums, last tokens, indices of their parents."""
    width, rows = sums.shape
    total = sums[:, :, None] + log_probs.view(width, rows, -1)
    each = total.shape[2]
    best, place = total.transpose(0, 1).flatten(1).topk(width, 1)
    token = tokens.view(width, rows, each).transpose(0, 1).flatten(1).gather(1, place)
    return best.T, token.T, (place // each).T


def _picked(written: Tensor, parent: Tensor) -> Tensor:
    return written.gather(0, parent[:, :, None].expand(*parent.shape, written.shape[2]))


def _long(length: int, alpha: float) -> float:
    """The length normalization."""
    return float(((5 + length) / 6) ** alpha)


def _worst(done: list[Found], width: int) -> float:
    """The score that a prefix must beat: that of the worst of `width` finished sequences."""
    if len(done) < width:
        return -torch.inf
    return sorted((one.score for one in done), reverse=True)[width - 1]
