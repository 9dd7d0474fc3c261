"""Composes step by step. In: a network, a beginning, a voice to harmonize. Out: a grid.

Keys are sampled from low to high, each given the lower ones. A voice is the top: its keys sound,
and no key above them does. Since the voice comes after the lower keys, several pieces are sampled
at once and weighted by the probability of the given keys; after every step they are resampled by
weight (sequential importance resampling, Gordon et al. 1993). With many pieces this samples from
the network's distribution given the voice. Next: `composer`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from unrolled.data.piano_roll import HELD, SILENT, STRUCK
from unrolled.tasks.compose.model import MusicNetwork, sounding_and_struck

UNKNOWN = -1  # state of a key to sample


@dataclass
class Pieces:
    """Several pieces that are composed together, with the network's state for each."""

    network: MusicNetwork
    count: int
    states: Any = None
    steps: list[Tensor] = field(default_factory=list)  # (count, keys) each

    def last(self) -> Tensor:
        keys = self.network.keys
        return self.steps[-1] if self.steps else torch.zeros(self.count, keys, dtype=torch.int64)

    def read(self) -> Tensor:
        """The outputs of the recurrent layers after the previous step."""
        places = torch.full((self.count,), len(self.steps))
        context, self.states = self.network.step(self.last(), places, self.states)
        return context

    def choose(self, rows: Tensor) -> None:
        """Select these pieces, some of them several times."""
        self.steps = [step[rows] for step in self.steps]
        if isinstance(self.states, Tensor):
            self.states = self.states[:, rows]
        else:
            self.states = tuple(state[:, rows] for state in self.states)


@torch.no_grad()
def compose(
    network: MusicNetwork,
    length: int,
    *,
    beginning: Any = None,
    voice: Any = None,
    temperature: float = 1.0,
    pieces: int = 1,
    seed: int = 0,
    tell: Callable[[int], None] = lambda step: None,
) -> Any:
    """A grid (length, keys) that begins with `beginning` and has `voice` on top."""
    random = torch.Generator().manual_seed(seed)
    network.eval()
    drawn = Pieces(network, pieces)
    for step in range(length):
        given = known(network.keys, beginning, voice, step)
        context = drawn.read()
        keys, weights = draw_step(network, context, drawn.last(), given, temperature, random)
        drawn.steps.append(keys)
        if pieces > 1 and (given != UNKNOWN).any():
            chances = (weights - weights.max()).exp()
            drawn.choose(torch.multinomial(chances, pieces, replacement=True, generator=random))
        tell(step + 1)
    return torch.stack(drawn.steps)[:, 0].to(torch.uint8).numpy()


def known(keys: int, beginning: Any, voice: Any, step: int) -> Tensor:
    """The given part of a step: a state for each key, or UNKNOWN."""
    found = torch.full((keys,), UNKNOWN)
    if beginning is not None and step < len(beginning):
        return torch.as_tensor(beginning[step].astype("int64"))
    if voice is not None and step < len(voice) and voice[step].any():
        mine = torch.as_tensor(voice[step].astype("int64"))
        top = int(mine.nonzero().max())
        found[mine != SILENT] = mine[mine != SILENT]
        found[top + 1 :] = SILENT
    return found


def draw_step(
    network: MusicNetwork,
    context: Tensor,
    before: Tensor,
    given: Tensor,
    temperature: float,
    random: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """The keys (N, K) of one more step, and the log probability (N,) of its given keys."""
    chain, count = network.chain, len(before)
    base, direct = chain.base(context, sounding_and_struck(before)), chain.direct(context)
    dice = torch.rand(2, count, chain.keys, generator=random, dtype=torch.float64)
    sounding = torch.zeros(count, chain.keys)
    found = torch.zeros(count, chain.keys, dtype=torch.int64)
    weights = torch.zeros(count, dtype=torch.float64)
    for key in range(chain.keys):
        plays, strikes = (scores.double() for scores in chain.one(key, base, direct, sounding))
        state = int(given[key])
        wanted = None if state == UNKNOWN else state != SILENT
        on, weight = _decide(plays, wanted, dice[0, :, key], temperature)
        weights += weight
        sounding[:, key] = on.float()
        goes_on = on & (before[:, key] != SILENT)
        wanted = None if state == UNKNOWN else state == STRUCK
        again, weight = _decide(strikes, wanted, dice[1, :, key], temperature)
        weights += torch.where(goes_on, weight, 0.0)
        held = torch.where(again, STRUCK, HELD)
        found[:, key] = torch.where(goes_on, held, torch.where(on, STRUCK, SILENT))
    return found, weights


def _decide(
    scores: Tensor, wanted: bool | None, dice: Tensor, temperature: float
) -> tuple[Tensor, Tensor]:
    """A sampled or given decision for each piece, and the log probability if it is given."""
    if wanted is not None:
        chance = logsigmoid(scores if wanted else -scores)
        return torch.full_like(dice, wanted, dtype=torch.bool), chance
    if temperature == 0:
        return scores > 0, torch.zeros_like(dice)
    return dice < torch.sigmoid(scores / temperature), torch.zeros_like(dice)
