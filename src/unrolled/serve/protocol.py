"""The HTTP protocol with limits on headers. In: limits. Out: uvicorn's protocol with timeouts.

uvicorn does not limit the time or the size of a request's headers; this protocol limits both.
Next: `process`.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from unrolled.serve.limits import Limits

MOST_HEAD = 64 << 10  # bytes of a request line and its headers


def bounded(limits: Limits) -> type[HttpToolsProtocol]:
    """The protocol with limits on the time and the size of headers."""

    class Bounded(HttpToolsProtocol):
        deadline: asyncio.TimerHandle | None = None
        head = 0  # bytes of the headers so far

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self.expect_headers()

        def connection_lost(self, exc: Exception | None) -> None:
            self.stop_waiting()
            super().connection_lost(exc)

        def on_message_begin(self) -> None:
            super().on_message_begin()
            self.expect_headers()

        def on_headers_complete(self) -> None:
            self.stop_waiting()
            super().on_headers_complete()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self.deadline is None:
                self.head = 0
                return
            self.head += len(data)
            if self.head > MOST_HEAD:
                self.refuse(431, f"the headers are larger than {MOST_HEAD:,} bytes")

        def expect_headers(self) -> None:
            self.stop_waiting()
            self.deadline = self.loop.call_later(limits.patience, self.give_up)

        def stop_waiting(self) -> None:
            if self.deadline is not None:
                self.deadline.cancel()
                self.deadline = None

        def give_up(self) -> None:
            if self.cycle is None or self.cycle.response_complete:
                self.refuse(408, f"no request came within {limits.patience:g} seconds")

        def refuse(self, status: int, sentence: str) -> None:
            if not self.transport.is_closing():
                self.transport.write(refusal(status, sentence))
                self.transport.close()

        def send_400_response(self, msg: str) -> None:
            self.refuse(400, "this is not an HTTP request")

    return Bounded


def refusal(status: int, sentence: str) -> bytes:
    """A complete response, after which the connection is closed."""
    body = json.dumps({"error": sentence}).encode()
    head = (
        f"HTTP/1.1 {status} Refused\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
    )
    return head.encode("ascii") + body
