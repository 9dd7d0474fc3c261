"""Files that are there whole or not at all. In: bytes and a path. Out: the file.

What is written goes to a file beside it, is flushed to the disk, and takes the name in one step; a
process killed at any moment, a full disk or a power cut leaves the old file or the new one. What a
killed process leaves beside is swept by `sweep`, once that process is gone.
Next: whoever writes a file that a person keeps.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from unrolled.errors import UnrolledError

PART = re.compile(r"\..+\.([0-9a-f]{8})-(\d+)\.part")
STALE = 24 * 3600.0  # seconds: what another machine began so long ago and never finished is dead


class CannotWrite(UnrolledError):
    """A file could not be written: no space, no permission, no such place."""


def write_whole(path: Path, content: bytes | str) -> None:
    """Write a file so that nobody ever sees half of it."""
    with writing_whole(path) as file:
        file.write(content.encode() if isinstance(content, str) else content)


@contextlib.contextmanager
def writing_whole(path: Path) -> Iterator[IO[bytes]]:
    """A file to write to, which takes its name when all of it is written, or not at all."""
    beside = part_of(path)
    try:
        if path.is_dir():
            raise CannotWrite(f"{path} is a folder: name a file in it")
        file = beside.open("wb")
    except OSError as error:
        raise CannotWrite(why_not(path, error)) from error
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        raise CannotWrite(why_not(path, error)) from error
    finally:
        with contextlib.suppress(OSError):  # nothing may be left, and the first error is the one
            beside.unlink(missing_ok=True)
    flush_folder(path.parent)


def part_of(path: Path) -> Path:
    """Where this process writes what will take the name `path`."""
    return path.with_name(f".{path.name}.{_machine()}-{os.getpid()}.part")


def sweep(folder: Path) -> None:
    """Remove what processes that are gone have left half-written in a folder."""
    with contextlib.suppress(OSError):  # a folder that cannot be listed or changed stays as it is
        for path in folder.iterdir():
            if _is_abandoned(path):
                _remove(path)


def _is_abandoned(path: Path) -> bool:
    match = PART.fullmatch(path.name)
    if match is None:
        return False
    if match[1] != _machine():  # a shared disk: nobody here knows whether that process lives
        return time.time() - path.lstat().st_mtime > STALE
    return not _is_alive(int(match[2]))


def _is_alive(process: int) -> bool:
    """Whether a process of this machine runs; where that cannot be known, it does."""
    if process == os.getpid():
        return True
    if os.name == "nt":  # there, signal 0 would end it
        return True
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True  # somebody else's
    return True


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _machine() -> str:
    """A word for this machine, since a process number says nothing on another one."""
    return hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]


def why_not(path: Path, error: OSError) -> str:
    """The sentence for a file that could not be written."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return f"{path} could not be written because the disk is full: make room and try again"
    return f"{path} could not be written ({error.strerror or error}): choose another place"


def make_folder(path: Path) -> None:
    """Make a folder and those above it, or say why that cannot be done."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotWrite(why_not(path, error)) from error


def flush_folder(folder: Path) -> None:
    """A new name must reach the disk, too; where a folder cannot be opened, it may not."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def digest_of(data: bytes) -> str:
    """The SHA-256 of some bytes, as text."""
    return hashlib.sha256(data).hexdigest()


def is_there(path: Path) -> bool:
    """Whether it exists; what has a name that no disk takes does not."""
    with contextlib.suppress(OSError):
        return path.exists()
    return False
