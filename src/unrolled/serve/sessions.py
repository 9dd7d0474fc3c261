"""Open streams of clients. In: a stream, then single steps. Out: responses.

A session is kept in the memory of one process. Its name begins with the number of that process, so
that others can forward requests (`channel`). Unused sessions end after a while. Next: `app`.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from unrolled.errors import UnrolledError
from unrolled.serve.limits import Limits, Refused
from unrolled.serve.questions import parse
from unrolled.serve.task import Stream, Task


@dataclass
class Session:
    """One stream, its task, and the time of its last use."""

    run: str
    task: Task
    stream: Stream
    used: float = field(default_factory=time.monotonic)


class Sessions:
    """The sessions of one process."""

    def __init__(
        self, worker: int, limits: Limits, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.worker, self.limits, self.clock = worker, limits, clock
        self.open: dict[str, Session] = {}
        self.streams = 0  # texts being generated

    def __len__(self) -> int:
        return len(self.open) + self.streams

    def require_room(self) -> None:
        """Raise an error if the limit on sessions is reached."""
        if len(self) >= self.limits.sessions:
            self.end_idle()
        if len(self) >= self.limits.sessions:
            raise Refused(
                429,
                f"{self.limits.sessions:,} sessions are open, and no more are allowed: close one "
                "that you no longer need, or try again later",
                {"retry-after": "10"},
            )

    def add(self, run: str, task: Task, stream: Stream) -> str:
        """Add a session and return its name."""
        self.require_room()
        name = f"{self.worker}-{secrets.token_urlsafe(16)}"
        self.open[name] = Session(run, task, stream, self.clock())
        return name

    def step(self, name: str, body: bytes) -> dict[str, Any]:
        """The response to one more step."""
        session = self._find(name)
        session.used = self.clock()
        question = parse(session.task.following, body)
        try:
            return session.stream.step(question)
        except UnrolledError as error:
            raise Refused(422, str(error)) from None

    def close(self, name: str) -> None:
        self._find(name)
        del self.open[name]

    def end_idle(self) -> None:
        """Close sessions that have not been used for a while."""
        latest = self.clock() - self.limits.idle
        self.open = {name: one for name, one in self.open.items() if one.used >= latest}

    def _find(self, name: str) -> Session:
        found = self.open.get(name)
        if found is None or found.used < self.clock() - self.limits.idle:
            raise no_session(name, self.limits)
        return found


def no_session(name: str, limits: Limits) -> Refused:
    """The refusal for a name that does not exist, or no longer."""
    return Refused(
        404,
        f"there is no session {name[:40]!r}: it was closed, was idle for {limits.idle:g} seconds, "
        "or ended with its process; open another",
    )


def worker_of(name: str) -> int | None:
    """The number of the process that has a session."""
    number = name.partition("-")[0]
    return int(number) if number.isascii() and number.isdigit() and len(number) < 5 else None
