"""Two networks that learn to spell. In: a seed, sizes. Out: a `Measured`; next: `page`.

The speech is made: each letter is a pair of tones, as a vowel has its formants, held for a random
time, with noise over all of it; between two equal letters there is a short pause. One network
learns with CTC. The other is given a letter for each frame, by splitting the word evenly over the
time, and what it says is read in the same way. Everything else is the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from unrolled.cells import GRU
from unrolled.data.edits import edits
from unrolled.labs.classify.threads import one_thread
from unrolled.labs.progress import Progress
from unrolled.layers.recurrent import Recurrent
from unrolled.networks.ctc import BLANK, greedy

ALPHABET = "aeilnorst"
BANDS = 16
SHORTEST, LONGEST = 3, 12  # frames of a letter
PAUSE = 2  # frames between two equal letters
NOISE = 0.35
BATCH, UNSEEN, RATE, CLIP = 16, 64, 0.01, 1.0
EVERY = 10  # updates between two measurements
SHOWN = "letters"
KINDS = ("even split", "CTC")


@dataclass(frozen=True)
class Word:
    """A word, its frames (T, bands), and the frame at which each letter begins."""

    letters: list[int]
    frames: Tensor
    begins: list[int]

    @property
    def text(self) -> str:
        return "".join(ALPHABET[k - 1] for k in self.letters)


def tones(letter: int) -> np.ndarray:
    """The spectrum of a letter: two bumps over the bands."""
    bands = np.arange(BANDS)
    low, high = 1 + (letter - 1) % 3 * 2.5, 8 + (letter - 1) // 3 * 2.5
    return np.exp(-((bands - low) ** 2) / 2) + np.exp(-((bands - high) ** 2) / 2)


def speak(letters: Sequence[int], draw: np.random.Generator) -> Word:
    """Hold each letter for a random time."""
    parts, begins, at = [], [], 0
    for place, letter in enumerate(letters):
        if place and letter == letters[place - 1]:
            parts.append(np.zeros((PAUSE, BANDS)))
            at += PAUSE
        begins.append(at)
        held = int(draw.integers(SHORTEST, LONGEST + 1))
        parts.append(np.repeat(tones(letter)[None], held, 0))
        at += held
    frames = np.concatenate(parts) + NOISE * draw.normal(size=(at, BANDS))
    return Word(list(letters), torch.tensor(frames, dtype=torch.float32), begins)


def draw_words(count: int, draw: np.random.Generator) -> list[Word]:
    """Words of two to six random letters."""
    lengths = draw.integers(2, 7, count)
    return [speak((1 + draw.integers(0, len(ALPHABET), n)).tolist(), draw) for n in lengths]


class Speller(nn.Module):
    """Log probabilities of each letter, and of the blank, at each frame (T, B, letters)."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.recurrent = Recurrent(GRU, BANDS, hidden, bidirectional=True)
        self.output = nn.Linear(2 * hidden, len(ALPHABET) + 1)

    def forward(self, words: Sequence[Word]) -> tuple[Tensor, Tensor]:
        lengths = torch.tensor([len(word.frames) for word in words])
        x = nn.utils.rnn.pad_sequence([word.frames for word in words])
        y, _ = self.recurrent(x, lengths=lengths)
        return self.output(y).log_softmax(2), lengths


def ctc_loss(scores: Tensor, lengths: Tensor, words: Sequence[Word]) -> Tensor:
    """-log of the sum over all paths that spell each word."""
    letters = torch.tensor([letter for word in words for letter in word.letters])
    counts = torch.tensor([len(word.letters) for word in words])
    return nn.functional.ctc_loss(scores, letters, lengths, counts)


def even_loss(scores: Tensor, lengths: Tensor, words: Sequence[Word]) -> Tensor:
    """-log p of one path: an equal time for each letter, a blank between two equal ones."""
    total = scores.new_zeros(())
    for place, word in enumerate(words):
        path = torch.tensor(even_path(word.letters, int(lengths[place])))
        total = total + nn.functional.nll_loss(scores[: len(path), place], path)
    return total / len(words)


def even_path(letters: Sequence[int], frames: int) -> list[int]:
    path = [letters[len(letters) * t // frames] for t in range(frames)]
    starts = {len(letters) * t // frames: t for t in reversed(range(frames))}
    for place in range(1, len(letters)):
        if letters[place] == letters[place - 1]:
            path[starts[place]] = BLANK
    return path


@dataclass(frozen=True)
class Learned:
    """One network: letter errors in percent during training, and its output for one word."""

    at: list[int]
    errors: list[float]
    shown: np.ndarray  # (T, letters): probabilities for the word that is shown
    blanks: float  # the share of frames at which the blank is the most probable


@dataclass(frozen=True)
class Measured:
    word: Word  # the one that is shown
    networks: dict[str, Learned]


def wrong_letters(network: Speller, words: Sequence[Word]) -> tuple[float, float]:
    """Edits in percent of the letters, and the share of frames with the blank on top."""
    with torch.no_grad():
        scores, lengths = network(words)
    said = [scores[:n, place] for place, n in enumerate(lengths.tolist())]
    wrong = sum(edits(word.letters, greedy(one)) for word, one in zip(words, said, strict=True))
    blank = torch.cat([one.argmax(1) == BLANK for one in said]).float().mean()
    return 100 * wrong / sum(len(word.letters) for word in words), float(blank)


def learn(kind: str, shown: Word, hidden: int, updates: int, seed: int) -> Learned:
    """Train on new words at each update, and measure on the same unseen ones."""
    torch.manual_seed(seed)
    network = Speller(hidden)
    loss_of = ctc_loss if kind == "CTC" else even_loss
    optimizer = torch.optim.Adam(network.parameters(), RATE)
    draw, unseen = np.random.default_rng(seed), draw_words(UNSEEN, np.random.default_rng(seed + 1))
    at, errors, blanks = [], [], 0.0
    for update in range(1, updates + 1):
        words = draw_words(BATCH, draw)
        optimizer.zero_grad()
        scores, lengths = network(words)
        torch.autograd.backward(loss_of(scores, lengths, words))
        nn.utils.clip_grad_norm_(network.parameters(), CLIP)
        optimizer.step()
        if update % EVERY == 0 or update == updates:
            wrong, blanks = wrong_letters(network, unseen)
            at.append(update)
            errors.append(wrong)
    with torch.no_grad():
        probabilities = network([shown])[0][:, 0].exp()
    return Learned(at, errors, probabilities.numpy(), blanks)


def measure(seed: int, progress: Progress, hidden: int, updates: int) -> Measured:
    progress.plan({"networks": len(KINDS)})
    letters = [1 + ALPHABET.index(letter) for letter in SHOWN]
    shown = speak(letters, np.random.default_rng(seed))
    with one_thread(), torch.random.fork_rng(devices=[]):
        networks = {
            kind: learn(kind, shown, hidden, updates, seed)
            for kind in progress.loop("networks", KINDS)
        }
    return Measured(shown, networks)
