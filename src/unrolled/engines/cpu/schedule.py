"""Which sequences go on at which step, and where their tokens lie. In: T, B or lengths. Out: tables
that kernels read; next: `run`.

A token is one step of one sequence. Tokens lie step after step; within a step job after job; within
a job row after row, longest first, so that the sequences that go on are always the first rows.
Ragged sequences are dealt to the jobs in turns, so that every job has as much to do. A dense batch
needs no table of its own: its tokens are the rows of (T, B, .).
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Schedule:
    """`base[j]`: the first row of job j. `offsets[j, s]`, `active[j, s]`: its first token at step s
    and how many of its rows go on. `starts[s]`: the first token of step s, in order of steps."""

    steps: int
    rows: int
    jobs: int
    reverse: bool
    base: Ints
    padded_offsets: Ints
    active: Ints
    starts: Ints
    order: Ints | None = None
    lengths: Ints | None = None
    _chunks: dict[int, list[tuple[int, int]]] = field(default_factory=dict)

    @cached_property
    def tokens(self) -> int:
        return int(self.starts[-1])

    @cached_property
    def known(self) -> dict[str, int]:
        """Counts, and where kernels find the tables: the first offset is the word before the first
        step's."""
        return {
            "": 0,
            "once": 1,
            "steps": self.steps,
            "rows": self.rows,
            "jobs": self.jobs,
            "tokens": self.tokens,
            "base": self.base.ctypes.data,
            "offsets": self.padded_offsets.ctypes.data + 8,
            "active": self.active.ctypes.data,
        }

    @property
    def is_dense(self) -> bool:
        return self.lengths is None

    def span(self, first: int, last: int) -> slice:
        """The tokens of the steps first ... last - 1."""
        if self.reverse:
            return slice((self.steps - last) * self.rows, (self.steps - first) * self.rows)
        return slice(int(self.starts[first]), int(self.starts[last]))

    def before(self, first: int, last: int) -> int:
        """What stands one step before each token of the steps first ... last - 1 (first > 0): of a
        dense batch the number of the first such token, and otherwise where a table of them begins.
        """
        here: int = self.span(first, last).start
        if self.is_dense:
            return here + (self.rows if self.reverse else -self.rows)
        return int(self.previous.ctypes.data) + 8 * here

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
        assert self.lengths is not None
        return np.flatnonzero(self.lengths == 0)

    @cached_property
    def first_rows(self) -> Ints:
        """The rows of the first step's tokens, in their order."""
        _, rows = self.table
        return rows[: self.starts[1]]

    def window(self, first: int, last: int) -> Schedule:
        """The steps first ... last - 1 as a schedule of their own, over the tokens of `span`."""
        if self.lengths is None:
            return dense(last - first, self.rows, self.jobs, self.reverse)
        offsets = self.padded_offsets[1:].reshape(self.jobs, self.steps)[:, first:last]
        return Schedule(
            last - first,
            self.rows,
            self.jobs,
            False,
            self.base,
            _padded(offsets - self.starts[first]),
            np.ascontiguousarray(self.active[:, first:last]),
            self.starts[first : last + 1] - self.starts[first],
            self.order,
            np.clip(self.lengths - first, 0, last - first),
        )

    def chunks(self, most_tokens: int) -> list[tuple[int, int]]:
        """Cut the steps into runs of at most so many tokens (but one step at least)."""
        if most_tokens not in self._chunks:
            cuts, first = [], 0
            while first < self.steps:
                stop = self.starts[first] + most_tokens
                last = int(np.searchsorted(self.starts, stop, side="right")) - 1
                last = min(max(last, first + 1), self.steps)
                cuts.append((first, last))
                first = last
            self._chunks[most_tokens] = cuts
        return self._chunks[most_tokens]


@functools.lru_cache(maxsize=256)
def dense(steps: int, rows: int, jobs: int, reverse: bool = False) -> Schedule:
    """All sequences are `steps` long."""
    jobs = max(1, min(jobs, rows))
    base = np.array([rows * j // jobs for j in range(jobs + 1)], np.int64)
    times = np.arange(steps, dtype=np.int64)[:: -1 if reverse else 1]
    offsets = times[None, :] * rows + base[:-1, None]
    active = np.repeat(np.diff(base)[:, None], steps, axis=1)
    starts = np.arange(steps + 1, dtype=np.int64) * rows
    return Schedule(steps, rows, jobs, reverse, base[:-1].copy(), _padded(offsets),
                    np.ascontiguousarray(active), starts)  # fmt: skip


def ragged(lengths: Ints, jobs: int) -> Schedule:
    """Sequences of their own lengths. `order[r]` is the sequence that lies in row r."""
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
    return Schedule(steps, rows, jobs, False, base, _padded(offsets),
                    np.ascontiguousarray(active), starts, order, lengths[order])  # fmt: skip


def _padded(offsets: Ints) -> Ints:
    # a kernel looks up the step before the first, and does not use what it finds
    return np.concatenate([[0], np.ascontiguousarray(offsets).ravel()]).astype(np.int64)
