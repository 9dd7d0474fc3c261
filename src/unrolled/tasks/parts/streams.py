"""Running text of any size. In: a corpus. Out: parts of it, and their tokens in a mapped file.

A text is read block by block, so it may be larger than the memory. Where it is one document, the
end of it is held out (its beginning may not know it); of many documents, whole ones are.
Next: `language_job`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from unrolled.data.corpus import ENOUGH, Corpus, Document
from unrolled.data.notes import Notes
from unrolled.data.token_files import write_tokens
from unrolled.errors import ArgumentError
from unrolled.tasks.parts.tokens import Tokens

Blocks = Callable[[], Iterator[str]]


def as_corpus(text: Any) -> Corpus:
    """A str as a corpus of one document."""
    if isinstance(text, Corpus):
        return text
    if not isinstance(text, str):
        raise ArgumentError(f"X is one text (a str) or a Corpus, not {type(text).__name__}")
    return Corpus([Document("text", lambda: iter([text]))], Notes())


def hold_out_end(corpus: Corpus, share: float, seed: int) -> tuple[Corpus, Corpus | None]:
    """What to learn from, and about a `share` of it that is held out."""
    if share == 0:
        return corpus, None
    if len(corpus) >= ENOUGH:
        return corpus.hold_out(share, seed)
    count = characters(corpus.blocks)
    cut = count - int(count * share)
    if cut == count:
        return corpus, None
    corpus.notes.say(f"the last {count - cut:,} of {count:,} characters are held out")
    return _between(corpus, 0, cut), _between(corpus, cut, count)


def characters(blocks: Blocks) -> int:
    return sum(map(len, blocks()))


def _between(corpus: Corpus, start: int, stop: int) -> Corpus:
    """The characters from `start` to before `stop`, read when they are asked for."""

    def blocks() -> Iterator[str]:
        at = 0
        for block in corpus.blocks():
            piece = block[max(0, start - at) : max(0, stop - at)]
            if piece:
                yield piece
            at += len(block)
            if at >= stop:
                return

    return Corpus([Document("text", blocks)], corpus.notes)


def tokens_in_file(corpus: Corpus, tokens: Tokens, path: Path) -> tuple[Any, float]:
    """The tokens of a corpus, mapped, and how many characters one stands for on average."""
    seen = 0

    def counted() -> Iterator[str]:
        nonlocal seen
        for block in corpus.blocks():
            seen += len(block)
            yield block

    mapped = write_tokens(path, counted(), tokens.encode, len(tokens))
    return mapped, seen / len(mapped)
