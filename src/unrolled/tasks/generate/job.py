"""The training job of a language model. In: a sequence of tokens. Out: losses, bits per character.

The text is split into as many lanes as the batch has rows; a batch is the next window of every
lane, and the states are carried from window to window (backpropagation stops at its edge). The
tokens may be in a memory-mapped file. Next: `training.loop`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from unrolled.networks.recurrent import detach, flat_states, nested_states
from unrolled.training.job import Measures, Share, Shown, Sums

NOTHING = -100  # the target after the end of a lane, which is ignored

LINE = (
    Shown("train", "loss", "Train Loss"),
    Shown("validation", "loss", "Val Loss"),
    Shown("validation", "bits_per_character", "Val Bits/Char", "{:.3f}"),
    Shown("test", "loss", "Test Loss"),
    Shown("test", "bits_per_character", "Test Bits/Char", "{:.3f}"),
)


@dataclass(frozen=True)
class TokenStream:
    """A sequence of tokens, and the average number of characters per token."""

    tokens: Any
    characters: float  # per token

    def __len__(self) -> int:
        return len(self.tokens)


@dataclass(frozen=True)
class Window:
    """The beginnings of the windows of all lanes, and their length."""

    part: str
    starts: Any  # (lanes,)
    ends: Any  # (lanes,): after the last predicted token
    steps: int


class LanguageJob:
    """A language model, and texts by part."""

    best, best_is = "loss", "lowest"
    line: Sequence[Shown] = LINE

    def __init__(
        self, model: nn.Module, parts: Mapping[str, TokenStream], lanes: int, window: int, seed: int
    ) -> None:
        self.model, self.parts, self.seed = model, parts, seed
        self.lanes, self.window = lanes, window
        assert isinstance(model.tokens, int)
        self.blind_loss = math.log(model.tokens)  # of equally likely tokens
        self.states: Any = None

    def batches(self, part: str, epoch: int) -> list[Window]:
        if part not in self.parts:
            return []
        count = len(self.parts[part]) - 1  # tokens with a predecessor
        first = 0
        if part == "train":  # windows begin at other positions in every epoch
            first = int(np.random.default_rng([self.seed, epoch]).integers(self.window))
        lanes = min(self.lanes, max(1, count - first))
        length = -(-(count - first) // lanes)
        begins = first + length * np.arange(lanes)
        ends = np.minimum(begins + length, count)
        return [
            Window(part, begins + at, ends, min(self.window, length - at))
            for at in range(0, length, self.window)
        ]

    def begin(self, part: str) -> None:
        self.states = None

    def carried(self) -> dict[str, Tensor]:
        return flat_states(self.states)

    def carry(self, tensors: dict[str, Tensor]) -> None:
        device = next(self.model.parameters()).device
        self.states = nested_states({name: one.to(device) for name, one in tensors.items()})

    def compute(self, model: nn.Module, batch: Window, share: Share) -> tuple[Tensor, Sums]:
        stream = self.parts[batch.part]
        x, target, counted = gather(stream, batch, share)
        device = next(model.parameters()).device
        scores, states = model(x.to(device), self.states)
        self.states = detach(states)
        losses = nn.functional.cross_entropy(
            scores.flatten(0, 1), target.flatten().to(device), ignore_index=NOTHING, reduction="sum"
        )
        whole = int(np.clip(batch.ends - batch.starts, 0, batch.steps).sum())
        count = torch.tensor(float(counted))
        return losses / whole, {
            "loss": losses, "count": count, "characters": count * stream.characters
        }  # fmt: skip

    def measures(self, sums: Sums) -> Measures:
        loss = float(sums["loss"] / sums["count"])
        bits = float(sums["loss"] / sums["characters"]) / math.log(2)
        perplexity = math.exp(loss) if loss < 700 else math.inf
        return {"loss": loss, "bits_per_character": bits, "perplexity": perplexity}


def gather(stream: TokenStream, window: Window, share: Share) -> tuple[Tensor, Tensor, int]:
    """Tokens and their successors, (T, lanes) each, and the number of targets."""
    starts, ends = share.of(window.starts), share.of(window.ends)
    places = starts + np.arange(window.steps)[:, None]
    inside = places < ends
    places = np.minimum(places, len(stream) - 2)
    x = np.asarray(stream.tokens[places], np.int64)
    target = np.where(inside, np.asarray(stream.tokens[places + 1], np.int64), NOTHING)
    return torch.from_numpy(x), torch.from_numpy(target), int(inside.sum())
