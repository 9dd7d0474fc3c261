"""Syntax highlighting of Python. In: source text. Out: HTML; next: `page`.

Text that Python's tokenizer cannot read (a shell line, a fragment) is only escaped.
"""

from __future__ import annotations

import html
import io
import keyword
import tokenize

_KINDS = {
    tokenize.COMMENT: "comment",
    tokenize.STRING: "string",
    tokenize.NUMBER: "number",
}
# Python 3.12 splits f-strings into tokens; earlier versions do not.
_KINDS |= {
    getattr(tokenize, name): "string"
    for name in ("FSTRING_START", "FSTRING_MIDDLE", "FSTRING_END")
    if hasattr(tokenize, name)
}


def highlight(text: str, language: str = "python") -> str:
    """Put keywords, strings, numbers and comments into spans with classes."""
    if language != "python":
        return html.escape(text, quote=False)
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    except (tokenize.TokenError, SyntaxError):
        return html.escape(text, quote=False)
    lines = text.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    parts, end = [], 0
    for token in tokens:
        kind = _kind(token)
        first, last = starts[token.start[0] - 1] + token.start[1], _offset(starts, token.end)
        if kind is None or first < end:
            continue
        parts.append(html.escape(text[end:first], quote=False))
        parts.append(f'<span class="{kind}">{html.escape(text[first:last], quote=False)}</span>')
        end = last
    parts.append(html.escape(text[end:], quote=False))
    return "".join(parts)


def _offset(starts: list[int], place: tuple[int, int]) -> int:
    return starts[min(place[0], len(starts)) - 1] + place[1]


def _kind(token: tokenize.TokenInfo) -> str | None:
    if token.type == tokenize.NAME and keyword.iskeyword(token.string):
        return "keyword"
    return _KINDS.get(token.type)
