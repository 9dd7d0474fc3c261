"""Limits of a server, and refusals. In: sizes, seconds. Out: `Limits`, `Refused`.

A refusal is a status and one sentence. Next: `guard`, `questions`, `batching`, `sessions`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.responses import Response


@dataclass(frozen=True)
class Limits:
    """Limits of one request and of one process."""

    body: int = 1 << 20  # bytes
    length: int = 20_000  # characters of a text, steps of a series
    items: int = 256  # texts or series of one request
    tokens: int = 2_000  # that one request may generate
    seconds: float = 30.0  # until a response is complete
    patience: float = 10.0  # seconds for a client to send its request
    waiting: int = 4_096  # texts or series in the queue of one run
    sessions: int = 1_000  # of one process, including texts that are being generated
    idle: float = 600.0  # seconds after which an unused session ends
    connections: int = 1_000  # of one process


@dataclass
class Refused(Exception):
    """A refused request: the status, and a sentence with the reason."""

    status: int
    sentence: str
    headers: Mapping[str, str] = field(default_factory=dict)

    def response(self) -> Response:
        return answer({"error": self.sentence}, self.status, self.headers)


def answer(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON response; NaN and infinity are not allowed."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return Response(text.encode(), status, headers, "application/json")
