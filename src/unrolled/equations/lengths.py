"""Sizes that follow from others: `hidden_size/4`, one of four blocks, `input_size +
hidden_size`, the units of two vectors, and `4*hidden_size`, of four. In: a name. Out: what it is
made of, or a number; next: `equation`, `ops`.

A size has one name: terms stand in one order, and equal blocks that fill more are that
(`hidden_size/2 + hidden_size/2` is `hidden_size`).
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from unrolled.errors import ShapeError

ONE = "1"
MOST_PARTS = 1_000  # of one vector


def block_of(size: str, blocks: int) -> str:
    """The name of the size of one of so many equal blocks."""
    return f"{size}/{blocks}"


def sum_of(*sizes: str) -> str:
    """The name of the size of vectors side by side."""
    return _named(_shares(" + ".join(sizes)))


def share_of(size: str, parts: int) -> str:
    """The name of the size of one of so many equal parts."""
    return _named({base: share / parts for base, share in _shares(size).items()})


def rest_of(size: str, *taken: str) -> str | None:
    """What is left of a size without these: "" where that is nothing, None where it is less."""
    left = _shares(size)
    for base, share in _shares(" + ".join(filter(None, taken))).items():
        left[base] = left.get(base, Fraction()) - share
    if min(left.values()) < 0:
        return None
    return _named({base: share for base, share in left.items() if share})


def place_of(whole: str, before: str, part: str) -> tuple[list[str], int, bool]:
    """How a vector is cut around one of its parts: into which sizes, which of them it is, and
    whether all of them are equal."""
    shares = _shares(whole)
    if count := _multiple(shares, _shares(part)):
        number = _multiple(_shares(before), _shares(part)) if before else 0
        if number is not None:
            return [part] * count, number, True
    after = rest_of(whole, before, part)
    return [size for size in (before, part, after) if size], int(bool(before)), False


def _multiple(whole: Mapping[str, Fraction], part: Mapping[str, Fraction]) -> int | None:
    """How many parts of this size make the whole, if they do."""
    ratios = {whole[base] / share if base in whole else Fraction() for base, share in part.items()}
    if len(ratios) != 1 or len(whole) != len(part):
        return None
    (ratio,) = ratios
    return int(ratio) if ratio.denominator == 1 and ratio > 0 else None


def _shares(size: str) -> dict[str, Fraction]:
    """How often, or which share of it, each size is in this one."""
    found: dict[str, Fraction] = {}
    for base, blocks in terms_of(size) if size else []:
        found[base] = found.get(base, Fraction()) + Fraction(1, blocks)
    return found


def _named(shares: Mapping[str, Fraction]) -> str:
    first = ("input_size", "hidden_size")
    order = sorted(
        shares, key=lambda base: (base == ONE, base not in first, base != first[0], base)
    )
    terms: list[str] = []
    for base in order:
        whole, rest = divmod(shares[base].numerator, shares[base].denominator)
        block = block_of(base, shares[base].denominator)
        terms += [_times(number, one) for number, one in ((whole, base), (rest, block)) if number]
    return " + ".join(terms)


def _times(number: int, size: str) -> str:
    return size if number == 1 else f"{number}*{size}"


def terms_of(size: str) -> list[tuple[str, int]]:
    """The sizes that are added up, and into how many blocks each is cut: 1 for one that is not."""
    found: list[tuple[str, int]] = []
    for term in size.split(" + "):
        number, times, one = term.rpartition("*")
        base, _, blocks = one.partition("/")
        found += [(base, int(blocks or 1))] * (int(number) if times else 1)
    return found


def formula(size: str) -> str:
    """A size in the arithmetic of whole numbers of Python: (input_size + hidden_size // 2)."""
    return size if is_plain(size) else f"({size.replace('/', ' // ')})"


def is_plain(size: str) -> bool:
    """Whether a size follows from no other."""
    return not any(sign in size for sign in "/+*")


def is_size(size: object) -> bool:
    """Whether this is the name of a size, or of one that follows from such."""
    if not isinstance(size, str):
        return False
    for term in size.split(" + "):
        number, times, one = term.rpartition("*")
        base, cut, blocks = one.partition("/")
        if (times and not _is_count(number)) or (cut and not _is_count(blocks)):
            return False
        if not base.isidentifier() and not (base == ONE and (times or term != size)):
            return False
    return True


def _is_count(text: str) -> bool:
    return text.isdecimal() and text.isascii() and len(text) < 7 and 1 < int(text) <= MOST_PARTS


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
