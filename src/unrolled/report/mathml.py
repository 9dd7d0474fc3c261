"""Converts LaTeX to MathML, which browsers render. In: LaTeX. Out: a `<math>` element.

It supports the output of `unrolled.equations.latex` and the LaTeX of reports: letters, numbers,
scripts, fractions, roots, brackets, `aligned`, `cases` and matrices. An unknown command raises an
error. Next: `page` and `markup`.
"""

from __future__ import annotations

import html
import re

from unrolled.errors import ArgumentError
from unrolled.report.math_symbols import (
    ACCENTS,
    BRACKETS,
    ENVIRONMENTS,
    FUNCTIONS,
    HOLES,
    LETTERS,
    OPERATORS,
    SPACES,
    TEXTS,
    VARIANTS,
)

_TOKEN = re.compile(r"\\[A-Za-z]+\*?|\\\\|\\.|\d+(?:\.\d+)?|\s+|.", re.DOTALL)
_WRITTEN = re.compile(r"\s*\{((?:[^{}\\]|\\.)*)\}", re.DOTALL)


def mathml(latex: str, display: bool = False) -> str:
    """An equation; `display` for a displayed one."""
    reader = _Reader(latex)
    body = reader.row(until=())
    kind = ' display="block"' if display else ""
    text = html.escape(latex.strip())
    return f'<math xmlns="http://www.w3.org/1998/Math/MathML"{kind} alttext="{text}">{body}</math>'


def _row(items: list[str]) -> str:
    return items[0] if len(items) == 1 else f"<mrow>{''.join(items)}</mrow>"


def _operator(text: str, stretchy: bool = False) -> str:
    fixed = "" if stretchy else ' stretchy="false"'
    return f"<mo{fixed}>{html.escape(text, quote=False)}</mo>"


