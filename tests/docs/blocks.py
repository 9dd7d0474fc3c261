"""The code blocks of a Markdown page, in order. In: text. Out: blocks, for `test_pages`.

A comment before a fence says what more than reading is asked of it:

    <!-- fast -->            a shell block that is run (others only have their arguments parsed)
    <!-- file: mycell.py --> the block is written to that file first
    <!-- output -->          the block is what the one before it prints; `...` stands for anything
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

FENCE = re.compile(r"^(?P<indent> *)```(?P<info>.*)$")
COMMENT = re.compile(r"^ *<!-- *(?P<word>fast|output|file)(?:: *(?P<name>\S+))? *-->$")


@dataclass(frozen=True)
class Block:
    """One fenced block: its language, its text, where it starts, and what was asked of it."""

    language: str
    text: str
    line: int  # of its first line of text, counted from 1
    fast: bool = False
    output: bool = False
    file: str | None = None


def blocks(page: str) -> Iterator[Block]:
    """Every fenced block of a page, with the comment right above it."""
    lines = page.splitlines()
    asked: dict[str, bool | str] = {}
    at = 0
    while at < len(lines):
        comment, fence = COMMENT.match(lines[at]), FENCE.match(lines[at])
        at += 1
        if comment:
            asked[comment["word"]] = comment["name"] or True
        elif fence:
            first, indent = at, len(fence["indent"])
            while lines[at].strip() != "```":
                at += 1
            text = "\n".join(line[indent:] for line in lines[first:at]) + "\n"
            yield Block(fence["info"].strip(), text, first + 1, **asked)  # type: ignore[arg-type]
            asked = {}
            at += 1
        elif lines[at - 1].strip():
            assert not asked, f"line {at}: nothing to apply {asked} to"


def matches(actual: str, expected: str) -> bool:
    """Whether a block shows what was printed; `...` stands for any text."""
    pattern = r".*?".join(re.escape(part) for part in trimmed(expected).split("..."))
    return re.fullmatch(pattern, trimmed(actual), re.DOTALL) is not None


def trimmed(text: str) -> str:
    """Without blanks at the end of lines and of the whole."""
    return "\n".join(line.rstrip() for line in text.strip().splitlines())
