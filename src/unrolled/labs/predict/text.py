"""Continue a text. In: a text. Out: a network trained on it, and the text it generates.

The default is the documentation that comes with Python.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from unrolled.cells import LSTM
from unrolled.textbook import CharacterModel, learn_text

CHARACTERS = 100_000  # that are read
HELD_OUT = 10  # one tenth of the text
TEMPERATURES = (0.0, 0.4, 0.8, 1.2)
WRITTEN = 300
PROMPT = 40
LENGTH, BATCH = 32, 32


@dataclass(frozen=True)
class Sample:
    """The text generated at one temperature."""

    temperature: float
    text: str
    known_words: float
    repeated: float


@dataclass(frozen=True)
class Text:
    """The model, the prompt, and the continuations."""

    model: CharacterModel
    characters: int
    prompt: str
    samples: list[Sample]
    bits_train: float
    bits_test: float

    @property
    def bits_by_epoch(self) -> list[float]:
        """The mean bits per character in each epoch, measured during training."""
        return [loss / LENGTH / float(np.log(2)) for loss in self.model.history.loss]

    @property
    def guess(self) -> float:
        """The bits per character if all characters are equally likely."""
        return float(np.log2(len(self.model.alphabet)))


def python_documentation() -> str:
    """A hundred thousand characters of the documentation that comes with Python."""
    from pydoc_data.topics import topics

    return "\n".join(topics.values())[:CHARACTERS]


def learn_and_write(
    text: str | None, seed: int, hidden: int, epochs: int, done: Callable[[str], None]
) -> Text:
    whole = (text or python_documentation())[:CHARACTERS]
    cut = len(whole) - len(whole) // HELD_OUT
    known, unseen = whole[:cut], whole[cut:]
    # short texts in short pieces; a character that only the unseen part has is left out of it
    batch = max(1, min(BATCH, (len(known) - 1) // (4 * LENGTH)))
    model = learn_text(
        known, LSTM, hidden, epochs=epochs, length=LENGTH, batch=batch, seed=seed, progress=done
    )
    unseen = "".join(c for c in unseen if c in model.alphabet.characters)
    prompt = unseen[:PROMPT]
    words = set(_words(known))
    samples = []
    for temperature in TEMPERATURES:
        written = model.generate(prompt, WRITTEN, temperature, seed)[len(prompt) :]
        own = _words(written)[1:-1]  # the first and the last may be cut
        share = float(np.mean([word in words for word in own])) if own else 0.0
        samples.append(Sample(temperature, written, share, repetition(written)))
    return Text(
        model,
        len(whole),
        prompt,
        samples,
        model.bits_per_character(known[: len(unseen)]),
        model.bits_per_character(unseen),
    )


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text)


def repetition(text: str, length: int = 8) -> float:
    """The share of pieces of eight characters that occurred before."""
    pieces = [text[at : at + length] for at in range(len(text) - length + 1)]
    return 1 - len(set(pieces)) / len(pieces) if pieces else 0.0
