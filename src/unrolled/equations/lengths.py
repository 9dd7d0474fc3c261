"""Sizes that follow from others: `hidden_size/4`, one of four blocks, and `input_size +
hidden_size`, the units of two vectors. In: a name. Out: what it is made of, or a number; next:
`equation`, `ops`.
"""

from __future__ import annotations

from collections.abc import Mapping

from unrolled.errors import ShapeError

ONE = "1"


def block_of(size: str, blocks: int) -> str:
    """The name of the size of one of so many equal blocks."""
    return f"{size}/{blocks}"


def sum_of(*sizes: str) -> str:
    """The name of the size of vectors side by side."""
    return " + ".join(sizes)


def terms_of(size: str) -> list[tuple[str, int]]:
    """The sizes that are added up, and into how many blocks each is cut: 1 for one that is not."""
    pieces = (term.partition("/") for term in size.split(" + "))
    return [(base, int(blocks or 1)) for base, _, blocks in pieces]


def is_plain(size: str) -> bool:
    """Whether a size follows from no other."""
    return "/" not in size and " + " not in size


def is_size(size: str) -> bool:
    """Whether this is the name of a size, or of one that follows from such."""
    for term in size.split(" + "):
        base, cut, blocks = term.partition("/")
        is_block = not cut or (blocks.isdecimal() and blocks.isascii() and 1 < int(blocks) < 10**6)
        if not is_block or not (base.isidentifier() or (base == ONE and term != size)):
            return False
    return True


def known_length(size: str, sizes: Mapping[str, int], owner: str) -> int:
    """How many units there are along a size."""
    total = 0
    for base, blocks in terms_of(size):
        length = 1 if base == ONE else int(sizes[base])
        if length % blocks:
            raise ShapeError(
                f"{owner} cuts {base} into {blocks} blocks of one size, and {length} is no "
                f"multiple of {blocks}: give a {base} that is"
            )
        total += length // blocks
    return total
