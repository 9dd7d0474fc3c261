"""Sizes that follow from others: `hidden_size/4`, a block of four. In: a name. Out: what it is made
of, or a number; next: `equation`, `ops`.
"""

from __future__ import annotations

from collections.abc import Mapping

from unrolled.errors import ShapeError


def block_of(size: str, blocks: int) -> str:
    """The name of the size of one of so many equal blocks."""
    return f"{size}/{blocks}"


def parts_of(size: str) -> tuple[str, int]:
    """The size that is cut, and into how many blocks: 1 for one that is not."""
    base, _, blocks = size.partition("/")
    return base, int(blocks or 1)


def is_size(size: str) -> bool:
    """Whether this is the name of a size, or of a block of one."""
    base, cut, blocks = size.partition("/")
    is_block = not cut or (blocks.isdecimal() and blocks.isascii() and 1 < int(blocks) < 10**6)
    return base.isidentifier() and is_block


def known_length(size: str, sizes: Mapping[str, int], owner: str) -> int:
    """How many units there are along a size."""
    base, blocks = parts_of(size)
    length = int(sizes[base])
    if length % blocks:
        raise ShapeError(
            f"{owner} cuts {base} into {blocks} blocks of one size, and {length} is no multiple of "
            f"{blocks}: give a {base} that is"
        )
    return length // blocks
