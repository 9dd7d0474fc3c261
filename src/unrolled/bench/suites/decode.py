"""Translations of 64 sentences of 5 to 20 tokens: a decoder of two GRU layers with attention by dot
product, searched by a beam. Ours, and a plain PyTorch decoder that runs torch.nn.GRU over all
hypotheses of all sentences together. Same weights, same keys, same rule for when a search ends; the
scores of the best sequences are compared.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from unrolled.bench.contest import Settings, hold
from unrolled.bench.contestant import OURS, Contestant
from unrolled.bench.peers.plain_decoder import PlainDecoder
from unrolled.bench.problem import Array
from unrolled.bench.record import Record
from unrolled.cells.choosing import choose_cell
from unrolled.networks.decoder import Decoder, Memory
from unrolled.networks.encoder_decoder import EDGE, UNKNOWN, EncoderDecoder

CELL = "GRU"
PEER = "PyTorch"
ALPHA = 1.0
# First weights are made larger, so that what comes next depends on what was said before, scores are
# as far apart as those of a trained network, and some sequences end before the longest.
LOUDER = {"embed": 6.0, "first": 4.0, "second": 4.0}
SOONER = 2.0  # added to the score of the end


@dataclass(frozen=True)
class Sizes:
    rows: int
    tokens: int
    keys: int
    hidden: int
    embedding: int
    longest: int
    beam: int


WHOLE = (Sizes(64, 6_000, 512, 256, 128, 20, 5), Sizes(64, 6_000, 512, 256, 128, 20, 1))
QUICK = (Sizes(3, 30, 8, 6, 5, 6, 2),)


class Given(EncoderDecoder):
    """A decoder whose keys are given."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.decoder = Decoder(
                choose_cell("gru"), sizes.tokens, sizes.keys, score="dot",
                embedding=sizes.embedding, hidden=sizes.hidden, dropout=0.0,
            )  # fmt: skip
            with torch.no_grad():
                for name, factor in LOUDER.items():
                    for weight in getattr(self.decoder, name).parameters():
                        weight *= factor
                self.decoder.bias[EDGE] += SOONER
                self.decoder.bias[UNKNOWN] = -1e9  # never said
        self.eval()

    def read(self, *inputs: Tensor) -> Memory:
        keys, lengths = inputs
        return self.decoder.remember(keys, lengths)


def measure(settings: Settings) -> Iterator[Record]:
    if not settings.chosen((CELL,)):
        return
    for sizes in QUICK if settings.quick else WHOLE:
        model, inputs = Given(sizes), keys_of(sizes)
        makers = {
            PEER: lambda m=model, i=inputs, s=sizes: plain(m, i, s),
            OURS: lambda m=model, i=inputs, s=sizes: ours(m, i, s),
        }
        yield hold(settings, "decode", f"{CELL}, beam {sizes.beam}", None, makers)


def keys_of(sizes: Sizes) -> tuple[Tensor, Tensor]:
    """What an encoder would have made: keys (S, rows, K), 0 behind the end, and lengths."""
    draw = np.random.default_rng(0)
    lengths = draw.integers(5, 21, sizes.rows)
    keys = draw.uniform(-1, 1, (lengths.max(), sizes.rows, sizes.keys)).astype(np.float32)
    keys *= (np.arange(len(keys))[:, None] < lengths)[:, :, None]
    return torch.from_numpy(keys), torch.from_numpy(lengths)


def ours(model: Given, inputs: tuple[Tensor, Tensor], sizes: Sizes) -> Contestant:
    def run() -> Array:
        found = model.best(*inputs, width=sizes.beam, longest=sizes.longest, alpha=ALPHA)
        return np.array([ones[0].score for ones in found])

    return Contestant(run, lambda: {"y": run()})


def plain(model: Given, inputs: tuple[Tensor, Tensor], sizes: Sizes) -> Contestant:
    decoder = PlainDecoder(model.decoder).eval()

    def run() -> Array:
        found = decoder.search(*inputs, sizes.beam, sizes.longest, ALPHA)
        return np.array([score for _, score in found])

    return Contestant(run, lambda: {"y": run()})
