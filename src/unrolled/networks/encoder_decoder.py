"""From something that is read to tokens. In: inputs, tokens so far. Out: scores, best answers.

What a network of this kind reads is its own; how it answers is the same for all: a decoder attends
to what was read, and the best answers are found by a beam. Next: the networks of the tasks.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from unrolled.networks.beam import Found, beam_search
from unrolled.networks.decoder import Decoder, Memory, select_states

EDGE = 0  # the token that begins a target and ends it, and fills up a batch
UNKNOWN = 1  # never said


class EncoderDecoder(nn.Module):
    """A subclass makes the decoder and says how its inputs are read."""

    decoder: Decoder

    def read(self, *inputs: Tensor) -> Memory:
        """What the decoder attends to."""
        raise NotImplementedError

    def forward(self, before: Tensor, *inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Scores (T, B, tokens) after each token of `before`, and the weights (B, T, S) with which
        what was read was attended to."""
        scores, _, weights = self.decoder(before, self.read(*inputs))
        return scores, weights

    @torch.no_grad()
    def best(self, *inputs: Tensor, width: int, longest: int, alpha: float) -> list[list[Found]]:
        """The best answers for each row of the inputs, best first."""
        memory = beams = self.read(*inputs)
        rows_before: Tensor | None = None

        def step(tokens: Tensor, states: Any, rows: Tensor) -> tuple[Tensor, Any]:
            nonlocal beams, rows_before
            if rows_before is None or not torch.equal(rows, rows_before):
                beams, rows_before = memory.select(rows), rows
            scores, states, _ = self.decoder(tokens[None], beams, states or (None, None))
            scores[:, :, UNKNOWN] = -torch.inf
            return scores[0].log_softmax(1), states

        return beam_search(
            step, select_states, len(memory.summary),
            width=width, end=EDGE, longest=longest, alpha=alpha,
        )  # fmt: skip
