"""Spans as a tag for each word. In: tags. Out: their scheme, spans, allowed transitions.

    IO      I-per I-per O          adjacent spans cannot be distinguished
    BIO     B-per I-per O          each span begins with B (also called IOB2)
    BIOES   B-per E-per O S-loc    the last word is E, and a span of one word is S
    plain   NOUN VERB              there are no spans

Spans are read like conlleval does (Tjong Kim Sang & Buchholz 2000): where tags violate their
scheme, a span begins wherever a tag cannot continue the previous one. Next: `tagged`, tag.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

SCHEMES = ("plain", "io", "bio", "bioes")
OUTSIDE = "O"
PREFIXED = re.compile(r"([BIESLU])[-_](.+)")
OTHER_NAMES = {"L": "E", "U": "S"}  # BILOU's letters for the last word and the only one


class Span(NamedTuple):
    """Words `begin` to before `end`."""

    begin: int
    end: int
    kind: str


def parts(tag: str) -> tuple[str, str]:
    """The prefix and the kind of a tag: ("B", "per"); ("O", ""). Without a prefix it is inside."""
    if tag == OUTSIDE:
        return OUTSIDE, ""
    found = PREFIXED.fullmatch(tag)
    if found is None:
        return "I", tag
    return OTHER_NAMES.get(found[1], found[1]), found[2]


def scheme_of(sentences: Sequence[Sequence[str]]) -> str:
    """The scheme of these tags."""
    tags = {tag for sentence in sentences for tag in sentence}
    inside = tags - {OUTSIDE}
    if not inside or (OUTSIDE not in tags and not all(map(PREFIXED.fullmatch, inside))):
        return "plain"
    if not all(map(PREFIXED.fullmatch, inside)):
        return "plain" if any(map(PREFIXED.fullmatch, inside)) else "io"
    letters = {parts(tag)[0] for tag in inside}
    if letters & {"E", "S"}:
        return "bioes"
    return "bio" if "B" in letters else "io"


def spans(tags: Sequence[str]) -> list[Span]:
    """The spans of a sentence, for any scheme."""
    found: list[Span] = []
    begin, open_kind, before = 0, "", OUTSIDE
    for place, tag in enumerate([*tags, OUTSIDE]):
        letter, kind = parts(tag)
        begins = letter in "BS" or before in "OES" or kind != open_kind
        if open_kind and (begins or letter == OUTSIDE):
            found.append(Span(begin, place, open_kind))
            open_kind = ""
        if letter != OUTSIDE and begins:
            begin, open_kind = place, kind
        before = letter
    return found


def tags_of(found: Sequence[Span], length: int, scheme: str) -> list[str]:
    """The tags of a sentence of `length` words with these spans."""
    tags = [OUTSIDE] * length
    for begin, end, kind in found:
        letters = ["I"] * (end - begin)
        if scheme != "io":
            letters[0] = "B"
        if scheme == "bioes":
            letters[-1] = "S" if end - begin == 1 else "E"
        tags[begin:end] = [f"{letter}-{kind}" for letter in letters]
    return tags


def kinds_of(tags: Sequence[str]) -> list[str]:
    """The kinds of spans in these tags, in alphabetical order."""
    return sorted({parts(tag)[1] for tag in tags} - {""})


def tags_for(kinds: Sequence[str], scheme: str) -> list[str]:
    """All tags of a scheme for these kinds of spans."""
    letters = {"io": "I", "bio": "BI", "bioes": "BIES"}[scheme]
    return [OUTSIDE, *(f"{letter}-{kind}" for kind in kinds for letter in letters)]


def may_follow(before: str | None, after: str | None, scheme: str) -> bool:
    """Whether a tag may follow another; None stands for the start or end of the sentence."""
    if scheme in ("plain", "io"):
        return True
    left, kind_left = (OUTSIDE, "") if before is None else parts(before)
    right, kind_right = (OUTSIDE, "") if after is None else parts(after)
    if right in "IE":
        return left in "BI" and kind_left == kind_right
    return scheme == "bio" or left not in "BI"
