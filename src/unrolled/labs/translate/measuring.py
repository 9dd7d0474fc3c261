"""Two networks that write dates. In: a seed, sizes. Out: a `Measured`; next: `page`.

One attends to the source for each letter that it writes. In the other all attention weights are
equal, so it gets only the mean of all keys. They have the same initial weights, and
see the same pairs in the same order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from unrolled.cells import GRU
from unrolled.labs.classify.threads import one_thread
from unrolled.labs.progress import Progress
from unrolled.labs.translate.dates import LENGTH, PARTS, SOURCE, TARGET, Pair, draw_pairs
from unrolled.layers.recurrent import Recurrent

BATCH, UNSEEN, RATE, CLIP, EMBEDDING = 64, 200, 0.01, 1.0, 16
EVERY = 20  # updates between two measurements
BEGIN = len(TARGET)  # the token before the first letter
KINDS = ("even weights", "attention")


class Translator(nn.Module):
    """Scores of the next letter, (T, B, letters), and the weights of the source's, (B, T, S)."""

    def __init__(self, attends: bool, hidden: int) -> None:
        super().__init__()
        self.attends = attends
        self.read = nn.Embedding(len(SOURCE) + 1, EMBEDDING)
        self.written = nn.Embedding(len(TARGET) + 1, EMBEDDING)
        self.encoder = Recurrent(GRU, EMBEDDING, hidden, bidirectional=True)
        self.decoder = Recurrent(GRU, EMBEDDING + 2 * hidden, hidden)
        self.project = nn.Linear(2 * hidden, hidden, bias=False)
        self.output = nn.Sequential(
            nn.Linear(3 * hidden, hidden), nn.Tanh(), nn.Linear(hidden, len(TARGET))
        )

    def encode(self, source: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """The keys (S, B, 2 H), and a mask of the padding, (B, S)."""
        keys, _ = self.encoder(self.read(source), lengths=lengths)
        return keys, torch.arange(len(source)) >= lengths[:, None]

    def forward(
        self, before: Tensor, keys: Tensor, outside: Tensor, state: Any = None
    ) -> tuple[Tensor, Tensor, Any]:
        even = (~outside).float() / (~outside).sum(1, keepdim=True)
        mean = torch.einsum("bs,sbk->bk", even, keys)
        x = torch.cat([self.written(before), mean.expand(len(before), *mean.shape)], 2)
        y, state = self.decoder(x, state)
        if self.attends:
            scores = torch.einsum("tbh,sbh->bts", y, self.project(keys))
            weights = scores.masked_fill(outside[:, None], -torch.inf).softmax(2)
        else:
            weights = even[:, None].expand(-1, len(before), -1)
        context = torch.einsum("bts,sbk->tbk", weights, keys)
        return self.output(torch.cat([y, context], 2)), weights, state


def source_of(pairs: Sequence[Pair]) -> tuple[Tensor, Tensor]:
    """Letters as numbers, (S, B), padded with a special number; and the lengths."""
    rows = [torch.tensor([SOURCE.index(letter) for letter in pair.source]) for pair in pairs]
    padded = nn.utils.rnn.pad_sequence(rows, padding_value=len(SOURCE))
    return padded, torch.tensor([len(row) for row in rows])


def target_of(pairs: Sequence[Pair]) -> Tensor:
    return torch.tensor([[TARGET.index(letter) for letter in pair.target] for pair in pairs]).T


@torch.no_grad()
def write_dates(network: Translator, pairs: Sequence[Pair]) -> tuple[list[str], np.ndarray]:
    """The most probable letter at each step, fed back; and the weights (B, LENGTH, S)."""
    keys, outside = network.encode(*source_of(pairs))
    token, state = torch.full((1, len(pairs)), BEGIN), None
    letters, looked = [], []
    for _ in range(LENGTH):
        scores, weights, state = network(token, keys, outside, state)
        token = scores.argmax(2)
        letters.append(token[0])
        looked.append(weights)
    texts = ["".join(TARGET[k] for k in row) for row in torch.stack(letters, 1).tolist()]
    return texts, torch.cat(looked, 1).numpy()


@dataclass(frozen=True)
class Learned:
    """One network: percent of unseen dates that are correct during training, and its attention."""

    at: list[int]
    right: list[float]
    on_part: dict[str, float]  # the share of the weight on the letters that hold what is written
    even: dict[str, float]  # what equal weights would have there
    shown: np.ndarray  # (LENGTH, S): the weights for the date that is shown
    says: str


@dataclass(frozen=True)
class Measured:
    pair: Pair  # the one that is shown
    networks: dict[str, Learned]


def shares(weights: np.ndarray, pairs: Sequence[Pair]) -> tuple[dict[str, float], dict[str, float]]:
    """The share of the weight on each part of the date, while that part is written."""
    found: dict[str, float] = {}
    even: dict[str, float] = {}
    for part, places in PARTS.items():
        rows = [weights[b, places][:, list(pair.where[part])].sum(1).mean()
                for b, pair in enumerate(pairs)]  # fmt: skip
        found[part] = float(np.mean(rows))
        even[part] = float(np.mean([len(p.where[part]) / len(p.source) for p in pairs]))
    return found, even


def learn(kind: str, shown: Pair, hidden: int, updates: int, seed: int) -> Learned:
    """Train on new pairs at each update, and measure on the same unseen ones."""
    torch.manual_seed(seed)
    network = Translator(kind == "attention", hidden)
    optimizer = torch.optim.Adam(network.parameters(), RATE)
    draw, unseen = np.random.default_rng(seed), draw_pairs(UNSEEN, np.random.default_rng(seed + 1))
    at, right = [], []
    for update in range(1, updates + 1):
        pairs = draw_pairs(BATCH, draw)
        target = target_of(pairs)
        before = torch.cat([torch.full((1, BATCH), BEGIN), target[:-1]])
        scores, _, _ = network(before, *network.encode(*source_of(pairs)))
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(scores.flatten(0, 1), target.flatten())
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(network.parameters(), CLIP)
        optimizer.step()
        if update % EVERY == 0 or update == updates:
            texts, weights = write_dates(network, unseen)
            same = [said == pair.target for said, pair in zip(texts, unseen, strict=True)]
            at.append(update)
            right.append(100 * float(np.mean(same)))
    on_part, even = shares(weights, unseen)
    says, looked = write_dates(network, [shown])
    return Learned(at, right, on_part, even, looked[0], says[0])


def measure(seed: int, progress: Progress, hidden: int, updates: int) -> Measured:
    progress.plan({"networks": len(KINDS)})
    (shown,) = draw_pairs(1, np.random.default_rng(seed + 2))
    with one_thread(), torch.random.fork_rng(devices=[]):
        networks = {
            kind: learn(kind, shown, hidden, updates, seed)
            for kind in progress.loop("networks", KINDS)
        }
    return Measured(shown, networks)
