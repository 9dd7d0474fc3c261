"""Chords that follow one another, learned twice. In: a seed, sizes. Out: `Measured`; next: `page`.

The music is made: each step holds one of four triads, in one of two positions, and the next triad
is drawn from a table. So the least nats a step that any network can need are known exactly. One
network scores all keys independently given the past; the other scores each key given the lower ones
as well. Everything else is the same.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from unrolled.cells.choosing import choose_cell
from unrolled.labs.classify.threads import one_thread
from unrolled.labs.progress import Progress
from unrolled.tasks.compose.job import likelihoods
from unrolled.tasks.compose.model import MusicNetwork
from unrolled.tasks.compose.sampling import compose

KEYS, STEPS, PIECES, RATE = 24, 16, 16, 0.01
TRIADS = ((0, 4, 7), (5, 9, 12), (7, 11, 14), (9, 12, 16))  # C, F, G, A minor
NEXT = np.array(  # row: this triad; column: the chance of the one that follows
    [[0.1, 0.4, 0.3, 0.2], [0.3, 0.1, 0.5, 0.1], [0.7, 0.0, 0.1, 0.2], [0.1, 0.5, 0.3, 0.1]]
)
KINDS = ("independent keys", "from low to high")


def chords() -> list[list[int]]:
    """Each triad as it is, and with its lowest key an octave higher."""
    return [sorted(one) for a, b, c in TRIADS for one in ((a, b, c), (b, c, a + 12))]


def draw_pieces(count: int, draw: np.random.Generator) -> list[np.ndarray]:
    """Grids of chords, all keys struck at every step."""
    found = []
    for _ in range(count):
        roll, triad = np.zeros((STEPS, KEYS), np.uint8), int(draw.integers(4))
        for step in range(STEPS):
            roll[step, chords()[2 * triad + int(draw.integers(2))]] = 2
            triad = int(draw.choice(4, p=NEXT[triad]))
        found.append(roll)
    return found


def least_nats() -> float:
    """The entropy of a step: of its position, and of its triad given the one before."""
    chances, total = np.full(4, 0.25), math.log(4)
    for _ in range(STEPS - 1):
        logs = np.log(NEXT, where=NEXT > 0, out=np.zeros_like(NEXT))
        total -= float(chances @ (NEXT * logs).sum(1))
        chances = chances @ NEXT
    return total / STEPS + math.log(2)


@dataclass(frozen=True)
class Learned:
    """One network: nats a step on unseen pieces after each round, and what it composes."""

    nats: list[float]
    whole: float  # share of composed steps that are one of the chords
    sample: np.ndarray


@dataclass(frozen=True)
class Measured:
    least: float
    networks: dict[str, Learned]


def learn(kind: str, hidden: int, rounds: int, seed: int) -> Learned:
    """Train on new pieces in every round, and measure on the same unseen ones."""
    torch.manual_seed(seed)
    network = MusicNetwork(
        choose_cell("gru", ()), KEYS, steps=1, hidden=hidden, layers=1, units=16, dropout=0.0
    )
    if kind == KINDS[0]:  # nothing of a step is seen by its other keys
        for weight in (network.chain.lower, network.chain.intervals):
            torch.nn.init.zeros_(weight)
            weight.requires_grad_(False)
    optimizer = torch.optim.Adam([w for w in network.parameters() if w.requires_grad], RATE)
    draw, unseen = np.random.default_rng(seed), draw_pieces(64, np.random.default_rng(seed + 1))
    nats = []
    for _ in range(rounds):
        notes, _ = likelihoods(network, draw_pieces(PIECES, draw), "cpu")
        optimizer.zero_grad()
        torch.autograd.backward(notes.mean())
        optimizer.step()
        with torch.no_grad():
            nats.append(float(likelihoods(network, unseen, "cpu")[0].mean()))
    known = {tuple(one) for one in chords()}
    samples = [compose(network, STEPS, seed=number) for number in range(8)]
    found = [tuple(np.flatnonzero(step).tolist()) in known for one in samples for step in one]
    return Learned(nats, float(np.mean(found)), samples[0])


def measure(seed: int, progress: Progress, hidden: int, rounds: int) -> Measured:
    progress.plan({"networks": len(KINDS)})
    with one_thread(), torch.random.fork_rng(devices=[]):
        networks = {
            kind: learn(kind, hidden, rounds, seed) for kind in progress.loop("networks", KINDS)
        }
    return Measured(least_nats(), networks)
