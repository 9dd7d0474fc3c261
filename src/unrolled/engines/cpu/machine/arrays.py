"""The memory and threads that the caller of a kernel provides.

In: nothing. Out: `Library`, the little that the engine needs of arrays, and `NumPyLibrary`;
the torch layers bring their own. The engine itself has no arrays, and needs no BLAS.
"""

from __future__ import annotations

import functools
from typing import Any, Protocol

import numpy as np

from unrolled.engines.cpu.machine.memory import Lease, Memory
from unrolled.engines.cpu.machine.threads import Parallel, choose

Array = Any  # what the library calls an array: it slices, reshapes and transposes as NumPy's do


class Library(Protocol):
    """Arrays of one dtype on the CPU."""

    bits: int
    parallel: Parallel

    @property
    def threads(self) -> int:
        """On how many threads a large product may run."""

    def empty(self, *shape: int) -> Array: ...

    def zeros(self, *shape: int) -> Array: ...

    def like(self, array: Array) -> Array:
        """Room for as much as a contiguous array holds, in its form."""

    def lease(self, pieces: tuple[int, ...]) -> Lease:
        """Flat arrays of at least so many numbers; their memory is used again once it is let go."""

    def pointer(self, array: Array) -> int:
        """The address of the first number."""

    def contiguous(self, array: Array) -> Array: ...

    def widen(self, array: Array, width: int) -> Array:
        """A copy, its last axis padded with zeros."""

    def converted(self, array: Array, dtype: str) -> Array:
        """The same numbers in this dtype, contiguous."""

    def seen(self, array: Array, dtype: str) -> Array:
        """The same memory as numbers of this dtype."""


@functools.cache
def _memory(dtype: np.dtype[Any]) -> Memory:
    def allocate(numbers: int) -> tuple[Array, int]:
        array = np.empty(numbers, dtype)
        return array, int(array.ctypes.data)

    return Memory(allocate, dtype.itemsize)


class NumPyLibrary:
    """NumPy's arrays."""

    def __init__(self, dtype: Any) -> None:
        self.dtype = np.dtype(dtype)
        self.bits = self.dtype.itemsize * 8
        self.parallel: Parallel = choose()

    @property
    def threads(self) -> int:
        return 1

    def empty(self, *shape: int) -> Array:
        return np.empty(shape, self.dtype)

    def zeros(self, *shape: int) -> Array:
        return np.zeros(shape, self.dtype)

    def like(self, array: Array) -> Array:
        return np.empty_like(array)

    def lease(self, pieces: tuple[int, ...]) -> Lease:
        return _memory(self.dtype).lease(pieces)

    def pointer(self, array: Array) -> int:
        return int(array.ctypes.data)

    def contiguous(self, array: Array) -> Array:
        return np.ascontiguousarray(array, self.dtype)

    def widen(self, array: Array, width: int) -> Array:
        result = self.zeros(*array.shape[:-1], width)
        result[..., : array.shape[-1]] = array
        return result

    def converted(self, array: Array, dtype: str) -> Array:
        return np.ascontiguousarray(array, np.dtype(dtype))

    def seen(self, array: Array, dtype: str) -> Array:
        return array.view(np.dtype(dtype))
