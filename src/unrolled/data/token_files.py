"""Token files for texts of any size. In: blocks of text, `encode`. Out: a memory-mapped array.

Only one block is in memory, so a text may be larger than the memory: characters are encoded block
by block, and words or BPE up to the last line end of a block. Next: generate, which reads windows
of the mapped file.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from unrolled.errors import DataError


def write_tokens(path: Path, blocks: Iterable[str], encode: Callable[[str], Any], size: int) -> Any:
    """The concatenated tokens of the blocks, memory-mapped; `size` is the vocabulary's."""
    kind = np.dtype(np.uint16 if size <= 2**16 else np.uint32)
    half = path.with_name(path.name + ".part")
    try:
        with half.open("wb") as file:
            for block in whole_lines(blocks):
                np.asarray(encode(block)).astype(kind).tofile(file)
        half.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            half.unlink()
        raise DataError(f"cannot write the tokens to {path} ({error.strerror})") from error
    return map_tokens(path, size)


def map_tokens(path: Path, size: int) -> Any:
    """Memory-map a file of `write_tokens`."""
    kind = np.dtype(np.uint16 if size <= 2**16 else np.uint32)
    length = path.stat().st_size
    if length == 0 or length % kind.itemsize:
        raise DataError(f"{path} is not a file of tokens: it has {length} bytes")
    return np.memmap(path, kind, mode="r")


def whole_lines(blocks: Iterable[str], most: int = 1 << 24) -> Iterator[str]:
    """Blocks that end at line ends (a line longer than `most` is split)."""
    waiting = ""
    for block in blocks:
        waiting += block
        cut = waiting.rfind("\n") + 1
        if not cut and len(waiting) > most:
            cut = len(waiting)
        if cut:
            yield waiting[:cut]
            waiting = waiting[cut:]
    if waiting:
        yield waiting
