"""Running text. In: a file, a folder of files. Out: `Corpus`; next: generate.

A corpus is a list of documents that are read when needed. With ten or more documents, whole ones
are held out, so that none of their sentences is seen in training; otherwise the end is held out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from unrolled.data.notes import Notes
from unrolled.data.opening import existing, note_encoding, survey, text_blocks
from unrolled.errors import DataError

ENOUGH = 10  # documents: with this many, whole ones are held out
BOOK_BEGINS = re.compile(r"\*\*\* ?START OF TH(?:E|IS) PROJECT GUTENBERG[^\n]*\n")
BOOK_ENDS = re.compile(r"\*\*\* ?END OF TH(?:E|IS) PROJECT GUTENBERG")
SUFFIXES = (".txt", ".md", ".rst", ".py", ".csv", ".html", ".tex", ".json", ".abc")


@dataclass(frozen=True)
class Document:
    """A name, and its text in blocks."""

    name: str
    blocks: Callable[[], Iterator[str]]

    def text(self) -> str:
        return "".join(self.blocks())


@dataclass(frozen=True)
class Corpus:
    """A sequence of documents."""

    documents: list[Document]
    notes: Notes

    def __len__(self) -> int:
        return len(self.documents)

    def blocks(self) -> Iterator[str]:
        """The text block by block, with only one block in memory."""
        for document in self.documents:
            yield from document.blocks()

    def text(self) -> str:
        """The whole text."""
        return "".join(self.blocks())

    def hold_out(self, share: float, seed: int = 0) -> tuple[Corpus, Corpus]:
        """The training data and the test data, about a `share` of the whole."""
        count = len(self.documents)
        if count >= ENOUGH:
            held = np.random.default_rng([seed, 3]).permutation(count)
            chosen = set(held[: max(1, round(count * share))].tolist())
            self.notes.say(f"{len(chosen):,} of {count:,} documents are held out whole")
            parts: list[list[Document]] = [[], []]
            for number, document in enumerate(self.documents):
                parts[number in chosen].append(document)
            return Corpus(parts[0], self.notes), Corpus(parts[1], self.notes)
        text = self.text()
        cut = len(text) - int(len(text) * share)
        self.notes.say(f"the last {len(text) - cut:,} of {len(text):,} characters are held out")
        return _of_text(text[:cut], self.notes), _of_text(text[cut:], self.notes)


def _of_text(text: str, notes: Notes) -> Corpus:
    return Corpus([Document("text", lambda: iter([text]))], notes)


def read_corpus(path: str | Path) -> Corpus:
    """The text of a file, or of all text files in a folder."""
    notes = Notes()
    if not Path(path).is_dir():
        return Corpus([_document(existing(path), notes)], notes)
    files = sorted(p for p in Path(path).rglob("*") if p.is_file() and p.suffix in SUFFIXES)
    if not files:
        raise DataError(f"{path} contains no text files ({', '.join(SUFFIXES)})")
    filled = [p for p in files if p.stat().st_size]
    notes.count(len(files) - len(filled), len(files), "files", "were empty and were left out")
    return Corpus([_document(p, notes) for p in filled], notes)


def _document(path: Path, notes: Notes) -> Document:
    found = survey(path)
    note_encoding(path, found, notes)

    def blocks() -> Iterator[str]:
        return text_blocks(path, found)

    start = next(blocks(), "")
    if not start.strip() and not "".join(blocks()).strip():
        raise DataError(f"{path} contains only white space: there is no text to train on")
    if BOOK_BEGINS.search(start[:20_000]):
        notes.say(f"the license before and after the book in {path.name} was left out")
        return Document(path.name, lambda: iter([_book("".join(blocks()))]))
    return Document(path.name, blocks)


def _book(text: str) -> str:
    """The text between the markers of Project Gutenberg."""
    begin, end = BOOK_BEGINS.search(text), BOOK_ENDS.search(text)
    return text[begin.end() if begin else 0 : end.start() if end else len(text)].strip() + "\n"
