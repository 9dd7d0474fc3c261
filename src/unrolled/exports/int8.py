"""Matrices as 8-bit integers. In: a matrix. Out: int8 rows and their scales; next: the printers."""

from __future__ import annotations

import numpy as np

from unrolled.exports.network import Array


def as_int8(matrix: Array) -> tuple[Array, Array]:
    """Each row as integers from -127 to 127, and its scale."""
    scale = np.abs(matrix).max(axis=1).astype(np.float64) / 127
    scale[scale == 0] = 1.0
    whole = np.rint(matrix / scale[:, None]).astype(np.int8)
    return whole, scale.astype(np.float32)


def in_int8(matrix: Array) -> Array:
    """The matrix that these integers represent."""
    whole, scale = as_int8(matrix)
    return (whole.astype(np.float64) * scale[:, None]).astype(matrix.dtype)
