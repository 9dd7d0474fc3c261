"""Who is answered with whom, and what one request may do to another."""

import asyncio
import threading
from typing import Any

import pytest

from unrolled.errors import ArgumentError
from unrolled.serve.batching import Batcher
from unrolled.serve.limits import Limits, Refused
from unrolled.serve.metrics import Metrics


class Slow:
    """Answers when it is let; remembers each batch."""

    def __init__(self) -> None:
        self.batches: list[list[Any]] = []
        self.gate = threading.Event()

    def __call__(self, items: list[Any]) -> list[Any]:
        self.batches.append(items)
        assert self.gate.wait(10)
        if "bad" in items:
            raise ArgumentError("that is bad")
        if "fault" in items:
            raise ZeroDivisionError
        return [item * 2 for item in items]


def test_those_who_arrive_together_are_one_batch() -> None:
    slow = Slow()

    async def main() -> list[Any]:
        batcher = Batcher("run", slow, Limits(), Metrics())
        first = [asyncio.create_task(batcher.ask([number])) for number in range(3)]
        while not slow.batches:
            await asyncio.sleep(0.001)
        later = [asyncio.create_task(batcher.ask([number, 10])) for number in range(3, 5)]
        await asyncio.sleep(0)
        assert batcher.waiting() == 4
        slow.gate.set()
        return await asyncio.gather(*first, *later)

    assert asyncio.run(main()) == [[0], [2], [4], [6, 20], [8, 20]]
    assert slow.batches == [[0, 1, 2], [3, 10, 4, 10]]


@pytest.mark.parametrize(("word", "error"), [("bad", Refused), ("fault", ZeroDivisionError)])
def test_a_bad_request_hurts_nobody_else(word: str, error: type[Exception]) -> None:
    slow = Slow()
    slow.gate.set()

    async def main() -> list[Any]:
        batcher = Batcher("run", slow, Limits(), Metrics())
        asked = [batcher.ask(["a"]), batcher.ask([word]), batcher.ask(["b", "c"])]
        found = await asyncio.gather(*asked, return_exceptions=True)
        assert await batcher.ask(["d"]) == ["dd"]  # and the run goes on
        return found

    found = asyncio.run(main())
    assert isinstance(found[1], error)
    if error is Refused:
        assert found[0] == ["aa"]
        assert found[2] == ["bb", "cc"]
        assert found[1].status == 422


def test_nobody_waits_for_ever_and_who_has_gone_is_left_out() -> None:
    slow = Slow()

    async def main() -> None:
        batcher = Batcher("run", slow, Limits(seconds=0.02, waiting=5), Metrics())
        first = asyncio.create_task(batcher.ask(["a"]))
        await asyncio.sleep(0.01)
        second = asyncio.create_task(batcher.ask(["b"]))
        with pytest.raises(Refused, match=r"within 0\.02 seconds") as refused:
            await first
        assert refused.value.status == 504
        with pytest.raises(Refused):
            await second
        with pytest.raises(Refused, match="try again") as full:
            await batcher.ask(list("abcdef"))
        assert full.value.status == 503
        slow.gate.set()
        third = await batcher.ask(["c"])
        assert third == ["cc"]

    asyncio.run(main())
    assert slow.batches == [["a"], ["c"]]
