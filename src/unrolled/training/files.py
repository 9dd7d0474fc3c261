"""Files that are there whole or not at all. In: bytes and a path. Out: the file.

What is written goes to a file beside it, is flushed to the disk, and takes the name in one step; a
process killed at any moment, a full disk or a lost plug leave the old file or the new one.
Next: `run_folder`, `checkpoints`.
"""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path

from unrolled.errors import UnrolledError


class CannotWrite(UnrolledError):
    """A file could not be written: no space, no permission, no such place."""


def write_whole(path: Path, content: bytes | str) -> None:
    """Write a file so that nobody ever sees half of it."""
    data = content.encode() if isinstance(content, str) else content
    if path.is_dir():
        raise CannotWrite(f"{path} is a folder: name a file in it")
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with beside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):  # nothing may be left, and the first error is the one
            beside.unlink()
        raise CannotWrite(why_not(path, error)) from error
    _flush_folder(path.parent)


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


def _flush_folder(folder: Path) -> None:
    """The new name itself must reach the disk too; where a folder cannot be opened, it may not."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
