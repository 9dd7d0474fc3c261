"""Memory that is reused. In: the sizes of several pieces. Out: a `Lease` of flat arrays; when the
lease is released, its memory is kept for the next one.

A forward pass stores tens of megabytes for the backward pass, and fresh memory costs as much time
as the kernel that fills it, because the system clears it page by page. Only memory that never
leaves the engine is leased; outputs and gradients are fresh, and belong to the user.
"""

from __future__ import annotations

import functools
import math
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

# A waiting array that this many leases in a row had no use for is let go.
PATIENCE = 64


# Pieces begin at a multiple of so many numbers: at a line of the cache.
LINE = 16

Room = tuple[Any, int]  # an array and its address


_poisonings: list[None] = []


@contextmanager
def poisoned() -> Iterator[None]:
    """A context in which leased memory is filled with NaN, which reveals unwritten memory."""
    _poisonings.append(None)
    try:
        yield
    finally:
        _poisonings.pop()


class Memory:
    """Arrays of one kind, kept between uses; `allocate` returns an array and its address."""

    def __init__(self, allocate: Callable[[int], Room], bytes: int) -> None:
        self.allocate, self.bytes = allocate, bytes
        # (size, room): a finalizer only appends, so it needs no lock
        self.returned: deque[tuple[int, Room]] = deque()
        self.waiting: dict[int, list[tuple[int, Room]]] = {}  # size -> (lease count, room)
        self.count = 0
        self.lock = threading.Lock()

    def lease(self, pieces: tuple[int, ...]) -> Lease:
        """Pieces of so many numbers each, one behind the other in one array."""
        size, starts = laid_out(pieces)
        offsets = in_bytes(starts, self.bytes)
        with self.lock:
            self.count += 1
            while self.returned:
                back, room = self.returned.popleft()
                self.waiting.setdefault(back, []).append((self.count, room))
            if self.count % PATIENCE == 0:
                self._forget()
            shelf = self.waiting.get(size)
            found = shelf.pop()[1] if shelf else None
        room = self.allocate(size) if found is None else found
        if _poisonings:
            room[0][:] = math.nan
        return Lease(self, size, room, starts, offsets)

    def _forget(self) -> None:
        for size, shelf in list(self.waiting.items()):
            self.waiting[size] = [e for e in shelf if self.count - e[0] < PATIENCE]


class Lease:
    """Pieces of an array that is returned when this object is deleted."""

    __slots__ = ("memory", "offsets", "room", "size", "starts")

    def __init__(
        self, memory: Memory, size: int, room: Room, starts: tuple[int, ...],
        offsets: tuple[int, ...],
    ) -> None:  # fmt: skip
        self.memory, self.size, self.starts, self.offsets = memory, size, starts, offsets
        self.room = room

    @property
    def addresses(self) -> list[int]:
        address = self.room[1]
        return [address + offset for offset in self.offsets]

    def piece(self, number: int, numbers: int) -> Any:
        """The first so many numbers of a piece."""
        start = self.starts[number]
        return self.room[0][start : start + numbers]

    def __del__(self) -> None:
        # an interruption may come before there is anything to give back; `room` is set last
        if hasattr(self, "room"):
            self.memory.returned.append((self.size, self.room))


class Given:
    """Pieces of an array that is the caller's."""

    __slots__ = ("address", "bytes", "room", "starts")

    def __init__(self, room: Any, address: int, starts: tuple[int, ...], bytes: int) -> None:
        self.room, self.address, self.starts, self.bytes = room, address, starts, bytes

    @property
    def addresses(self) -> list[int]:
        return [self.address + start * self.bytes for start in self.starts]

    def piece(self, number: int, numbers: int) -> Any:
        """The first so many numbers of a piece."""
        start = self.starts[number]
        return self.room[start : start + numbers]


@functools.lru_cache(maxsize=1024)
def laid_out(pieces: tuple[int, ...]) -> tuple[int, tuple[int, ...]]:
    """How many numbers to ask for, and where each piece begins."""
    starts, total = [], 0
    for numbers in pieces:
        starts.append(total)
        total += -(-numbers // LINE) * LINE
    return _rounded(total), tuple(starts)


@functools.lru_cache(maxsize=1024)
def in_bytes(starts: tuple[int, ...], bytes: int) -> tuple[int, ...]:
    """Where pieces of numbers of so many bytes begin."""
    return tuple(start * bytes for start in starts)


def _rounded(numbers: int) -> int:
    """Up to the next eighth of a power of two, so that batches of nearly the same size share."""
    step = 1 << max(6, math.ceil(math.log2(max(1, numbers))) - 3)
    return -(-numbers // step) * step
