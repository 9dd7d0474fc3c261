"""Where a run's data came from. In: a source and its columns. Out: a table of the configuration.

It names the source, how it was read, and a checksum of what was read, so that a training that is
gone on with, or repeated, can say whether these are still the same data. Next: `cli`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from unrolled.data import builtin
from unrolled.errors import UnrolledError


class OtherData(UnrolledError):
    """The data of a run are no longer there, or no longer the same."""


def origin(source: str, command: str, **how: Any) -> dict[str, Any]:
    """The source as it can be found again from any folder, and how it was read."""
    place = source if builtin.is_builtin(source) else str(Path(source).resolve())
    return {"source": place, "command": command, **how}


def checksum(values: Iterable[Any]) -> str:
    """Of texts, or arrays, one after the other."""
    digest = hashlib.sha256()
    for value in values:
        if isinstance(value, str):
            digest.update(value.encode("utf-8", "surrogatepass") + b"\0")
        else:
            digest.update(np.ascontiguousarray(value).tobytes() + b"\1")
    return digest.hexdigest()


def require_same(data: dict[str, Any], found: str, run: Any) -> None:
    """A training goes on only with the data it began with."""
    if data.get("checksum") not in (None, found):
        raise OtherData(
            f"{data['source']} no longer holds the data that {run} was trained on: bring them "
            "back, or begin a new run"
        )
