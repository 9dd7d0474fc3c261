"""Notes on changes to the data, with counts. In: changes. Out: sentences; next: tasks.

12 of 8,530 rows had no text and were left out
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches

from unrolled.literal import quoted


class Notes:
    """Distinct sentences, in the order of the events."""

    def __init__(self, sentences: Sequence[str] = ()) -> None:
        self.sentences: list[str] = []
        for sentence in sentences:
            self.say(sentence)

    def say(self, sentence: str) -> None:
        if sentence not in self.sentences:
            self.sentences.append(sentence)

    def count(self, count: int, total: int, what: str, did: str) -> None:
        """`count(12, 8530, "rows", "had no text and were left out")`; nothing if count is 0."""
        if count:
            self.say(f"{count:,} of {total:,} {what} {did}")

    def __iter__(self) -> Iterator[str]:
        return iter(self.sentences)

    def __len__(self) -> int:
        return len(self.sentences)

    def __repr__(self) -> str:
        return f"Notes({self.sentences!r})"


def nearest(word: str, known: Sequence[str]) -> str:
    """The part of a message that helps with an unknown name."""
    by_lower = {name.lower(): name for name in known}
    found = get_close_matches(word.lower(), by_lower, n=1)
    if found:
        return f"did you mean {quoted(by_lower[found[0]])}?"
    return f"there {'is' if len(known) == 1 else 'are'} {listed(known)}"


def listed(names: Sequence[str], most: int = 12) -> str:
    """Names in quotation marks, limited in number and length."""
    shown = ", ".join(quoted(name) for name in names[:most])
    return shown + (f" and {len(names) - most:,} more" if len(names) > most else "")
