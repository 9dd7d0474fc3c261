"""What can be wrong with bytes and with plain data, by seeds: a number makes a case again."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from typing import Any

# Pieces that have hurt readers somewhere: in numbers, times, quotes, encodings and names.
PIECES = [
    b"", b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\r", b"\r\n", b"\n\n\n", b'"',
    b'""', b"'", b",", b";", b"\t", b"|", b"\\", b"\\ud800", b"\\u0000", b"\x1b[2J", b"{", b"}",
    b"[", b"]", b"null", b"true", b"NaN", b"inf", b"-inf", b"1e999", b"-1e-999", b"1_000",
    b"0x10", b"1,5", b"-0", b"99999999999999999999999", b"\xe2\x80\xae", b"\xc2\xa0", b"=1+1",
    b"2024-02-30", b"0000-00-00", b"9999-12-31T23:59:60Z", b"24:61", b"@data", b"# text =", b"_",
    b"B-", b"I-", b"../../x", b"%s%n", b"$\\alpha$", b"<script>", b"PK\x03\x04", b"\x1f\x8b\x08",
]  # fmt: skip
VALUES: list[Any] = [
    None, True, False, 0, -1, 1, 3, 10**9, 2**63, -(2**63), 10**40, 0.0, -0.5, 1e308, "", "nan",
    "a", "\x00", "\ud800", "../../etc/passwd", "x" * 5_000, "evil.py:Evil", [], [[]], {},
    [None], {"a": {"b": [1]}}, [1, "two", None], {"": ""},
]  # fmt: skip


def damaged(data: bytes, chance: random.Random) -> bytes:
    """The bytes after one to four accidents."""
    for _ in range(chance.choice((1, 1, 2, 4))):
        data = chance.choice(ACCIDENTS)(data, chance)
    return data[:1_000_000]


def _span(data: bytes, chance: random.Random, most: int = 64) -> tuple[int, int]:
    first = chance.randrange(len(data) + 1)
    return first, min(len(data), first + chance.randrange(most))


def _flip(data: bytes, chance: random.Random) -> bytes:
    if not data:
        return data
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 3, 20))):
        changed[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _cut(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data) + 1)]


def _drop(data: bytes, chance: random.Random) -> bytes:
    first, last = _span(data, chance)
    return data[:first] + data[last:]


def _repeat(data: bytes, chance: random.Random) -> bytes:
    first, last = _span(data, chance, 200)
    return data[:last] + data[first:last] * chance.choice((1, 3, 50, 1_000)) + data[last:]


def _insert(data: bytes, chance: random.Random) -> bytes:
    first, _ = _span(data, chance)
    return data[:first] + chance.choice(PIECES) + data[first:]


def _overwrite(data: bytes, chance: random.Random) -> bytes:
    first, last = _span(data, chance, 8)
    return data[:first] + chance.choice(PIECES) + data[last:]


def _cell(data: bytes, chance: random.Random) -> bytes:
    """One cell of a table, or one value between commas, becomes something else."""
    separator = chance.choice((b",", b"\n", b"\t", b" "))
    parts = data.split(separator)
    parts[chance.randrange(len(parts))] = chance.choice(PIECES)
    return separator.join(parts)


def _swap_lines(data: bytes, chance: random.Random) -> bytes:
    lines = data.split(b"\n")
    chance.shuffle(lines)
    return b"\n".join(lines)


def _recode(data: bytes, chance: random.Random) -> bytes:
    text = data.decode("latin-1")
    return text.encode(chance.choice(("utf-16", "utf-16-le", "utf-8", "utf-32")))


def _grow(data: bytes, chance: random.Random) -> bytes:
    return data + chance.choice(PIECES) * chance.choice((1, 100, 10_000))


ACCIDENTS: list[Callable[[bytes, random.Random], bytes]] = [
    _flip, _cut, _drop, _repeat, _insert, _overwrite, _cell, _cell, _swap_lines, _recode, _grow,
]  # fmt: skip


def changed(data: Any, chance: random.Random) -> Any:
    """Plain data in which one to three values are other ones, are gone, or have moved."""
    data = copy.deepcopy(data)
    for _ in range(chance.choice((1, 1, 2, 3))):
        where = list(_places(data))
        if not where:
            return chance.choice(VALUES)
        inner, key = chance.choice(where)
        way = chance.randrange(6)
        if way == 0:
            del inner[key]
        elif way == 1 and isinstance(inner, dict):
            inner[chance.choice(("", "a", "\ud800", "cell", "data"))] = inner.pop(key)
        elif way == 2:
            other, name = chance.choice(where)
            inner[key] = copy.deepcopy(other[name]) if _has(other, name) else None
        else:
            inner[key] = copy.deepcopy(chance.choice(VALUES))
    return data


def _has(inner: Any, key: Any) -> bool:
    return key in inner if isinstance(inner, dict) else key < len(inner)


def _places(data: Any, most: int = 2_000) -> Any:
    """Each value as (what holds it, its key); of endless data the first ones."""
    waiting, found = [data], 0
    while waiting and found < most:
        inner = waiting.pop()
        keys = list(inner) if isinstance(inner, dict) else range(len(inner))
        for key in keys:
            found += 1
            yield inner, key
            if isinstance(inner[key], dict | list):
                waiting.append(inner[key])
