"""Memory that is used again. In: how many numbers are wanted. Out: a `Lease` of a flat array; when
nobody holds the lease any more, the array waits for the next one.

What a forward pass keeps for the backward one is tens of megabytes, and fresh memory costs as much
as the kernel that fills it: the system hands it out page by page and clears each. Only memory that
never leaves the engine is leased; outputs and gradients are fresh, and the user's.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

# A waiting array that this many leases in a row had no use for is let go.
PATIENCE = 64


class Memory:
    """Arrays of one kind, kept between uses."""

    def __init__(self, allocate: Callable[[int], Any]) -> None:
        self.allocate = allocate
        self.returned: deque[tuple[int, Any]] = (
            deque()
        )  # a finalizer only appends: it needs no lock
        self.waiting: dict[int, list[tuple[int, Any]]] = {}  # size -> (lease count, array)
        self.count = 0
        self.lock = threading.Lock()

    def lease(self, numbers: int) -> Lease:
        size = _rounded(numbers)
        with self.lock:
            self.count += 1
            while self.returned:
                back, array = self.returned.popleft()
                self.waiting.setdefault(back, []).append((self.count, array))
            if self.count % PATIENCE == 0:
                self._forget()
            shelf = self.waiting.get(size)
            found = shelf.pop()[1] if shelf else None
        return Lease(self, size, self.allocate(size) if found is None else found)

    def _forget(self) -> None:
        for size, shelf in list(self.waiting.items()):
            self.waiting[size] = [e for e in shelf if self.count - e[0] < PATIENCE]


class Lease:
    """An array that goes back when this object goes."""

    __slots__ = ("array", "memory", "size")

    def __init__(self, memory: Memory, size: int, array: Any) -> None:
        self.memory, self.size, self.array = memory, size, array

    def __del__(self) -> None:
        self.memory.returned.append((self.size, self.array))


def _rounded(numbers: int) -> int:
    """Up to the next eighth of a power of two, so that batches of nearly the same size share."""
    step = 1 << max(6, math.ceil(math.log2(max(1, numbers))) - 3)
    return -(-numbers // step) * step
