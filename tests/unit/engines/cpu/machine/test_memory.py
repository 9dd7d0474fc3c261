"""Memory that is used again: never by two at a time, and not kept for ever."""

import gc

import numpy as np
import pytest

from unrolled.engines.cpu.machine import memory as memory_module
from unrolled.engines.cpu.machine.memory import LINE, PATIENCE, Memory


@pytest.fixture
def memory() -> Memory:
    def allocate(numbers: int) -> tuple[np.ndarray, int]:
        array = np.zeros(numbers)
        return array, array.ctypes.data

    return Memory(allocate, 8)


def test_pieces_lie_apart_each_at_a_line(memory: Memory) -> None:
    lengths = (3, 0, LINE, 100)
    lease = memory.lease(lengths)
    starts = [(address - lease.room[1]) // 8 for address in lease.addresses]
    assert all(start % LINE == 0 for start in starts)
    ends = [start + length for start, length in zip(starts, lengths, strict=True)]
    assert all(end <= start for end, start in zip(ends, starts[1:], strict=False))
    assert ends[-1] <= len(lease.room[0])
    lease.piece(3, 100)[:] = 7
    assert (lease.room[0] == 7).sum() == 100


def test_memory_is_used_again_and_only_when_nobody_holds_it(memory: Memory) -> None:
    first, second = memory.lease((50,)), memory.lease((50,))
    assert first.room[1] != second.room[1]
    address = first.room[1]
    del first
    assert memory.lease((50,)).room[1] == address


def test_memory_that_nobody_wants_is_let_go(memory: Memory) -> None:
    lease = memory.lease((10_000,))
    del lease
    for _ in range(2 * PATIENCE + 1):
        memory.lease((10,))
    assert not any(len(room[0]) >= 10_000 for shelf in memory.waiting.values() for _, room in shelf)


def test_a_lease_that_an_interruption_kept_from_being_made_gives_nothing_back(
    memory: Memory,
) -> None:
    """Its finalizer runs all the same; what it raised would be a warning, and so an error here."""
    lease = memory_module.Lease.__new__(memory_module.Lease)
    lease.memory, lease.size = memory, 16
    del lease
    gc.collect()
    assert not memory.returned
