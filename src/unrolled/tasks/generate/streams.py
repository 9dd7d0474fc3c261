"""Running text of any size. In: a corpus. Out: its parts, with tokens in a memory-mapped file.

A text is read block by block, so it may be larger than the memory. Of many documents, whole ones
are held out. Of a single document, the end is the test set, and pieces from all over the rest are
the validation set, so that the training text extends up to the test set. Next: `job`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from unrolled.data.corpus import ENOUGH, Corpus, Document
from unrolled.data.notes import Notes
from unrolled.data.token_files import write_tokens
from unrolled.errors import ArgumentError
from unrolled.tasks.tokens import Tokens

Blocks = Callable[[], Iterator[str]]
Ranges = list[tuple[int, int]]  # of characters: from, to before

PIECES = 10  # maximum number of validation pieces
LEAST = 1_000  # characters of such a piece: its beginning is harder to predict than the rest


def as_corpus(texts: Any) -> Corpus:
    """A str as a corpus of one document; a list or column of texts as several documents."""
    if isinstance(texts, Corpus):
        return texts
    if isinstance(texts, str):
        return Corpus([_document("text", texts)], Notes())
    if isinstance(texts, bytes) or not hasattr(texts, "__iter__") or hasattr(texts, "columns"):
        raise ArgumentError(
            "X must be a text (a str), a list, an array or a column of texts, or a Corpus, not "
            f"{type(texts).__name__}"
        )
    documents = []
    for number, text in enumerate(texts, 1):
        if not isinstance(text, str):
            raise ArgumentError(
                f"text {number} of X is {text!r:.40}, which is not a str: leave it out, or convert "
                "it"
            )
        documents.append(_document(f"text {number}", text))
    if not documents:
        raise ArgumentError("X contains no text: there is nothing to train on")
    return Corpus(documents, Notes())


def _document(name: str, text: str) -> Document:
    return Document(name, lambda: iter([text]))


def hold_out_end(corpus: Corpus, share: float, seed: int) -> tuple[Corpus, Corpus | None]:
    """The training data and the held-out end, about a `share` of the text."""
    if share == 0:
        return corpus, None
    if len(corpus) >= ENOUGH:
        return corpus.hold_out(share, seed)
    count = characters(corpus.blocks)
    cut = count - int(count * share)
    if cut == count:
        return corpus, None
    corpus.notes.say(f"the last {count - cut:,} of {count:,} characters are held out")
    return _only(corpus, [(0, cut)]), _only(corpus, [(cut, count)])


def hold_out_pieces(corpus: Corpus, share: float, seed: int) -> tuple[Corpus, Corpus | None]:
    """The training data and the validation pieces, about a `share` from all over the text."""
    if share == 0:
        return corpus, None
    if len(corpus) >= ENOUGH:
        return corpus.hold_out(share, seed)
    count = characters(corpus.blocks)
    held = pieces(count, share)
    if not held:
        return corpus, None
    edges = [0, *(edge for piece in held for edge in piece), count]
    learned = [(start, stop) for start, stop in zip(edges[::2], edges[1::2]) if start < stop]
    return _only(corpus, learned), _only(corpus, held)


def pieces(count: int, share: float) -> Ranges:
    """The middle of each of ten equal parts of a text; fewer for a short text, or its end."""
    total = int(count * share)
    number = min(PIECES, total // LEAST)
    if number < 2:
        return [(count - total, count)] if total else []
    length, part = total // number, count // number
    starts = [part * index + (part - length) // 2 for index in range(number)]
    return [(start, start + length) for start in starts]


def characters(blocks: Blocks) -> int:
    return sum(map(len, blocks()))


def _only(corpus: Corpus, ranges: Ranges) -> Corpus:
    """The characters of some ranges, in order, read when needed."""

    def blocks() -> Iterator[str]:
        at = 0
        for block in corpus.blocks():
            for start, stop in ranges:
                piece = block[max(0, start - at) : max(0, stop - at)]
                if piece:
                    yield piece
            at += len(block)
            if at >= ranges[-1][1]:
                return

    return Corpus([Document("text", blocks)], corpus.notes)


def tokens_in_file(corpus: Corpus, tokens: Tokens, path: Path) -> tuple[Any, float]:
    """The memory-mapped tokens of a corpus, and the average number of characters per token."""
    seen = 0

    def counted() -> Iterator[str]:
        nonlocal seen
        for block in corpus.blocks():
            seen += len(block)
            yield block

    mapped = write_tokens(path, counted(), tokens.encode, len(tokens))
    return mapped, seen / len(mapped)
