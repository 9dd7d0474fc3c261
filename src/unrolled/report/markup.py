"""Converts prose with simple markup to HTML. In: text. Out: HTML, with everything else escaped.

`code`, *emphasis*, **strong**, $LaTeX$ and [@key], a link to a block; a backslash escapes markup
(see `literal`). A blank line separates paragraphs; lines that begin with `- ` or `1. ` are lists.
Numbers are typeset: with a minus sign, and 1.2e-07 as a power of ten. Next: `page`.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from itertools import groupby

from unrolled.report.mathml import mathml

Link = Callable[[str], str]

_TOKENS = re.compile(
    r"\\(?P<literal>[\\`$*\[])"
    r"|`(?P<code>[^`]+)`"
    r"|\$(?P<math>[^$]+)\$"
    r"|\[@(?P<key>[\w-]+)\]"
    r"|\*\*(?P<strong>.+?)\*\*"
    r"|(?<![\w*])\*(?P<emphasis>[^*\s][^*]*)\*(?!\w)",
    re.DOTALL,
)
_POWER = re.compile(r"(?<![\w.])(-?\d+(?:\.\d+)?)e([+-]?)0*(\d+)\b")
_MINUS = re.compile(r"(?<![\w.)\]])-(?=[\d.])|(?<![\w])-(?=infinite)")
_ITEM = re.compile(r"(-|\d+\.)\s+")


def inline(text: str, link: Link) -> str:
    """Inline text; `link` returns the HTML of a reference to a key."""
    parts, end = [], 0
    for found in _TOKENS.finditer(text):
        parts.append(plain(text[end : found.start()]))
        parts.append(_token(found, link))
        end = found.end()
    parts.append(plain(text[end:]))
    return "".join(parts)


def _token(found: re.Match[str], link: Link) -> str:
    kind, inside = found.lastgroup, found[found.lastgroup or 0]
    if kind == "literal":
        return html.escape(inside, quote=False)
    if kind == "code":
        return f"<code>{html.escape(inside, quote=False)}</code>"
    if kind == "math":
        return mathml(inside)
    if kind == "key":
        return link(inside)
    tag = {"strong": "strong", "emphasis": "em"}[str(kind)]
    return f"<{tag}>{inline(inside, link)}</{tag}>"


def literal(text: str) -> str:
    """Escape a text so that it is printed exactly."""
    return re.sub(r"[\\`$*\[]", r"\\\g<0>", " ".join(text.split()))


def plain(text: str) -> str:
    """Text without markup, escaped, with typeset numbers."""
    escaped = html.escape(text, quote=False)
    escaped = _POWER.sub(_power, escaped)
    escaped = re.sub(r"(?<=\d) %", "\N{NO-BREAK SPACE}%", escaped)
    return _MINUS.sub("\N{MINUS SIGN}", escaped)


def _power(found: re.Match[str]) -> str:
    sign = "\N{MINUS SIGN}" if found[2] == "-" else ""
    return f"{found[1]}\N{NO-BREAK SPACE}×\N{NO-BREAK SPACE}10<sup>{sign}{found[3]}</sup>"


def paragraphs(text: str, link: Link) -> str:
    """Paragraphs and lists."""
    blocks = re.split(r"\n\s*\n", text.strip())
    return "\n".join(_block(block, link) for block in blocks)


def _block(block: str, link: Link) -> str:
    lines: list[str] = []
    for line in map(str.strip, block.splitlines()):
        if _ITEM.match(line) or not lines or not _ITEM.match(lines[-1]):
            lines.append(line)
        else:
            lines[-1] += " " + line  # continuation of an item
    return "\n".join(
        _list(list(group), link) if kind else f"<p>{inline(' '.join(group), link)}</p>"
        for kind, group in groupby(lines, key=lambda line: bool(_ITEM.match(line)))
    )


def _list(lines: list[str], link: Link) -> str:
    tag = "ul" if lines[0].startswith("-") else "ol"
    items = "".join(f"<li>{inline(_ITEM.sub('', line, count=1), link)}</li>" for line in lines)
    return f"<{tag}>{items}</{tag}>"
