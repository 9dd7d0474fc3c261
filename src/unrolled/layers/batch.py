"""A batch of sequences as tokens: dense, or each of its own length.

In: (T, B, I), and perhaps lengths. Out: the tokens that kernels run over, and the way back; next:
`direction`. The tokens of a ragged batch are (N, I). A padded place is no token: it is neither read
nor computed, and comes back as 0.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from unrolled.engines.plan import schedule
from unrolled.engines.plan.schedule import Schedule
from unrolled.errors import ShapeError


class Dense:
    """Every sequence is T steps long, and (T, B, .) holds the tokens as it is."""

    def __init__(self, steps: int, rows: int) -> None:
        self.steps, self.rows = steps, rows

    def schedule(self, jobs: int, reverse: bool) -> Schedule:
        return schedule.dense(self.steps, self.rows, jobs, reverse)

    def gather(self, x: Tensor) -> Tensor:
        return x

    def scatter(self, tokens: Tensor) -> Tensor:
        return tokens

    def turned(self, tokens: Tensor, reverse: bool) -> Tensor:
        return tokens  # a dense schedule walks backwards by itself

    def ordered(self, state: Tensor | None) -> Tensor | None:
        return state

    def restored(self, state: Tensor) -> Tensor:
        return state

    def going(self) -> Tensor | None:
        return None

    def window(self, first: int, last: int) -> Dense:
        return Dense(last - first, self.rows)


class Ragged:
    """Sequences of their own lengths, from `starts[b]` on, in a padded (T, B, .)."""

    def __init__(self, steps: int, starts: Any, lengths: Any, jobs: int) -> None:
        self.steps = steps
        self.rows = len(lengths)
        self.starts, self.lengths = starts, lengths
        self.jobs = jobs

    @cached_property
    def _schedule(self) -> schedule.Ragged:
        return schedule.ragged(self.lengths, self.jobs)

    def schedule(self, jobs: int, reverse: bool) -> Schedule:
        return self._schedule

    @cached_property
    def places(self) -> Tensor:
        """Each token's place in the padded (T B, .)."""
        steps, rows = self._schedule.table
        sequence = self._schedule.order[rows]
        return torch.from_numpy((self.starts[sequence] + steps) * self.rows + sequence)

    @cached_property
    def _turn(self) -> Tensor:
        """Token s of a sequence of n tokens -> token n - 1 - s: its own inverse."""
        steps, rows = self._schedule.table
        lengths = self._schedule.lengths
        token_of = np.zeros((self._schedule.steps + 1, self.rows), np.int64)
        token_of[steps, rows] = np.arange(len(steps))
        return torch.from_numpy(token_of[lengths[rows] - 1 - steps, rows])

    def gather(self, x: Tensor) -> Tensor:
        """The tokens of (T, B), or of (T, B, n)."""
        return x.flatten(0, 1).index_select(0, self.places.to(x.device))

    def scatter(self, tokens: Tensor) -> Tensor:
        padded = tokens.new_zeros(self.steps * self.rows, tokens.shape[1])
        padded = padded.index_copy(0, self.places.to(tokens.device), tokens)
        return padded.reshape(self.steps, self.rows, tokens.shape[1])

    def turned(self, tokens: Tensor, reverse: bool) -> Tensor:
        return tokens.index_select(0, self._turn.to(tokens.device)) if reverse else tokens

    def ordered(self, state: Tensor | None) -> Tensor | None:
        return None if state is None else state.index_select(1, self._order.to(state.device))

    def restored(self, state: Tensor) -> Tensor:
        return state.index_select(1, self._place_of.to(state.device))

    @cached_property
    def _order(self) -> Tensor:
        """Row -> sequence."""
        return torch.from_numpy(self._schedule.order)

    @cached_property
    def _place_of(self) -> Tensor:
        """Sequence -> row."""
        return torch.argsort(self._order)


def ragged(lengths: Any, steps: int, rows: int) -> Ragged:
    """From what the user gave as `lengths`: (B,) numbers of steps, or (B, 2) first and end."""
    if isinstance(lengths, Tensor):
        lengths = lengths.detach().cpu().numpy()
    array = np.asarray(lengths)
    whole = np.issubdtype(array.dtype, np.integer) or array.size == 0
    if not whole or array.shape not in ((rows,), (rows, 2)):
        raise ShapeError(
            f"lengths has the shape {array.shape} of {array.dtype}; it is one whole number for "
            f"each of the {rows} sequences, or (first, end) for each"
        )
    array = array.astype(np.int64)
    starts = array[:, 0] if array.ndim == 2 else np.zeros(rows, np.int64)
    ends = array[:, 1] if array.ndim == 2 else array
    wrong = (starts < 0) | (ends < starts) | (ends > steps)
    if wrong.any():
        b = int(np.flatnonzero(wrong)[0])
        found = array[b].tolist()
        raise ShapeError(f"lengths[{b}] is {found}, but the sequences have 0 to {steps} steps")
    return Ragged(steps, starts, ends - starts, torch.get_num_threads())
