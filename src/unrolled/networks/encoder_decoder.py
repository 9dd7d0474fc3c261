"""Base class of encoder-decoder networks. In: inputs, previous tokens. Out: scores, outputs.

Subclasses define the encoder. The rest is shared: a decoder attends to the encoded input, and
outputs are found by beam search or sampled. Next: the networks of the tasks.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from unrolled.networks.beam import Found, beam_search
from unrolled.networks.decoder import Decoder, Memory, select_states
from unrolled.networks.next_tokens import next_tokens

EDGE = 0  # the token at the beginning and end of a target, also used for padding
UNKNOWN = 1


class EncoderDecoder(nn.Module):
    """A subclass creates the decoder and defines `read`."""

    decoder: Decoder

    def read(self, *inputs: Tensor) -> Memory:
        """Encode the inputs to the memory of the decoder."""
        raise NotImplementedError

    def forward(self, before: Tensor, *inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Scores (T, B, tokens) after each token of `before`, and the attention weights (B, T,
        S)."""
        scores, _, weights = self.decoder(before, self.read(*inputs))
        return scores, weights

    @torch.no_grad()
    def best(
        self, *inputs: Tensor, width: int, longest: int, alpha: float, unknown: bool = False
    ) -> list[list[Found]]:
        """The best outputs for each row of the inputs, best first; `unknown`: whether they may
        contain the unknown token."""
        memory = among = self.read(*inputs)

        def step(tokens: Tensor, states: Any, rows: Tensor) -> tuple[Tensor, Tensor, Any]:
            nonlocal among
            if among.rows != len(rows):
                among = memory.select(rows)
            narrow, states, _ = self.decoder.run(tokens[None], among, states)
            barred = None if unknown else UNKNOWN
            table, bias = self.decoder.embed.weight, self.decoder.bias
            return *next_tokens(narrow[0], table, bias, width, barred), states

        return beam_search(
            step, select_states, memory.rows, width=width, end=EDGE, longest=longest, alpha=alpha
        )

    @torch.no_grad()
    def draw(
        self,
        *inputs: Tensor,
        count: int,
        longest: int,
        temperature: float,
        generator: torch.Generator,
        unknown: bool = False,
    ) -> list[list[Found]]:
        """Sampled outputs for each row of the inputs, with probabilities p^(1/temperature); their
        scores are log p."""
        memory = self.read(*inputs)
        slots = count * memory.rows
        tokens, states = torch.full((slots,), EDGE), None
        sums = torch.zeros(slots, dtype=torch.float64)
        going = torch.ones(slots, dtype=torch.bool)
        written = []
        for _ in range(longest):
            scores, states, _ = self.decoder(tokens[None], memory, states)
            scores = scores[0].double()
            if not unknown:
                scores[:, UNKNOWN] = -torch.inf
            chances = (scores / temperature).softmax(1)
            tokens = torch.multinomial(chances, 1, generator=generator)[:, 0].where(going, EDGE)
            log_probs = scores.log_softmax(1).gather(1, tokens[:, None])[:, 0]
            sums += log_probs.where(going, 0.0)
            written.append(tokens)
            going = going & (tokens != EDGE)
            if not going.any():
                break
        said = [[one for one in row if one != EDGE] for row in torch.stack(written, 1).tolist()]
        found = [Found(one, value) for one, value in zip(said, sums.tolist())]
        return [found[row :: memory.rows] for row in range(memory.rows)]
