"""Streams generated text. In: pieces. Out: server-sent events, or the whole text; next: `app`.

Each piece is computed in the thread of its run, so several texts are generated concurrently, with
batches in between. When the client disconnects, generation stops.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from itertools import islice

from starlette.responses import Response, StreamingResponse

from unrolled.serve.limits import Refused
from unrolled.serve.runs import Served
from unrolled.serve.sessions import Sessions

TOGETHER = 4  # pieces that are computed before another request is processed


async def batches(
    pieces: Iterator[str], one: Served, sessions: Sessions
) -> AsyncIterator[list[str]]:
    """Yield a few pieces at a time, within the time limit."""
    sessions.streams += 1
    try:
        async with asyncio.timeout(one.batcher.limits.seconds):
            while some := await one.batcher.call(lambda: _some(pieces)):
                one.batcher.metrics.count("unrolled_tokens_total", len(some), run=one.name)
                yield some
                if len(some) < TOGETHER:
                    return
    except TimeoutError:
        raise Refused(
            504,
            f"the text was not complete within {one.batcher.limits.seconds:g} seconds: ask for "
            "fewer tokens",
        ) from None
    finally:
        sessions.streams -= 1


async def continued(pieces: Iterator[str], one: Served, sessions: Sessions) -> str:
    """The whole continuation."""
    return "".join([piece async for some in batches(pieces, one, sessions) for piece in some])


def events(pieces: Iterator[str], one: Served, sessions: Sessions) -> Response:
    """`data: {"text": ...}` for each piece; at the end `event: done`, or `event: error`."""

    async def lines() -> AsyncIterator[str]:
        try:
            async for some in batches(pieces, one, sessions):
                yield "".join(f"data: {_json(text=piece)}\n\n" for piece in some)
        except Refused as refused:
            yield f"event: error\ndata: {_json(error=refused.sentence)}\n\n"
        else:
            yield "event: done\ndata: {}\n\n"

    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return StreamingResponse(lines(), media_type="text/event-stream", headers=headers)


def _some(pieces: Iterator[str]) -> list[str]:
    return list(islice(pieces, TOGETHER))


def _json(**values: str) -> str:
    return json.dumps(values, ensure_ascii=False)
