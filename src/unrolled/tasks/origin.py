"""Where a run's data came from. In: a source and its columns. Out: a table of the configuration.

It names the source, how it was read, and a checksum of what was read, so that a training that is
resumed, or repeated, can say whether these are still the same data. Next: `cli`.
"""

from __future__ import annotations

import filecmp
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


TEXTS = (
    "source",
    "command",
    "checksum",
    "what",
    "text",
    "label",
    "series",
    "time",
    "times",
    "every",
    "test",
    "word",
    "tag",
    "sentence",
    "scheme",
    "restore",
    "file",
    "target",
    "from_column",
    "to_column",
    "test_target",
    "from_run",
    "labels_separated_by",
)
SWITCHES = ("fold_labels", "new_labels")
LISTS = ("notes", "value", "known", "past")  # of texts; one alone may stand without brackets


def read_origin(config: dict[str, Any], run: Path) -> dict[str, Any]:
    """The table that `origin` made, as a run holds it: each value of the kind that it should be."""
    data = config.get("data", {})
    if not isinstance(data, dict):
        raise OtherData(f"{run / 'config.toml'}: `data` is a table: copy the run again")
    for name, value in data.items():
        if name in LISTS:
            fine = all(isinstance(one, str) for one in value) if isinstance(value, list) else (
                isinstance(value, str)
            )  # fmt: skip
        elif name in TEXTS:
            fine = isinstance(value, str) and "\0" not in value
        else:
            fine = (name in ("test_share", "folds") and type(value) in (int, float)) or (
                name in SWITCHES and type(value) is bool
            )
        if not fine:
            raise OtherData(
                f"{run / 'config.toml'}: data.{name} cannot be {value!r:.60}: copy the run again"
            )
    return dict(data)


def learnt_from(config: dict[str, Any], run: Path, source: str) -> bool:
    """Whether a source is what the run learned from, under this name or as a copy."""
    mine = read_origin(config, run).get("source")
    if mine is None or builtin.is_builtin(source) or builtin.is_builtin(mine):
        return bool(mine == source)
    given, before = Path(source), Path(mine)
    try:
        if given.resolve() == before.resolve():
            return True
        return given.is_file() and before.is_file() and filecmp.cmp(given, before, shallow=False)
    except OSError:
        return False  # one of them is gone, or cannot be read: nothing can be said


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
