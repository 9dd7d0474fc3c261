"""Which sequences are active at which step, and where their tokens are. In: T, B or lengths. Out:
tables that kernels read; next: `run`.

A token is one step of one sequence. Tokens are ordered by step, within a step by job, and within a
job by row, longest first, so that the active sequences are always the first rows. Ragged sequences
are distributed over the jobs in turn, so that all jobs have about the same work. The tokens of a
dense batch are the rows of (T, B, .).

`base[j]` is the first row of job j; `offsets[j, s]` and `active[j, s]` are its first token at step
s, and the number of its active rows.
"""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


class Schedule(ABC):
    """What dense and ragged batches have in common. Tables are made when they are asked for."""

    tokens: int
    base: Ints

    def __init__(self, steps: int, rows: int, jobs: int) -> None:
        self.steps, self.rows, self.jobs = steps, rows, max(1, min(jobs, rows))
        self._chunks: dict[int, list[tuple[int, int]]] = {}

    @property
    @abstractmethod
    def offsets(self) -> Ints:
        """(jobs, steps)"""

    @property
    @abstractmethod
    def active(self) -> Ints:
        """(jobs, steps)"""

    @abstractmethod
    def span(self, first: int, last: int) -> slice:
        """The tokens of the steps first ... last - 1."""

    @abstractmethod
    def window(self, first: int, last: int) -> Schedule:
        """The steps first ... last - 1 as a schedule of their own, over the tokens of `span`."""

    @abstractmethod
    def _cut(self, first: int, most_tokens: int) -> int:
        """The last step of a run that begins with this one and has at most so many tokens."""

    @cached_property
    def _padded_offsets(self) -> Ints:
        # a kernel looks up the step before the first, and does not use what it finds
        return np.concatenate([[0], self.offsets.ravel()]).astype(np.int64)

    @cached_property
    def addresses(self) -> tuple[int, int, int]:
        """Where kernels find the tables: base, offsets, active; the word before the first step's
        offset may be read."""
        first_offset = int(self._padded_offsets.ctypes.data) + 8
        return int(self.base.ctypes.data), first_offset, int(self.active.ctypes.data)

    def chunks(self, most_tokens: int) -> list[tuple[int, int]]:
        """Cut the steps into runs of at most so many tokens (but one step at least)."""
        if most_tokens not in self._chunks:
            cuts, first = [], 0
            while first < self.steps:
                last = min(max(self._cut(first, most_tokens), first + 1), self.steps)
                cuts.append((first, last))
                first = last
            self._chunks[most_tokens] = cuts
        return self._chunks[most_tokens]


class DenseSchedule(Schedule):
    """All sequences are `steps` long, and are read from either end."""

    def __init__(self, steps: int, rows: int, jobs: int, reverse: bool) -> None:
        super().__init__(steps, rows, jobs)
        self.reverse = reverse
        self.tokens = steps * rows
        self._bounds = np.array([rows * j // self.jobs for j in range(self.jobs + 1)], np.int64)
        self.base = self._bounds[:-1]

    @property
    def offsets(self) -> Ints:
        times = np.arange(self.steps, dtype=np.int64)[:: -1 if self.reverse else 1]
        return times[None, :] * self.rows + self.base[:, None]

    @cached_property
    def active(self) -> Ints:
        return np.repeat(np.diff(self._bounds)[:, None], self.steps, axis=1)

    def span(self, first: int, last: int) -> slice:
        if self.reverse:
            first, last = self.steps - last, self.steps - first
        return slice(first * self.rows, last * self.rows)

    def window(self, first: int, last: int) -> Schedule:
        return dense_schedule(last - first, self.rows, self.jobs, self.reverse)

    def _cut(self, first: int, most_tokens: int) -> int:
        return first + most_tokens // max(1, self.rows)


class RaggedSchedule(Schedule):
    """Sequences of their own lengths. `order[r]` is the sequence that lies in row r; `starts[s]`:
    the first token of step s."""

    def __init__(
        self, base: Ints, offsets: Ints, active: Ints, starts: Ints, order: Ints, lengths: Ints
    ) -> None:
        super().__init__(len(starts) - 1, len(lengths), len(base))
        self.base, self.starts = base, starts
        self.order, self.lengths = order, lengths
        self.tokens = int(starts[-1])
        self._offsets, self._active = offsets, np.ascontiguousarray(active)

    @property
    def offsets(self) -> Ints:
        return self._offsets

    @property
    def active(self) -> Ints:
        return self._active

    def span(self, first: int, last: int) -> slice:
        return slice(int(self.starts[first]), int(self.starts[last]))

    @cached_property
    def table(self) -> tuple[Ints, Ints]:
        """Every token's step and row, in the order of tokens, step after step."""
        counts = self.active.T.ravel()  # of a step's first job, its second, ...
        number = np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)
        rows = np.repeat(np.tile(self.base, self.steps), counts) + number
        return np.repeat(np.arange(self.steps, dtype=np.int64), np.diff(self.starts)), rows

    @cached_property
    def previous(self) -> Ints:
        """For every token the token of the same row one step before; -1 at the first step."""
        steps, rows = self.table
        token_of = np.full((self.steps + 1, self.rows), -1, np.int64)
        token_of[steps + 1, rows] = np.arange(len(steps))
        return token_of[steps, rows]

    @cached_property
    def last_tokens(self) -> Ints:
        """The last token of every row; 0 where there is none."""
        _, rows = self.table
        last = np.zeros(self.rows, np.int64)
        last[rows] = np.arange(len(rows))  # tokens ascend in steps, so the last one stays
        return last

    @cached_property
    def empty_rows(self) -> Ints:
        """The rows that have no token."""
        return np.flatnonzero(self.lengths == 0)

    @cached_property
    def first_rows(self) -> Ints:
        """The rows of the first step's tokens, in their order."""
        _, rows = self.table
        return rows[: self.starts[1]]

    def window(self, first: int, last: int) -> Schedule:
        return RaggedSchedule(
            self.base,
            self._offsets[:, first:last] - self.starts[first],
            self.active[:, first:last],
            self.starts[first : last + 1] - self.starts[first],
            self.order,
            np.clip(self.lengths - first, 0, last - first),
        )

    def _cut(self, first: int, most_tokens: int) -> int:
        stop = self.starts[first] + most_tokens
        return int(np.searchsorted(self.starts, stop, side="right")) - 1


@functools.lru_cache(maxsize=256)
def dense_schedule(steps: int, rows: int, jobs: int, reverse: bool = False) -> Schedule:
    """All sequences are `steps` long."""
    return DenseSchedule(steps, rows, jobs, reverse)


def ragged_schedule(lengths: Ints, jobs: int) -> RaggedSchedule:
    """Sequences of their own lengths."""
    rows = len(lengths)
    jobs = max(1, min(jobs, rows))
    by_length = np.argsort(-lengths, kind="stable")
    dealt = [by_length[j::jobs] for j in range(jobs)]
    order = np.concatenate(dealt) if rows else by_length
    counts = np.array([len(d) for d in dealt], np.int64)
    base = np.concatenate([[0], np.cumsum(counts)])[:-1].astype(np.int64)
    steps = int(lengths.max(initial=0))
    times = np.arange(steps, dtype=np.int64)
    active = np.stack([(lengths[d][None, :] > times[:, None]).sum(1) for d in dealt]).astype(
        np.int64
    )
    per_step = active.sum(0)
    starts = np.concatenate([[0], np.cumsum(per_step)]).astype(np.int64)
    offsets = starts[None, :-1] + np.cumsum(active, axis=0) - active
    return RaggedSchedule(base, offsets, active, starts, order, lengths[order])
