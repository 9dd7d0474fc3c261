"""What a server accepts, and how it refuses. In: sizes, seconds. Out: `Limits`, `Refused`.

Every refusal is a status and one sentence. Next: `guard`, `questions`, `batching`, `sessions`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.responses import Response


@dataclass(frozen=True)
class Limits:
    """Bounds on one request, and on what a process holds at once."""

    body: int = 1 << 20  # bytes
    length: int = 20_000  # characters of a text, steps of a series
    items: int = 256  # texts or series of one request
    tokens: int = 2_000  # that one request may have generated
    seconds: float = 30.0  # until an answer is there
    patience: float = 10.0  # seconds in which a client must have sent its request
    waiting: int = 4_096  # texts or series that wait for one run
    sessions: int = 1_000  # of one process; text that is being generated counts as one
    idle: float = 600.0  # seconds after which a session that nobody uses ends
    connections: int = 1_000  # of one process


@dataclass
class Refused(Exception):
    """A request that gets no answer: the status, and the sentence that says why."""

    status: int
    sentence: str
    headers: Mapping[str, str] = field(default_factory=dict)

    def response(self) -> Response:
        return answer({"error": self.sentence}, self.status, self.headers)


def answer(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A response in JSON; what is not a number is never written as one."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return Response(text.encode(), status, headers, "application/json")
