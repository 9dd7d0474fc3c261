"""Communication between the processes of one server. In: a request to one of them. Out: its
response.

Each listens on a Unix socket in a folder that only its user can open. A request is one line of JSON
on a new connection, and so is the response. Next: `app`, for sessions of another process, and for
the metrics of all.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from unrolled.serve.limits import Limits, Refused
from unrolled.serve.sessions import no_session, worker_of

LONGEST = 16 << 20  # bytes of a line
PATIENCE = 5.0  # seconds

Answers = dict[str, Callable[[str, str], Any]]


class Channel:
    """One of several processes; without a folder it is the only one."""

    def __init__(self, folder: Path | None, number: int) -> None:
        self.folder, self.number = folder, number
        self.answers: Answers = {}

    def holds(self, session: str) -> bool:
        """Whether a session belongs to this process, or does not exist and is answered here."""
        return self.folder is None or worker_of(session) in (None, self.number)

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Answer other processes while the server runs."""
        if self.folder is None:
            yield
            return
        path = self._socket(self.number)
        path.unlink(missing_ok=True)  # left by a killed process
        server = await asyncio.start_unix_server(self._listen, path, limit=LONGEST)
        async with server:
            yield

    async def ask(self, session: str, what: str, body: str, limits: Limits) -> Any:
        """The response of the process that has a session."""
        number = worker_of(session)
        assert self.folder is not None
        assert number is not None
        try:
            found = await self._ask(number, [what, session, body])
        except (OSError, ValueError, TimeoutError):
            raise no_session(session, limits) from None
        if "status" in found:
            raise Refused(found["status"], found["sentence"])
        return found["answer"]

    async def ask_others(self, what: str) -> list[Any]:
        """The responses of all other processes, except those being replaced."""
        found = []
        for path in sorted(self.folder.glob("*.sock")) if self.folder else []:
            if path != self._socket(self.number):
                try:
                    found.append((await self._ask(int(path.stem), [what, "", ""]))["answer"])
                except (OSError, ValueError, TimeoutError):
                    continue
        return found

    async def _ask(self, number: int, question: list[str]) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE):
            reader, writer = await asyncio.open_unix_connection(self._socket(number), limit=LONGEST)
            try:
                writer.write(json.dumps(question).encode() + b"\n")
                found: dict[str, Any] = json.loads(await reader.readline())
                return found
            finally:
                writer.close()

    async def _listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            what, session, body = json.loads(await reader.readline())
            try:
                reply = {"answer": self.answers[what](session, body)}
            except Refused as refused:
                reply = {"status": refused.status, "sentence": refused.sentence}
            writer.write(json.dumps(reply).encode() + b"\n")
            await writer.drain()
        except (OSError, ValueError):
            return  # the caller has disconnected
        finally:
            writer.close()

    def _socket(self, number: int) -> Path:
        assert self.folder is not None
        return self.folder / f"{number}.sock"
