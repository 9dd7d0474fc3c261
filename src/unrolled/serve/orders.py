"""What to serve, where, and within which limits. In: words of a command line. Out: `Orders`.

All processes of a server have the same orders. Nothing here loads a network, so the supervising
process stays small. Next: `workers`, `process`.
"""

from __future__ import annotations

import os
import re
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from unrolled.errors import ArgumentError
from unrolled.serve.limits import Limits

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
STOPPING = 10  # seconds for requests to finish when the server stops


@dataclass(frozen=True)
class Orders:
    """The orders of every process."""

    places: dict[str, Path]
    limits: Limits = field(default_factory=Limits)
    token: str | None = None


def places_of(words: Sequence[str]) -> dict[str, Path]:
    """`FOLDER` or `NAME=FOLDER`, as on the command line."""
    places: dict[str, Path] = {}
    for word in words:
        name, is_named, folder = word.partition("=")
        path = Path(folder if is_named else word)
        name = name if is_named else path.resolve().name
        if not NAME.fullmatch(name):
            raise ArgumentError(
                f"{name[:80]!r} cannot be the name of a run in an address: write NAME=FOLDER with "
                "a name of letters, digits, '.', '_' and '-'"
            )
        if name in places:
            raise ArgumentError(f"two runs are called {name!r}: name one of them, NAME=FOLDER")
        places[name] = path
    return places


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; raises OSError if the address is used or not of this machine."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name != "nt":
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(2048)
        listening.set_inheritable(True)
    except OSError:
        listening.close()
        raise
    return listening


def say(sentence: str) -> None:
    """Write one line of the server's log."""
    print(f"unrolled serve: {sentence}", file=sys.stderr, flush=True)
