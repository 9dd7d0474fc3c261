"""Vectors that are joined and cut, matrices in blocks: the NumPy functions of their operations. In
and out: arrays, a column for each sequence; next: `ops`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def concat(a: Array, b: Array) -> Array:
    """Two vectors, one below the other."""
    columns = np.broadcast_shapes(a.shape[1:], b.shape[1:])
    return np.concatenate([np.broadcast_to(v, (len(v), *columns)) for v in (a, b)])


def part(x: Array, start: float, units: int) -> Array:
    """Rows of a vector or of a matrix."""
    return x[int(start) : int(start) + units]


def pad(x: Array, start: float, units: int) -> Array:
    """So many rows, zero but for those of x, which begin at `start`."""
    result = np.zeros((units, *x.shape[1:]), x.dtype)
    result[int(start) : int(start) + len(x)] = x
    return result


def block_diagonal(x: Array, blocks: float) -> Array:
    """Square blocks, one above the other, as the diagonal of a matrix."""
    count, rows = int(blocks), len(x)
    size = rows // count
    result = np.zeros((rows, rows), x.dtype)
    for start in range(0, rows, size):
        result[start : start + size, start : start + size] = x[start : start + size]
    return result


def diagonal_blocks(x: Array, blocks: float) -> Array:
    """The blocks along the diagonal of a matrix, one above the other."""
    size = len(x) // int(blocks)
    return np.concatenate([x[start : start + size, start : start + size]
                           for start in range(0, len(x), size)])  # fmt: skip
