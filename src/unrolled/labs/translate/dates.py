"""Dates as people write them, and as ISO 8601 does. In: random numbers. Out: pairs; next:
`measuring`.

For each source it is known which letters are the year, the month and the day.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass

import numpy as np

MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September",
          "October", "November", "December")  # fmt: skip
PATTERNS = (
    ("day", " ", "month", " ", "year"),
    ("month", " ", "day", ", ", "year"),
    ("year", ", ", "month", " ", "day"),
    ("day", ". ", "mon", " ", "year"),
    ("the ", "day", " of ", "month", " in ", "year"),
)
FIRST, DAYS = datetime.date(1900, 1, 1), 73_000
PARTS = {"year": slice(0, 4), "month": slice(5, 7), "day": slice(8, 10)}  # of the target
LENGTH = 10  # letters of every target
SOURCE = sorted({letter for name in MONTHS for letter in name} | set("0123456789 ,.theofin"))
TARGET = "-0123456789"


@dataclass(frozen=True)
class Pair:
    """A date in words and in numbers; `where[part]` says which letters of the source hold it."""

    source: str
    target: str
    where: dict[str, range]


def write(date: datetime.date, pattern: tuple[str, ...]) -> Pair:
    month = MONTHS[date.month - 1]
    texts = {"day": str(date.day), "month": month, "mon": month[:3], "year": str(date.year)}
    source, where = "", {}
    for part in pattern:
        text = texts.get(part, part)
        if part in texts:
            name = "month" if part == "mon" else part
            where[name] = range(len(source), len(source) + len(text))
        source += text
    return Pair(source, date.isoformat(), where)


def draw_pairs(count: int, draw: np.random.Generator) -> list[Pair]:
    days, patterns = draw.integers(0, DAYS, count), draw.integers(0, len(PATTERNS), count)
    return [
        write(FIRST + datetime.timedelta(days=day), PATTERNS[pattern])
        for day, pattern in zip(days.tolist(), patterns.tolist(), strict=True)
    ]
