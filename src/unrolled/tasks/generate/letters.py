"""Next-letter probabilities of a run on characters. In: a growing text. Out: log p of each letter.

Next: searches over texts, such as the beam search of a transcriber.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from unrolled.errors import ArgumentError
from unrolled.tasks.generate.generator import Generator
from unrolled.tasks.tokens import UNKNOWN, sayable

BEGINS_AFTER = "\n"  # a text is treated as the beginning of a line
KEPT = 20_000  # size of the cache of states, which is then cleared


class LetterModel:
    """log p of a letter after a text; upper and lower case are combined."""

    def __init__(self, generator: Generator) -> None:
        generator.require_fitted("model_")
        self.tokens, self.model = generator.tokens_, generator.model_
        if self.tokens.kind != "char":
            raise ArgumentError(
                f"a language model of letters must be trained on characters, and this run uses "
                f"{self.tokens.kind!r} tokens: train it with --tokens char"
            )
        self._known: dict[str, tuple[Tensor, Any]] = {}

    def __call__(self, before: str, letter: str) -> float:
        scores, _ = self._after(before)
        numbers = {self.tokens.numbers.get(one) for one in (letter, letter.upper())} - {None}
        if not numbers:
            return float(scores.min())
        return float(
            scores[sorted(number for number in numbers if number is not None)].logsumexp(0)
        )

    @torch.no_grad()
    def _after(self, text: str) -> tuple[Tensor, Any]:
        """log p of all next letters, and the states."""
        if text not in self._known:
            if len(self._known) >= KEPT:
                self._known.clear()
            states = self._after(text[:-1])[1] if text else None
            token = self.tokens.numbers.get(text[-1] if text else BEGINS_AFTER, UNKNOWN)
            scores, states = self.model(torch.tensor([[token]]), states)
            special = torch.isinf(sayable(scores[0, 0]))
            log_probs = sayable(scores[0, 0]).log_softmax(0)
            lowest = log_probs[~special].min()
            self._known[text] = log_probs.where(~special, lowest), states
        return self._known[text]
