"""Small data with a rule in them, for the tests of tasks: learned in seconds, and known to be."""

from __future__ import annotations

from typing import Any

import numpy as np

from unrolled.data.scores import Note, Piece

OPENINGS = ("the film was", "I found it", "they say it is", "what a story,", "the plot is")
GOOD = ("good", "lovely", "splendid", "warm")
BAD = ("bad", "awful", "dull", "cold")
COLORS = {"red": (220, 30, 30), "green": (30, 200, 40), "blue": (20, 40, 230)}


def opinions(count: int = 120, seed: int = 0) -> tuple[list[str], list[str]]:
    """Texts whose label the last word decides."""
    draw = np.random.default_rng(seed)
    texts, labels = [], []
    for number in range(count):
        is_good = number % 2 == 0
        words = GOOD if is_good else BAD
        texts.append(f"{draw.choice(OPENINGS)} {draw.choice(words)}, number {number}")
        labels.append("good" if is_good else "bad")
    return texts, labels


def waves(count: int = 90, seed: int = 0) -> tuple[list[Any], list[int]]:
    """Series of two channels and different lengths: rising, falling or level."""
    draw = np.random.default_rng(seed)
    series, labels = [], []
    for number in range(count):
        kind = number % 3 - 1
        steps = int(draw.integers(5, 12))
        slope = kind * np.linspace(-1, 1, steps)
        noise = draw.normal(0, 0.1, (steps, 2))
        series.append(np.stack([slope, -slope], 1) + noise)
        labels.append(kind)
    return series, labels


def chatter(count: int = 3000) -> str:
    """A text whose next character is known from the one before, most of the time."""
    return ("abc abd " * (count // 8 + 1))[:count]


def names_in_sentences(count: int = 120, seed: int = 0) -> tuple[list[Any], list[Any]]:
    """Sentences in which a title begins a person, and every word with a capital is part of it."""
    draw = np.random.default_rng(seed)
    sentences, tags = [], []
    for number in range(count):
        name = [f"N{number % 17}", f"O{number}"][: 1 + number % 2]
        before = list(draw.choice(["we", "saw", "when", "old"], draw.integers(0, 4)))
        words = [*before, "Ms", *name, "came"] if number % 4 else [*before, "it", "came"]
        inside = ["B-per", *["I-per"] * len(name)] if number % 4 else ["O"]
        sentences.append([str(word) for word in words])
        tags.append([*["O"] * len(before), *inside, "O"])
    return sentences, tags


def tones(count: int = 60, seed: int = 0) -> tuple[list[Any], list[str]]:
    """Recordings at 4,000 Hz of one to three tones, each of which is a letter."""
    draw = np.random.default_rng(seed)
    sounds, texts = [], []
    for _ in range(count):
        letters = [str(one) for one in draw.choice(["a", "b"], draw.integers(1, 4))]
        pieces = [draw.normal(0, 0.01, 200)]
        for letter in letters:
            steps = np.arange(draw.integers(300, 500))
            tone = np.sin(2 * np.pi * (400 if letter == "a" else 1300) * steps / 4000)
            pieces += [0.5 * tone + draw.normal(0, 0.01, len(steps)), draw.normal(0, 0.01, 240)]
        sounds.append(np.concatenate(pieces).astype(np.float32))
        texts.append("".join(letters))
    return sounds, texts


def bars(count: int = 80, seed: int = 0) -> tuple[list[Any], list[str]]:
    """Two bars side by side, and their colors from left to right."""
    draw = np.random.default_rng(seed)
    pictures, texts = [], []
    for _ in range(count):
        names = [str(name) for name in draw.choice(list(COLORS), 2)]
        picture = np.empty((6, 12, 3), np.uint8)
        picture[:, :6], picture[:, 6:] = (COLORS[name] for name in names)
        pictures.append(picture)
        texts.append(" and ".join(names))
    return pictures, texts


def moving(count: int = 60, seed: int = 0) -> tuple[list[Any], list[str]]:
    """A bright column that moves to the left or to the right, in clips of 3 to 5 frames."""
    draw = np.random.default_rng(seed)
    clips, labels = [], []
    for number in range(count):
        steps = int(draw.integers(3, 6))
        clip = draw.integers(0, 60, (steps, 5, 8), np.uint8)
        way, first = (1, 0) if number % 2 else (-1, 7)
        for step in range(steps):
            clip[step, :, first + way * step] = 250
        clips.append(clip)
        labels.append("right" if number % 2 else "left")
    return clips, labels


def tune(number: int) -> Piece:
    """An accompanied scale that begins on another key in each piece."""
    low = 48 + number % 5
    notes = [Note(float(t), low + 12 + t % 7, 1.0) for t in range(12)]
    return Piece(f"tune {number}", (*notes, *(Note(float(t), low, 2.0) for t in range(0, 12, 2))))
