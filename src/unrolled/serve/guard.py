"""Middleware around the application. In: an application. Out: the same with checks.

It checks the token, reads the whole body within limits of size and time, and counts responses.
Next: `app`.
"""

from __future__ import annotations

import asyncio
import hmac
import time
from collections.abc import Iterator

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from unrolled.serve.limits import Limits, Refused
from unrolled.serve.metrics import SECONDS, Metrics

OPEN = ("/health",)  # for load balancers, without a token
WITH_BODY = ("POST", "PUT", "PATCH")


class Guard:
    """Middleware around the whole application."""

    def __init__(self, app: ASGIApp, limits: Limits, token: str | None, metrics: Metrics) -> None:
        self.app, self.limits, self.metrics = app, limits, metrics
        self.token = None if token is None else f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begin, status = time.perf_counter(), 500

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            self._require_token(scope)
            if scope["method"] in WITH_BODY:
                receive = replay(await self._whole_body(scope, receive), receive)
            await self.app(scope, receive, send_and_note)
        except Refused as refused:
            await refused.response()(scope, receive, send_and_note)
        except ClientDisconnect:
            status = 499  # as in nginx: the client has disconnected
        finally:
            route = getattr(scope.get("route"), "path", "none")
            self.metrics.count("unrolled_requests_total", route=route, status=str(status))
            self.metrics.observe(
                "unrolled_request_seconds", SECONDS, time.perf_counter() - begin, route=route
            )

    def _require_token(self, scope: Scope) -> None:
        if self.token is None or scope["path"] in OPEN:
            return
        given = header(scope, b"authorization")
        if not hmac.compare_digest(given, self.token):
            raise Refused(
                401,
                "this server requires a token: send the header 'Authorization: Bearer TOKEN'",
                {"www-authenticate": "Bearer"},
            )

    async def _whole_body(self, scope: Scope, receive: Receive) -> bytes:
        kind = header(scope, b"content-type").partition(b";")[0].strip().lower()
        if kind and kind != b"application/json":
            raise Refused(
                415,
                "the body must be JSON: send the header 'Content-Type: application/json'",
                {"connection": "close"},
            )
        length = header(scope, b"content-length")
        if length.isdigit() and int(length) > self.limits.body:
            raise self._too_large()
        try:
            async with asyncio.timeout(self.limits.patience):
                return await self._read(receive)
        except TimeoutError:
            raise Refused(
                408,
                f"the body did not arrive within {self.limits.patience:g} seconds",
                {"connection": "close"},
            ) from None

    async def _read(self, receive: Receive) -> bytes:
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            body += message.get("body", b"")
            if len(body) > self.limits.body:
                raise self._too_large()
            if not message.get("more_body", False):
                return bytes(body)

    def _too_large(self) -> Refused:
        return Refused(
            413,
            f"the body is larger than {self.limits.body:,} bytes: send less at once",
            {"connection": "close"},
        )


def header(scope: Scope, name: bytes) -> bytes:
    """The first header of that name; empty if there is none."""
    found: Iterator[bytes] = (value for key, value in scope["headers"] if key == name)
    return next(found, b"")


def replay(body: bytes, receive: Receive) -> Receive:
    """Replay a body that has been read, then pass on later messages."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return waiting.pop() if waiting else await receive()

    return again
