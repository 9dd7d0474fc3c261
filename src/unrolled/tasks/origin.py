"""The origin of a run's data. In: a source and its columns. Out: a table of the configuration.

It contains the source, the options for reading it, and a checksum, so that a resumed or repeated
training can detect changed data. Next: `cli`.
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
    """The data of a run are missing or have changed."""


def origin(source: str, command: str, **how: Any) -> dict[str, Any]:
    """The absolute path of the source, and the options for reading it."""
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
LISTS = ("notes", "value", "known", "past")  # lists of texts; a single one may be a plain text


def read_origin(config: dict[str, Any], run: Path) -> dict[str, Any]:
    """Read the table of `origin` from a run, and check the types of its values."""
    data = config.get("data", {})
    if not isinstance(data, dict):
        raise OtherData(f"{run / 'config.toml'}: `data` must be a table: copy the run again")
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
    """Whether a source is the training data of the run, under this name or as a copy."""
    mine = read_origin(config, run).get("source")
    if mine is None or builtin.is_builtin(source) or builtin.is_builtin(mine):
        return bool(mine == source)
    given, before = Path(source), Path(mine)
    try:
        if given.resolve() == before.resolve():
            return True
        return given.is_file() and before.is_file() and filecmp.cmp(given, before, shallow=False)
    except OSError:
        return False  # one of them is missing or unreadable


def checksum(values: Iterable[Any]) -> str:
    """A checksum of a sequence of texts or arrays."""
    digest = hashlib.sha256()
    for value in values:
        if isinstance(value, str):
            digest.update(value.encode("utf-8", "surrogatepass") + b"\0")
        else:
            digest.update(np.ascontiguousarray(value).tobytes() + b"\1")
    return digest.hexdigest()


def require_same(data: dict[str, Any], found: str, run: Any) -> None:
    """Raise an error if a resumed training would use other data than it began with."""
    if data.get("checksum") not in (None, found):
        raise OtherData(
            f"{data['source']} no longer contains the data that {run} was trained on: restore "
            "them, or start a new run"
        )
