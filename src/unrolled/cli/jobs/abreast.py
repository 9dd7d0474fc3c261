"""Processes several batches in parallel. In: items, and a function. Out: the results, in order.

Used for prediction, where one core per batch is faster than all cores on one batch, since the code
between the kernels runs on one core. Next: the jobs.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from typing import TypeVar

import torch

Item = TypeVar("Item")
Result = TypeVar("Result")


def abreast(work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[tuple[Item, Result]]:
    """Each item with its result, in order; as many in parallel as torch has threads.

    At most one item more than are being processed is drawn, so that memory stays bounded. The
    threads are daemons, so that an interrupted program does not wait for them.
    """
    workers = torch.get_num_threads()
    if workers == 1:
        yield from ((item, work(item)) for item in items)
        return
    waiting: queue.SimpleQueue[tuple[Item, Future[Result]] | None] = queue.SimpleQueue()
    begun: deque[tuple[Item, Future[Result]]] = deque()
    torch.set_num_threads(1)  # also applies to threads started from here on
    try:
        for _ in range(workers):
            threading.Thread(target=_work_on, args=(work, waiting), daemon=True).start()
        for item in items:
            begun.append((item, Future()))
            waiting.put(begun[-1])
            if len(begun) > workers:
                yield _finished(begun)
        while begun:
            yield _finished(begun)
    finally:
        for _ in range(workers):
            waiting.put(None)
        torch.set_num_threads(workers)


def _finished(begun: deque[tuple[Item, Future[Result]]]) -> tuple[Item, Result]:
    item, future = begun.popleft()
    return item, future.result()


def _work_on(
    work: Callable[[Item], Result],
    waiting: queue.SimpleQueue[tuple[Item, Future[Result]] | None],
) -> None:
    while (one := waiting.get()) is not None:
        item, future = one
        try:
            future.set_result(work(item))
        except BaseException as error:  # noqa: BLE001 - raised again where the result is read
            future.set_exception(error)
