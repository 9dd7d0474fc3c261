"""Sequences of different lengths in one array. In: sequences. Out: padded batches of them.

All time steps of all sequences are concatenated in `values`; sequence i is
`values[starts[i] : starts[i + 1]]`. A batch is gathered at once, (T, B) or (T, B, channels).
Next: the jobs of the tasks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

MIXING = 50  # batches that are sorted together, so that each has similar lengths


@dataclass(frozen=True)
class Ragged:
    """Concatenated sequences; padding is zero."""

    values: Any  # (sum of lengths,) or (sum of lengths, channels)
    starts: Any  # (sequences + 1,)

    @classmethod
    def of(cls, sequences: Sequence[Any], dtype: Any) -> Ragged:
        lengths = np.fromiter((len(one) for one in sequences), np.int64, len(sequences))
        starts = np.concatenate([[0], lengths.cumsum()])
        arrays = [np.asarray(one, dtype) for one in sequences if len(one)]
        values = np.concatenate(arrays) if arrays else np.zeros(0, dtype)
        return cls(values, starts)

    @cached_property
    def lengths(self) -> Any:
        return np.diff(self.starts)

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __getitem__(self, index: int) -> Any:
        return self.values[self.starts[index] : self.starts[index + 1]]

    def batch(self, rows: Any) -> tuple[Tensor, Tensor]:
        """The sequences at these rows, time first, and their lengths."""
        lengths = self.lengths[rows]
        steps = np.arange(lengths.max(initial=0))[:, None]
        inside = steps < lengths
        places = np.where(inside, self.starts[rows] + steps, 0)
        x = self.values[places]
        if x.dtype == np.uint8:  # pixels
            x = x.astype(np.float32) / 255
        elif np.issubdtype(x.dtype, np.integer):
            x = x.astype(np.int64)  # stored in half of that
        x[~inside] = 0
        return torch.from_numpy(x), torch.from_numpy(lengths)


def batches_by_length(lengths: Any, batch_size: int, seed: int, epoch: int) -> list[Any]:
    """Batches of rows with similar lengths, in an order that depends on seed and epoch."""
    draw = np.random.default_rng([seed, epoch])
    order = draw.permutation(len(lengths))
    pool = batch_size * MIXING
    batches = []
    for start in range(0, len(order), pool):
        rows = order[start : start + pool]
        rows = rows[np.argsort(lengths[rows], kind="stable")]
        batches += [rows[at : at + batch_size] for at in range(0, len(rows), batch_size)]
    return [batches[index] for index in draw.permutation(len(batches))]


def batches_in_order(lengths: Any, batch_size: int) -> list[Any]:
    """Batches of rows sorted by length, for evaluation, where the order does not matter."""
    rows = np.argsort(lengths, kind="stable")
    return [rows[at : at + batch_size] for at in range(0, len(rows), batch_size)]
