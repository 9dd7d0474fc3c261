"""What a run of characters expects. In: a text that grows. Out: log p of each next letter.

Next: whoever searches over texts, such as the beam of a transcriber.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from unrolled.errors import ArgumentError
from unrolled.tasks.generate.generator import Generator
from unrolled.tasks.tokens import UNKNOWN, sayable

BEGINS_AFTER = "\n"  # the first letter of a text is expected as that of a line
KEPT = 20_000  # texts whose states are kept; then all are forgotten


class LetterModel:
    """log p of a letter after a text; capitals count as the small letters that they are."""

    def __init__(self, generator: Generator) -> None:
        generator.require_fitted("model_")
        self.tokens, self.model = generator.tokens_, generator.model_
        if self.tokens.kind != "char":
            raise ArgumentError(
                f"a language model of letters is a run that was trained on characters, and this "
                f"one was on {self.tokens.kind!r} tokens: train it with --tokens char"
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
        """log p of all next letters, and states."""
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
