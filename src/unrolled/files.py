"""Write files atomically. In: bytes and a path. Out: the file.

Data are written to a temporary file in the same folder, flushed to disk, and renamed in one step.
So a process killed at any moment, a full disk or a power cut leaves the old file or the new one.
`sweep` removes the temporary files of killed processes.
Next: every module that writes a user's file.
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
    """Write a file so that it is never seen half written."""
    with writing_whole(path) as file:
        file.write(content.encode() if isinstance(content, str) else content)


@contextlib.contextmanager
def writing_whole(path: Path) -> Iterator[IO[bytes]]:
    """A file to write to, which gets its name only after it is completely written."""
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
    """The temporary file of this process for `path`."""
    return path.with_name(f".{path.name}.{_machine()}-{os.getpid()}.part")


def sweep(folder: Path) -> None:
    """Remove the half-written files of dead processes from a folder."""
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
    """Whether a process of this machine is running; True if that cannot be determined."""
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
    """A name for this machine, since a process id is meaningless on another one."""
    return hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]


def why_not(path: Path, error: OSError) -> str:
    """The sentence for a file that could not be written."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return f"{path} could not be written because the disk is full: make room and try again"
    return f"{path} could not be written ({error.strerror or error}): choose another place"


def make_folder(path: Path) -> None:
    """Create a folder and its parents, or raise an error that says why not."""
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
    """Whether the path exists; False for a name that no file system accepts."""
    with contextlib.suppress(OSError):
        return path.exists()
    return False
