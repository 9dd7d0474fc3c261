"""A batch of sequences as tokens: dense, or with different lengths.

In: (T, B, I), optionally with lengths. Out: the tokens for the kernels, and the conversion back;
next: `operator`. The tokens of a ragged batch are (N, I). Padding is not a token: it is neither
read nor computed, and is 0 in the result.
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


class DenseBatch:
    """All sequences have T steps, and (T, B, .) contains the tokens as they are."""

    def __init__(self, steps: int, rows: int) -> None:
        self.steps, self.rows = steps, rows

    def schedule(self, jobs: int, reverse: bool) -> Schedule:
        return schedule.dense_schedule(self.steps, self.rows, jobs, reverse)

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

    def window(self, first: int, last: int) -> DenseBatch:
        return DenseBatch(last - first, self.rows)


class PaddedBatch:
    """A batch of which only the shape may be used, since a compiler traces it; the operator finds
    the tokens when it runs. `lengths`: (B,), or (B, 2) first and end."""

    def __init__(self, steps: int, rows: int, lengths: Tensor | None) -> None:
        self.steps, self.rows, self.lengths = steps, rows, lengths

    def gather(self, x: Tensor) -> Tensor:
        return x

    def scatter(self, tokens: Tensor) -> Tensor:
        return tokens

    def bounded(self, tokens: Tensor) -> Tensor:
        """The same, and zero outside of the sequences."""
        if self.lengths is None:
            return tokens
        lengths = self.lengths.to(tokens.device)
        steps = torch.arange(self.steps, device=tokens.device).unsqueeze(1)
        inside = steps < (lengths if lengths.dim() == 1 else lengths[:, 1])
        if lengths.dim() == 2:
            inside = inside & (steps >= lengths[:, 0])
        return torch.where(inside.unsqueeze(-1), tokens, torch.zeros_like(tokens))

    def turned(self, tokens: Tensor, reverse: bool) -> Tensor:
        return tokens

    def ordered(self, state: Tensor | None) -> Tensor | None:
        return state

    def restored(self, state: Tensor) -> Tensor:
        return state


class RaggedBatch:
    """Sequences of different lengths, starting at `starts[b]`, in a padded (T, B, .)."""

    def __init__(self, steps: int, starts: Any, lengths: Any, jobs: int) -> None:
        self.steps = steps
        self.rows = len(lengths)
        self.starts, self.lengths = starts, lengths
        self.jobs = jobs

    @cached_property
    def _schedule(self) -> schedule.RaggedSchedule:
        return schedule.ragged_schedule(self.lengths, self.jobs)

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

    def largest(self, tokens: Tensor) -> Tensor:
        """The largest value of each sequence, (rows, n), without padding first; -inf for an empty
        sequence. For inference only: its derivative would be a chain over all steps."""
        table = self._schedule
        found = tokens.new_full((self.rows, tokens.shape[1]), -torch.inf)
        for first, counts, offsets in zip(table.base, table.active, table.offsets, strict=True):
            for count, token in zip(counts.tolist(), offsets.tolist(), strict=True):
                if count:
                    best = found[first : first + count]
                    torch.maximum(best, tokens[token : token + count], out=best)
        return found.index_select(0, self._place_of.to(tokens.device))

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


def padded(lengths: Any, steps: int, rows: int) -> PaddedBatch:
    """Like `ragged`, with lengths that the operator checks when it runs."""
    found = torch.as_tensor(lengths)
    is_whole = not (found.is_floating_point() or found.is_complex() or found.dtype == torch.bool)
    if not is_whole or found.dim() not in (1, 2) or found.shape[0] != rows:
        raise _no_lengths(tuple(found.shape), found.dtype, rows)
    return PaddedBatch(steps, rows, found.detach().to("cpu", torch.int64))


def _no_lengths(shape: Any, dtype: Any, rows: int) -> ShapeError:
    return ShapeError(
        f"lengths has the shape {shape} of {dtype}; it must be one whole number for each of the "
        f"{rows} sequences, or (first, end) for each"
    )


def ragged(lengths: Any, steps: int, rows: int, jobs: int | None = None) -> RaggedBatch:
    """From the user's `lengths`: (B,) numbers of steps, or (B, 2) first and end."""
    if isinstance(lengths, Tensor):
        lengths = lengths.detach().cpu().numpy()
    array = np.asarray(lengths)
    whole = np.issubdtype(array.dtype, np.integer) or array.size == 0
    if not whole or array.shape not in ((rows,), (rows, 2)):
        raise _no_lengths(array.shape, array.dtype, rows)
    array = array.astype(np.int64)
    starts = array[:, 0] if array.ndim == 2 else np.zeros(rows, np.int64)
    ends = array[:, 1] if array.ndim == 2 else array
    wrong = (starts < 0) | (ends < starts) | (ends > steps)
    if wrong.any():
        b = int(np.flatnonzero(wrong)[0])
        found = array[b].tolist()
        raise ShapeError(f"lengths[{b}] is {found}, but the sequences have 0 to {steps} steps")
    return RaggedBatch(steps, starts, ends - starts, jobs or torch.get_num_threads())
