"""Tags that restore what is removed from a text. In: text. Out: `Tagged`, and back.

    punctuation   words in lower case, without punctuation  the tag: its case and its punctuation
    diacritics    letters without their accents             the tag: the original letter
    spaces        letters without the spaces between words  the tag: whether a space came before

A line is a sentence; a long one is split. `restored` applies tags to a text. Next: tag.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence

from unrolled.data.notes import Notes
from unrolled.data.tagged import Tagged
from unrolled.errors import DataError

RESTORED = ("punctuation", "diacritics", "spaces")
MARKS = ".,?!;:"
LONGEST = {"punctuation": 60, "diacritics": 150, "spaces": 150}  # words or letters of a sentence
SAME = "="  # the tag of an unchanged letter


def restoring(blocks: Iterable[str], kind: str) -> Tagged:
    """Sentences without what is to be restored, and tags that restore it."""
    found = Tagged(scheme="plain", notes=Notes())
    for line in lines_of(blocks):
        for items, tags in _taken(line, kind):
            found.sentences.append(items)
            found.tags.append(tags)
    if not found.sentences:
        raise DataError("the text contains no words: there is nothing to restore")
    return found


def lines_of(blocks: Iterable[str]) -> Iterator[str]:
    """The lines of a text that is given in blocks."""
    rest = ""
    for block in blocks:
        *whole, rest = (rest + block).split("\n")
        yield from whole
    yield rest


def _taken(line: str, kind: str) -> Iterator[tuple[list[str], list[str]]]:
    """The items of a line and their tags; a long line is split."""
    pairs = [*(_words(line) if kind == "punctuation" else _letters(line, kind))]
    for start in range(0, len(pairs), LONGEST[kind]):
        part = pairs[start : start + LONGEST[kind]]
        yield [item for item, _ in part], [tag for _, tag in part]


def _words(line: str) -> Iterator[tuple[str, str]]:
    for written in line.split():
        bare = written.rstrip(MARKS)
        if bare:
            mark = written[len(bare) :][:1]
            yield bare.lower(), f"{_case(bare)}{mark}"


def _case(word: str) -> str:
    if len(word) > 1 and word.isupper():
        return "UPPER"
    return "Title" if word[:1].isupper() else "lower"


def _letters(line: str, kind: str) -> Iterator[tuple[str, str]]:
    text = " ".join(unicodedata.normalize("NFC", line).split())
    if kind == "spaces":
        for place, letter in enumerate(text):
            if letter != " ":
                yield letter, "space" if place and text[place - 1] == " " else SAME
        return
    for letter in text:
        bare = without_accents(letter)
        yield bare, SAME if bare == letter else letter


def without_accents(letter: str) -> str:
    """The letter without its accents."""
    bare = "".join(c for c in unicodedata.normalize("NFD", letter) if not unicodedata.combining(c))
    return bare if len(bare) == 1 else letter


def restored(items: Sequence[str], tags: Sequence[str], kind: str) -> str:
    """The text that items and tags represent."""
    if kind == "diacritics":
        return "".join(item if tag == SAME else tag for item, tag in zip(items, tags))
    if kind == "spaces":
        spaced = (f" {item}" if tag == "space" else item for item, tag in zip(items, tags))
        return "".join(spaced).strip()
    words = []
    for word, tag in zip(items, tags):
        case = tag.rstrip(MARKS)
        shown = word.upper() if case == "UPPER" else word
        shown = word[:1].upper() + word[1:] if case == "Title" else shown
        words.append(shown + tag[len(case) :])
    return " ".join(words)
