"""Networks that read a text, each with a different modifier. In: a text, a seed, sizes. Out: a
`Measured`; next: `page`.

All have the same initial weights, as far as they have the same weights, and see the same windows in
the same order. After each epoch the bits per character are measured on both parts of the text, in
evaluation mode.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from unrolled.cells import LSTM
from unrolled.cells.modifiers import LayerNorm, Modifier, VariationalDropout, WeightDrop, Zoneout
from unrolled.labs.classify.threads import one_thread
from unrolled.labs.predict.text import python_documentation
from unrolled.labs.progress import Progress
from unrolled.layers.recurrent import Recurrent

CHARACTERS = 12_000  # few, so that the network can memorize them
HELD_OUT = 4  # one fourth
STEPS, BATCH, EMBEDDING, RATE, CLIP = 40, 16, 24, 0.01, 1.0
VARIANTS: dict[str, tuple[Modifier, ...]] = {
    "nothing": (),
    "zoneout": (Zoneout(0.15),),
    "variational dropout": (VariationalDropout(0.25),),
    "weight drop": (WeightDrop(0.4),),
    "layer norm": (LayerNorm(),),
}


class Reader(nn.Module):
    """Predicts the next character."""

    def __init__(self, symbols: int, hidden: int, modifiers: Sequence[Modifier]) -> None:
        super().__init__()
        self.embed = nn.Embedding(symbols, EMBEDDING)
        self.output = nn.Linear(hidden, symbols)
        self.recurrent = Recurrent(LSTM, EMBEDDING, hidden, modifiers=modifiers)

    def bits(self, windows: Tensor) -> Tensor:
        """The mean bits per character of windows (T + 1, B)."""
        y, _ = self.recurrent(self.embed(windows[:-1]))
        scores = self.output(y).flatten(0, 1)
        return nn.functional.cross_entropy(scores, windows[1:].flatten()) / math.log(2)


@dataclass(frozen=True)
class Reading:
    """One training: bits per character after each epoch, on the training and the test text."""

    name: str
    train: list[float]
    test: list[float]

    @property
    def best(self) -> int:
        """The epoch with the lowest test loss, from 0."""
        return min(range(len(self.test)), key=self.test.__getitem__)

    @property
    def gap(self) -> float:
        """Test minus training loss, after the last epoch."""
        return self.test[-1] - self.train[-1]

    @property
    def lost(self) -> float:
        """How far the test loss rose again after its best epoch."""
        return self.test[-1] - self.test[self.best]


@dataclass(frozen=True)
class Measured:
    """`readings[name]` for each variant; `plain` is the one without a modifier."""

    characters: int
    symbols: int
    readings: dict[str, Reading]

    @property
    def plain(self) -> Reading:
        return self.readings["nothing"]

    @property
    def modified(self) -> list[Reading]:
        return [one for name, one in self.readings.items() if name != "nothing"]


def windows_of(text: Tensor) -> Tensor:
    """Windows that overlap by one character, (T + 1, count)."""
    count = (len(text) - 1) // STEPS
    return torch.stack([text[k * STEPS : (k + 1) * STEPS + 1] for k in range(count)], dim=1)


def read(
    name: str, train: Tensor, test: Tensor, symbols: int, hidden: int, epochs: int, seed: int
) -> Reading:
    """Train one reader."""
    torch.manual_seed(seed)
    reader = Reader(symbols, hidden, VARIANTS[name])
    optimizer = torch.optim.Adam(reader.parameters(), lr=RATE)
    order = torch.Generator().manual_seed(seed)
    found = Reading(name, [], [])
    for _ in range(epochs):
        reader.train()
        for batch in torch.split(torch.randperm(train.shape[1], generator=order), BATCH):
            optimizer.zero_grad()
            torch.autograd.backward(reader.bits(train[:, batch]))
            nn.utils.clip_grad_norm_(reader.parameters(), CLIP)
            optimizer.step()
        reader.eval()
        with torch.no_grad():
            found.train.append(float(reader.bits(train)))
            found.test.append(float(reader.bits(test)))
    return found


def measure(seed: int, progress: Progress, text: str | None, hidden: int, epochs: int) -> Measured:
    whole = (text or python_documentation())[:CHARACTERS]
    alphabet = {c: number for number, c in enumerate(sorted(set(whole)))}
    coded = torch.tensor([alphabet[c] for c in whole])
    cut = len(coded) - len(coded) // HELD_OUT
    train, test = windows_of(coded[:cut]), windows_of(coded[cut:])
    progress.plan({"readers": len(VARIANTS)})
    readings = {}
    with one_thread(), torch.random.fork_rng(devices=[]):
        for name in progress.loop("readers", list(VARIANTS)):
            readings[name] = read(name, train, test, len(alphabet), hidden, epochs, seed)
    return Measured(len(whole), len(alphabet), readings)
