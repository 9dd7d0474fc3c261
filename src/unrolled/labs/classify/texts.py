"""Labelled sentences from Python's own documentation. In: a seed, optionally a text. Out: `Task`s.

**topic**: from which package of the standard library does a sentence of its documentation come?
**order**: is a sentence in its original order, or have its words been shuffled? Each sentence
is there in both forms, on the same side of the split, so counting words is of no use. Next:
`models`.
"""

from __future__ import annotations

import ast
import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from unrolled.labs.base import UnreadableText

PACKAGES = ("asyncio", "email", "importlib", "logging", "unittest", "xml")
SHORTEST, LONGEST = 4, 30  # words
WORDS = 3000  # the vocabulary holds so many, and 0 stands for every other
TESTED = 5  # a fifth of the sentences is for testing
UNKNOWN = 0

Words = tuple[str, ...]


@dataclass(frozen=True)
class Task:
    """Sentences as word numbers, their classes, and the split."""

    name: str
    classes: tuple[str, ...]
    vocabulary: dict[str, int]
    train: list[tuple[Words, int]]
    test: list[tuple[Words, int]]

    def encode(self, words: Sequence[str]) -> list[int]:
        return [self.vocabulary.get(word, UNKNOWN) for word in words]

    @property
    def guessing(self) -> float:
        """The share of the most frequent class in the test set: the accuracy of guessing."""
        counts = Counter(label for _, label in self.test)
        return max(counts.values()) / len(self.test)


def split_words(text: str) -> Words:
    """The words, numbers and punctuation marks of a text, in lower case."""
    return tuple(re.findall(r"[^\W\d_]+|\d+|[^\w\s]", text.lower()))


def sentences_of(text: str) -> list[Words]:
    parts = re.split(r"(?<=[.!?])\s+|\n\s*\n", text)
    return [words for words in map(split_words, parts) if SHORTEST <= len(words) <= LONGEST]


def documentation(package: str) -> list[Words]:
    """Every sentence in the docstrings of a package of the standard library."""
    found: set[Words] = set()
    documented = ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef
    for path in sorted((Path(os.__file__).parent / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, documented):
                found.update(sentences_of(ast.get_docstring(node) or ""))
    return sorted(found)


def labelled(text: str | None) -> list[tuple[Words, str]]:
    """Sentences with labels: the built-in ones, or lines of `label, tab, text`."""
    if text is None:
        pairs = [(words, package) for package in PACKAGES for words in documentation(package)]
    else:
        pairs = []
        for number, line in enumerate(text.splitlines(), 1):
            label, tab, rest = line.partition("\t")
            if not line.strip():
                continue
            if not tab:
                raise UnreadableText(
                    f"line {number} of --file has no tab: write a label, a tab and the text in "
                    "each line"
                )
            if words := split_words(rest)[:LONGEST]:
                pairs.append((words, label.strip()))
    seen = Counter(words for words, _ in set(pairs))
    return sorted({pair for pair in pairs if seen[pair[0]] == 1})


def topic(text: str | None, seed: int, most: int) -> Task:
    pairs = shuffled(labelled(text), seed)[:most]
    classes = tuple(sorted({label for _, label in pairs}))
    if len(classes) < 2 or len(pairs) < 40:
        raise UnreadableText(
            f"--file gives {len(pairs)} different texts with {len(classes)} labels: it takes 40 "
            "and 2, or more"
        )
    numbered = [(words, classes.index(label)) for words, label in pairs]
    return divide("topic", classes, numbered)


def order(text: str | None, seed: int, most: int) -> Task:
    """Each sentence twice: in its original order, and shuffled."""
    random = np.random.default_rng((seed, 1))
    pairs = []
    for words, _ in shuffled(labelled(text), seed)[: most // 2]:
        mixed = tuple(words[place] for place in random.permutation(len(words)))
        pairs += [(words, 0), (mixed, 1)]
    return divide("order", ("as written", "shuffled"), pairs)


def shuffled(pairs: list[tuple[Words, str]], seed: int) -> list[tuple[Words, str]]:
    return [pairs[place] for place in np.random.default_rng((seed, 2)).permutation(len(pairs))]


def divide(name: str, classes: tuple[str, ...], pairs: list[tuple[Words, int]]) -> Task:
    """The last fifth is for testing; the vocabulary is that of the rest."""
    tested = len(pairs) // TESTED // 2 * 2  # even, so that no sentence is on both sides
    train, test = pairs[:-tested], pairs[-tested:]
    counts = Counter(word for words, _ in train for word in words)
    vocabulary = {word: n for n, (word, _) in enumerate(counts.most_common(WORDS), 1)}
    return Task(name, classes, vocabulary, train, test)