class _Reader:
    """A parser; `at` is its position."""

    def __init__(self, latex: str) -> None:
        self.latex = latex
        self.at = 0

    # -------------------------------------------------------------------------------------- tokens

    def peek(self) -> str:
        """The next token that is not white space; empty at the end."""
        while match := _TOKEN.match(self.latex, self.at):
            if not match[0].isspace():
                return match[0]
            self.at = match.end()
        return ""

    def take(self) -> str:
        token = self.peek()
        self.at += len(token)
        return token

    def expect(self, token: str) -> None:
        found = self.take()
        if found != token:
            raise self.wrong(f"{token!r} is missing before {found!r}" if found else
                             f"it ends where {token!r} is missing")  # fmt: skip

    def wrong(self, what: str) -> ArgumentError:
        return ArgumentError(f"the equation {self.latex.strip()!r} cannot be drawn: {what}")

    def written(self) -> str:
        """The text between braces, verbatim."""
        match = _WRITTEN.match(self.latex, self.at)
        if not match:
            raise self.wrong(f"plain text in braces is missing at character {self.at}")
        self.at = match.end()
        return re.sub(r"\\[,;: ]", " ", match[1]).replace("\\_", "_")

    # --------------------------------------------------------------------------------- expressions

    def row(self, until: tuple[str, ...]) -> str:
        """Everything up to one of the tokens in `until`, which is not consumed, or to the end."""
        items: list[str] = []
        while (token := self.peek()) and token not in until:
            items.append(self.scripted())
        if not token and until:
            raise self.wrong(f"it ends where {until[0]!r} is missing")
        return _row(items)

    def scripted(self) -> str:
        """An item with its superscript and subscript."""
        base_token = self.peek()
        base = self.single()
        below = above = ""
        while (token := self.peek()) in ("_", "^", "'"):
            self.take()
            if token == "_":
                below += self.single()
            else:
                above += _operator("′") if token == "'" else self.single()
        if not below and not above:
            return base
        kind = "under over" if base_token in (r"\sum", r"\prod", r"\max", r"\min") else "sub sup"
        under, over = kind.split()
        below, above = (f"<mrow>{part}</mrow>" if part else "" for part in (below, above))
        tag = "m" + (under if below else "") + (over if above else "")
        return f"<{tag}>{base}{below}{above}</{tag}>"

    def single(self) -> str:
        token = self.take()
        if not token:
            raise self.wrong("it ends where something is missing")
        if token == "{":
            inside = self.row(until=("}",))
            self.expect("}")
            return inside
        if token[0].isdigit():
            return f"<mn>{token}</mn>"
        if token.isalpha():
            return f"<mi>{token}</mi>"
        if token.startswith("\\"):
            return self.command(token[1:])
        if token in "}_^&":
            raise self.wrong(f"{token!r} is not allowed here")
        return _operator({"-": "−", "*": "∗", "~": " "}.get(token, token))

    def command(self, name: str) -> str:
        if name in LETTERS:
            return f"<mi>{LETTERS[name]}</mi>"
        if name in OPERATORS:
            return _operator(OPERATORS[name])
        if name in FUNCTIONS:
            return f"<mi>{name}</mi>" + self.application()
        if name in SPACES:
            return f'<mspace width="{SPACES[name]}"></mspace>'
        if name in TEXTS:
            return self.upright(name)
        if name in VARIANTS:
            return self.variant(name)
        if name in ACCENTS:
            return f'<mover accent="true">{self.single()}{_operator(ACCENTS[name])}</mover>'
        if name in ("frac", "tfrac", "dfrac"):
            return f"<mfrac>{self.single()}{self.single()}</mfrac>"
        if name == "sqrt":
            return f"<msqrt>{self.single()}</msqrt>"
        if name == "left":
            return self.brackets()
        if name == "begin":
            return self.environment()
        raise self.wrong(f"the command \\{name} is not supported")

    def application(self) -> str:
        """A thin space after a function's name, unless a bracket or a script follows."""
        if self.peek() in ("(", "_", "^", r"\left", "{", "}", ""):
            return ""
        return '<mspace width="0.17em"></mspace>'

    def upright(self, name: str) -> str:
        text = html.escape(self.written(), quote=False)
        if name == "text":
            return f"<mtext>{text}</mtext>"
        return f'<mi mathvariant="normal">{text}</mi>'

    def variant(self, name: str) -> str:
        """Letters of another alphabet: bold, calligraphic, blackboard."""
        first, digits = VARIANTS[name]
        letters = ""
        for letter in self.written():
            if letter.isdigit() and digits:
                letters += chr(digits + int(letter))
            elif letter.isascii() and letter.isupper():
                letters += chr(first + ord(letter) - ord("A"))
            elif letter.isascii() and letter.islower() and name != "mathcal":
                letters += chr(first + 26 + ord(letter) - ord("a"))
            else:
                letters += letter
        text = "".join(HOLES.get(letter, letter) for letter in letters)
        return f"<mi>{html.escape(text, quote=False)}</mi>"

    def brackets(self) -> str:
        opening = self.bracket()
        inside = self.row(until=(r"\right",))
        self.expect(r"\right")
        return f"<mrow>{opening}{inside}{self.bracket()}</mrow>"

    def bracket(self) -> str:
        token = self.take()
        if token == ".":
            return ""
        if token not in BRACKETS:
            raise self.wrong(f"{token!r} is not a stretchable bracket")
        return f'<mo stretchy="true">{html.escape(BRACKETS[token], quote=False)}</mo>'

    def environment(self) -> str:
        name = self.written()
        if name not in ENVIRONMENTS:
            raise self.wrong(f"\\begin{{{name}}} is not supported")
        rows: list[list[str]] = [[]]
        while True:
            rows[-1].append(self.row(until=(r"\end", r"\\", "&")))
            token = self.take()
            if token == r"\\":
                rows.append([])
            elif token == r"\end":
                break
        if self.written() != name:
            raise self.wrong(f"\\begin{{{name}}} and its \\end do not match")
        if rows[-1] == ["<mrow></mrow>"]:
            rows.pop()
        opening, closing = ENVIRONMENTS[name]
        cells = "".join(
            "<mtr>" + "".join(f"<mtd>{cell}</mtd>" for cell in row) + "</mtr>" for row in rows
        )
        table = f'<mtable class="{name}" displaystyle="{str(name == "aligned").lower()}">{cells}'
        left, right = (f'<mo stretchy="true">{b}</mo>' if b else "" for b in (opening, closing))
        return f"<mrow>{left}{table}</mtable>{right}</mrow>"
