"""The chances of the next token while a text grows. In: a language model, then pieces of text.

Out: the likeliest next tokens. The state is carried on, so a piece costs as much as it is long.
Next: `unrolled.serve`, or a program of one's own.
"""

from __future__ import annotations

from typing import Any

import torch

from unrolled.tasks.generate.model import LanguageModel
from unrolled.tasks.tokens import Tokens, sayable


class TextStream:
    """A text, a piece at a time; `Generator.stream` makes it. One thread at a time."""

    @torch.no_grad()
    def __init__(self, model: LanguageModel, tokens: Tokens, text: str = "") -> None:
        self._model, self._tokens = model, tokens
        start = torch.from_numpy(tokens.encode(text or "\n"))[:, None]
        y, states = model.recurrent(model.embed(start))
        self._stream = model.recurrent.stream()
        self._stream.states = states
        self._y = y[-1, 0].clone()

    @torch.no_grad()
    def step(self, text: str) -> None:
        """Read on."""
        for x in self._model.embed(torch.from_numpy(self._tokens.encode(text))):
            self._y = self._stream.step(x)

    @torch.no_grad()
    def likeliest(self, count: int) -> list[tuple[str, float]]:
        """The next tokens, best first, and how probable each is."""
        scores: Any = self._model.readout(self._model.narrow(self._y))
        chances = sayable(scores).softmax(0)
        best = chances.topk(min(count, len(chances) - 2))
        return [
            (self._tokens.show(token), chance)
            for token, chance in zip(best.indices.tolist(), best.values.tolist(), strict=True)
        ]
