"""Encodes sentences. In: words. Out: a vocabulary of words and letters, batches; next: `job`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from unrolled.tasks.ragged import Ragged
from unrolled.tasks.tag.model import UNKNOWN, Sentences
from unrolled.tasks.tokens import DamagedVocabulary

SPECIAL = ["<fill>", "<unknown>"]
LETTERS = 24  # of a word that are read: half from each end


@dataclass(frozen=True)
class Encoded:
    """Sentences: the index of each word, its form, and the letters of every form."""

    words: Ragged
    forms: Ragged
    letters: Ragged

    def __len__(self) -> int:
        return len(self.words)

    @property
    def lengths(self) -> Any:
        return self.words.lengths

    def batch(self, rows: Any) -> Sentences:
        """The sentences at these rows, with the letters of their words."""
        words, lengths = self.words.batch(rows)
        forms, _ = self.forms.batch(rows)
        used, places = np.unique(forms.numpy(), return_inverse=True)
        letters, counts = self.letters.batch(used)
        found = torch.from_numpy(places.reshape(forms.shape))
        return Sentences(words, lengths, found, letters, counts)


class Vocabulary:
    """Lower-case words that are frequent enough, and letters."""

    def __init__(self, words: Sequence[str], letters: Sequence[str]) -> None:
        self.words, self.letters = list(words), list(letters)
        self.word_numbers = {word: number for number, word in enumerate(self.words)}
        self.letter_numbers = {letter: number for number, letter in enumerate(self.letters)}

    @classmethod
    def fit(cls, sentences: Sequence[Sequence[str]], most: int, least: int) -> Vocabulary:
        """The `most` frequent words of these sentences that occur at least `least` times."""
        words = Counter(word.lower() for sentence in sentences for word in sentence)
        letters = Counter(letter for sentence in sentences for word in sentence for letter in word)
        kept = [word for word in in_order(words) if words[word] >= least]
        return cls([*SPECIAL, *kept[: most - len(SPECIAL)]], [*SPECIAL, *in_order(letters)])

    def encode(self, sentences: Sequence[Sequence[str]]) -> Encoded:
        forms: dict[str, int] = {}
        words_of, forms_of = [], []
        for sentence in sentences:
            words_of.append([self.word_numbers.get(word.lower(), UNKNOWN) for word in sentence])
            forms_of.append([forms.setdefault(word, len(forms)) for word in sentence])
        letters = [
            [self.letter_numbers.get(letter, UNKNOWN) for letter in shortened(form)]
            for form in forms
        ]
        return Encoded(*(Ragged.of(one, np.int64) for one in (words_of, forms_of, letters)))

    def as_dict(self) -> dict[str, Any]:
        return {"words": self.words, "letters": self.letters}

    @classmethod
    def from_dict(cls, data: Any) -> Vocabulary:
        try:
            return cls([str(one) for one in data["words"]], [str(one) for one in data["letters"]])
        except (KeyError, TypeError) as error:
            raise DamagedVocabulary(
                f"the run's vocabulary is damaged ({error!r}): copy the run again"
            ) from error


def in_order(counts: Counter[str]) -> list[str]:
    """Most frequent first; ties in alphabetical order."""
    return sorted(counts, key=lambda one: (-counts[one], one))


def shortened(word: str) -> str:
    """The two ends of a very long word, which are the most informative."""
    half = LETTERS // 2
    return word if len(word) <= LETTERS else word[:half] + word[-half:]
