"""One torch thread for small matrices. In: a block of code. Out: its result, without waiting.

For 32 sentences of 48 numbers a second thread costs more than it gains, especially on a busy
machine. One thread also adds up sums in the same order everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def one_thread() -> Iterator[None]:
    """Limit torch to one thread inside the block; restore the number afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
