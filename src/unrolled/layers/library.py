"""Torch's memory and threads, as the CPU engine borrows them.

In: nothing. Out: `TorchLibrary`; next: `autograd`. The kernels run on the OpenMP threads that torch
has already started, as many as `torch.set_num_threads` allows.
"""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from unrolled.engines.cpu.machine.memory import Lease, Memory
from unrolled.engines.cpu.machine.threads import choose

DTYPES = {torch.float32: 32, torch.float64: 64}


@functools.cache
def _memory(dtype: torch.dtype) -> Memory:
    def allocate(numbers: int) -> tuple[Tensor, int]:
        with torch.inference_mode(False):  # it serves later calls, too, which may be outside
            tensor = torch.empty(numbers, dtype=dtype)
        return tensor, tensor.data_ptr()

    return Memory(allocate, dtype.itemsize)


@functools.cache
def library(dtype: torch.dtype) -> TorchLibrary:
    """The one for a dtype."""
    return TorchLibrary(dtype)


def of_bits(bits: int) -> TorchLibrary:
    """The one for numbers of so many bits."""
    return library(torch.float32 if bits == 32 else torch.float64)


class TorchLibrary:
    """Tensors of one dtype on the CPU, outside autograd."""

    def __init__(self, dtype: torch.dtype) -> None:
        self.dtype = dtype
        self.bits = DTYPES[dtype]
        self.parallel = choose()

    @property
    def threads(self) -> int:
        return torch.get_num_threads()

    def empty(self, *shape: int) -> Tensor:
        return torch.empty(*shape, dtype=self.dtype)

    def zeros(self, *shape: int) -> Tensor:
        return torch.zeros(shape, dtype=self.dtype)

    def lease(self, pieces: tuple[int, ...]) -> Lease:
        return _memory(self.dtype).lease(pieces)

    # torch's own, without a call of Python's in between
    pointer = staticmethod(Tensor.data_ptr)
    contiguous = staticmethod(Tensor.contiguous)
    like = staticmethod(torch.empty_like)

    def widen(self, array: Tensor, width: int) -> Tensor:
        result = self.zeros(*array.shape[:-1], width)
        result[..., : array.shape[-1]] = array
        return result

    def converted(self, array: Tensor, dtype: str) -> Tensor:
        return array.to(getattr(torch, dtype)).contiguous()

    def seen(self, array: Tensor, dtype: str) -> Tensor:
        return array.view(getattr(torch, dtype))
