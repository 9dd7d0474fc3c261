"""A network that learns to continue a text, character by character. In: a text. Out: a model.

The text is split into `batch` long pieces, which are read in parallel, in windows of `length`
characters. The target at every step is the next character. States are passed from window to window,
so that the network remembers further back than the gradient reaches.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from unrolled.cells.base import Cell
from unrolled.errors import ArgumentError
from unrolled.textbook.cell import Array
from unrolled.textbook.fitting import History, Pair, fit
from unrolled.textbook.network import Network
from unrolled.textbook.optimizers import Adam
from unrolled.textbook.prediction import generate_symbols, one_hot


class Alphabet:
    """The characters of a text, sorted and numbered."""

    def __init__(self, text: str) -> None:
        self.characters = "".join(sorted(set(text)))
        self._number = {character: n for n, character in enumerate(self.characters)}

    def __len__(self) -> int:
        return len(self.characters)

    def encode(self, text: str) -> Array:
        unknown = sorted(set(text) - set(self.characters))
        if unknown:
            raise ArgumentError(
                f"{unknown[0]!r} is not among the {len(self)} characters the network has learned: "
                f"use only {self.characters!r}"
            )
        return np.array([self._number[character] for character in text], dtype=int)

    def decode(self, numbers: Array) -> str:
        return "".join(self.characters[number] for number in numbers)


@dataclass
class Windows:
    """Symbol numbers as consecutive windows: inputs (length, symbols, batch), targets shifted."""

    numbers: Array
    symbols: int
    length: int
    batch: int

    def __post_init__(self) -> None:
        needed = self.length * self.batch + 1
        if min(self.length, self.batch) < 1 or len(self.numbers) < needed:
            raise ArgumentError(
                f"{self.batch} pieces read in windows of {self.length} need {max(needed, 2)} "
                f"characters or more, and there are {len(self.numbers)}: take shorter windows, "
                f"fewer pieces, or a longer text"
            )

    def __iter__(self) -> Iterator[Pair]:
        piece = (len(self.numbers) - 1) // self.batch
        inputs = self.numbers[: piece * self.batch].reshape(self.batch, piece).T
        targets = self.numbers[1 : piece * self.batch + 1].reshape(self.batch, piece).T
        for start in range(0, piece - self.length + 1, self.length):
            window = slice(start, start + self.length)
            yield one_hot(inputs[window], self.symbols), targets[window]


@dataclass
class CharacterModel:
    """A trained network with its alphabet."""

    network: Network
    alphabet: Alphabet
    history: History
    length: int

    def generate(
        self, start: str, count: int, temperature: float = 1.0, seed: int | None = None
    ) -> str:
        """`start`, followed by `count` characters that the network generates."""
        codes = generate_symbols(
            self.network, self.alphabet.encode(start), count, temperature=temperature, seed=seed
        )
        return start + self.alphabet.decode(codes)

    def bits_per_character(self, text: str) -> float:
        """The mean of -log2 p(next character) over the text."""
        windows = Windows(self.alphabet.encode(text), len(self.alphabet), len(text) - 1, 1)
        return sum(self.network.loss(*pair) for pair in windows) / (len(text) - 1) / math.log(2)


def learn_text(
    text: str,
    cell: type[Cell],
    hidden_size: int = 96,
    *,
    num_layers: int = 1,
    epochs: int = 10,
    length: int = 32,
    batch: int = 32,
    learning_rate: float = 0.005,
    clip_norm: float = 5.0,
    seconds: float = math.inf,
    seed: int | None = None,
    backend: Literal["numpy", "compiled"] = "numpy",
    progress: Callable[[str], None] | None = print,
) -> CharacterModel:
    """Train a network on a text. With 100 kB it generates word-like text within a minute."""
    alphabet = Alphabet(text)
    if len(alphabet) < 2:
        raise ArgumentError(
            f"the text has {len(alphabet)} different characters: there is nothing to predict"
        )
    windows = Windows(alphabet.encode(text), len(alphabet), length, batch)
    size = len(alphabet)
    network = Network(cell, size, hidden_size, size, num_layers, seed=seed, backend=backend)
    history = fit(
        network,
        windows,
        optimizer=Adam(learning_rate),
        epochs=epochs,
        clip_norm=clip_norm,
        carry_states=True,
        seconds=seconds,
        progress=progress,
    )
    return CharacterModel(network, alphabet, history, length)
