"""One thread for small matrices. In: a block of work. Out: the same work, without waiting.

At 32 sentences of 48 numbers a second thread costs more than it brings, and on a busy machine far
more; sums are also added up in the same order wherever it runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def one_thread() -> Iterator[None]:
    """Give torch one thread inside, and what it had before afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
