"""A cache of compiled code on disk, so that the next process starts at once.

In: a key and the bytes of an object file. Out: the same bytes, or None where there are
none that can be trusted. Next: `jit` links them into the process.

There is one file per entry, `<key>.o`: the SHA-256 of key and object, then the object. The content
is executed, so a folder or an entry that another user owns or can write is not used. Files are
written under another name and renamed, so a reader sees the whole file or none; if two processes
write at the same time, the last one wins, with the same content. Damaged entries count as absent.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import sys
import tempfile
import time
import warnings
from pathlib import Path


class CacheWarning(UserWarning):
    """Compiled code cannot be kept, and why."""


def folder() -> Path:
    """Where compiled code is kept: `UNROLLED_CACHE`, or the platform's folder for caches."""
    chosen = os.environ.get("UNROLLED_CACHE")
    if chosen:
        return Path(chosen).expanduser() / "kernels"
    if sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    elif os.name == "nt":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "unrolled" / "kernels"


def read(key: str) -> bytes | None:
    """The object kept under `key`; None if there is none, or it is not what was written."""
    path = _path(key)
    try:
        if _is_foreign(path.parent) or _is_foreign(path):
            return None
        data = path.read_bytes()
        os.utime(path)  # what is in use is not stale
    except OSError:
        return None  # absent, or not ours to read: it is compiled, and `write` says what is wrong
    digest, code = data[:32], data[32:]
    return code if _digest(key, code) == digest else None


def write(key: str, code: bytes) -> None:
    """Keep `code` under `key`; where the folder cannot be written, warn, once for each folder."""
    path = _path(key)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if _is_foreign(path.parent):
            return
        descriptor, name = tempfile.mkstemp(dir=path.parent, suffix=".new")
        new = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(_digest(key, code) + code)
            new.replace(path)
        except OSError:
            new.unlink(missing_ok=True)
            raise
        _discard_stale(path.parent)
    except OSError as error:
        _warn(path.parent, error)


def _digest(key: str, code: bytes) -> bytes:
    """Of the key, too: an entry that was copied to another key is not that key's."""
    return hashlib.sha256(key.encode() + b"\0" + code).digest()


def _is_foreign(path: Path) -> bool:
    """Whether somebody else owns a path or may write it; said once for each folder."""
    if not hasattr(os, "getuid"):
        return False
    found = path.stat()
    if found.st_uid == os.getuid() and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return False
    _say_once(
        path if path.is_dir() else path.parent,
        f"{path} belongs to another user or may be written by others, so no compiled kernel is "
        "taken from there: set UNROLLED_CACHE to a folder of your own",
    )
    return True


def _discard_stale(place: Path) -> None:
    """Delete what no process has read for two months: the kernels of versions long gone."""
    oldest = time.time() - 60 * 24 * 3600
    for path in (*place.glob("*.o"), *place.glob("*.new")):
        with contextlib.suppress(FileNotFoundError):  # another process may be tidying, too
            if path.stat().st_mtime < oldest:
                path.unlink()


def _path(key: str) -> Path:
    return folder() / f"{key}.o"


_warned: set[Path] = set()


def _warn(place: Path, error: OSError) -> None:
    _say_once(
        place,
        f"compiled kernels cannot be kept in {place} ({error.strerror or error}), so every process "
        "compiles them again: set UNROLLED_CACHE to a folder that can be written.",
    )


def _say_once(place: Path, sentence: str) -> None:
    if place not in _warned:
        _warned.add(place)
        warnings.warn(sentence, CacheWarning, stacklevel=5)
