"""Next-token probabilities of a growing text. In: a language model, then pieces of text.

Out: the most likely next tokens. The state is carried on, so the cost of a piece depends only on
its length. Next: `unrolled.serve`, or the user's program.
"""

from __future__ import annotations

from typing import Any

import torch

from unrolled.tasks.generate.model import LanguageModel
from unrolled.tasks.tokens import Tokens, sayable


class TextStream:
    """A text, a piece at a time, created by `Generator.stream`. Not thread-safe."""

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
        """Read more text."""
        for x in self._model.embed(torch.from_numpy(self._tokens.encode(text))):
            self._y = self._stream.step(x)

    @torch.no_grad()
    def likeliest(self, count: int) -> list[tuple[str, float]]:
        """The most likely next tokens, best first, and their probabilities."""
        scores: Any = self._model.readout(self._model.narrow(self._y))
        chances = sayable(scores).softmax(0)
        best = chances.topk(min(count, len(chances) - 2))
        return [
            (self._tokens.show(token), chance)
            for token, chance in zip(best.indices.tolist(), best.values.tolist(), strict=True)
        ]
