"""Answers simultaneous requests as one batch. In: items of requests. Out: their results.

Each run has its own thread. While it processes a batch, new requests are collected; when it is
free, it takes all of them, up to a bound. A single request is started at once, so there is no
waiting for others. A request whose client has disconnected, or whose time is up before its batch
starts, is skipped. Next: `runs`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from unrolled.errors import UnrolledError
from unrolled.serve.limits import Limits, Refused
from unrolled.serve.metrics import SIZES, Metrics

TOGETHER = 256  # maximum items of a batch

T = TypeVar("T")
Answer = Callable[[list[Any]], list[Any]]  # a result for each item
Asked = tuple[Sequence[Any], "asyncio.Future[list[Any]]"]


class Batcher:
    """The thread of one run, and its queue."""

    def __init__(self, name: str, respond: Answer, limits: Limits, metrics: Metrics) -> None:
        self.name, self.limits = name, limits
        self._respond, self.metrics = respond, metrics
        self._waiting: deque[Asked] = deque()
        self._is_busy = False
        self._thread = ThreadPoolExecutor(1, f"unrolled-{name}")

    def waiting(self) -> int:
        """The number of waiting items."""
        return sum(len(items) for items, _ in self._waiting)

    async def ask(self, items: Sequence[Any]) -> list[Any]:
        """The results for these items, computed together with simultaneous requests."""
        if self.waiting() + len(items) > self.limits.waiting:
            raise Refused(
                503,
                f"the run {self.name!r} has {self.limits.waiting:,} texts or series waiting: "
                "try again in a moment",
                {"retry-after": "1"},
            )
        loop = asyncio.get_running_loop()
        future: asyncio.Future[list[Any]] = loop.create_future()
        if not self._waiting and not self._is_busy:
            loop.call_soon(self._begin)  # after other requests that have already arrived
        self._waiting.append((items, future))
        return await self._in_time(future)

    async def call(self, function: Callable[[], T]) -> T:
        """Call any other function of the run, between two batches."""
        loop = asyncio.get_running_loop()
        return await self._in_time(loop.run_in_executor(self._thread, function))

    async def _in_time(self, future: asyncio.Future[T]) -> T:
        try:
            return await asyncio.wait_for(future, self.limits.seconds)
        except TimeoutError:
            raise Refused(
                504,
                f"there was no result within {self.limits.seconds:g} seconds: send less at once",
            ) from None
        except UnrolledError as error:
            raise Refused(422, str(error)) from None

    def _begin(self) -> None:
        """Start the next batch."""
        asked: list[Asked] = []
        count = 0
        while self._waiting and (not asked or count + len(self._waiting[0][0]) <= TOGETHER):
            items, future = self._waiting.popleft()
            if not future.done():
                asked.append((items, future))
                count += len(items)
        self._is_busy = bool(asked)
        if asked:
            self.metrics.count("unrolled_items_total", count, run=self.name)
            self.metrics.observe("unrolled_batch_items", SIZES, count, run=self.name)
            loop = asyncio.get_running_loop()
            work = loop.run_in_executor(
                self._thread, answers_of, self._respond, [a[0] for a in asked]
            )
            work.add_done_callback(partial(self._deliver, asked))

    def _deliver(self, asked: list[Asked], work: asyncio.Future[list[Any]]) -> None:
        """Deliver the results or the error of each request, and continue."""
        failure = work.exception()
        results = [failure] * len(asked) if failure else work.result()
        for (_, future), result in zip(asked, results, strict=True):
            if future.done():
                continue
            if isinstance(result, BaseException):
                future.set_exception(result)
            else:
                future.set_result(result)
        self._begin()


def answers_of(respond: Answer, requests: list[Sequence[Any]]) -> list[Any]:
    """The results of each request, or the error caused by that request."""
    try:
        answers = respond([item for items in requests for item in items])
    except UnrolledError as error:
        if len(requests) == 1:
            return [error]
        return [answers_of(respond, [items])[0] for items in requests]
    found, first = [], 0
    for items in requests:
        found.append(answers[first : first + len(items)])
        first += len(items)
    return found
