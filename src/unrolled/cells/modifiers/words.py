"""Modifiers as words of the command line. In: `zoneout=0.1`. Out: `Zoneout(0.1)`; next: `choosing`.

A modifier is named by its class, ignoring case and separators; its arguments follow in order after
an equals sign, separated by commas.
"""

from __future__ import annotations

import difflib
import inspect
import re

from unrolled.cells import modifiers
from unrolled.cells.modifiers.modifier import Modifier
from unrolled.errors import ArgumentError


def library() -> dict[str, type[Modifier]]:
    """The modifiers by name, in lower case."""
    return {n.lower(): getattr(modifiers, n) for n in modifiers.__all__ if n != "Modifier"}


def read_modifier(word: str) -> Modifier:
    """The modifier that a word names."""
    name, equals, rest = word.partition("=")
    known, key = library(), re.sub(r"[^a-z0-9]", "", name.lower())
    if key not in known:
        near = difflib.get_close_matches(key, known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"
        raise ArgumentError(f"there is no modifier {name!r}; {hint}")
    values = [_value(text) for text in rest.split(",")] if equals else []
    try:
        return known[key](*values)
    except TypeError:
        wanted = ", ".join(str(p) for p in inspect.signature(known[key]).parameters.values())
        raise ArgumentError(
            f"--modify {word}: {key} takes ({wanted}), given as {key}=VALUE,..."
        ) from None


def _value(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text
