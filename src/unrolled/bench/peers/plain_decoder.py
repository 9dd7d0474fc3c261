"""A decoder with attention and beam search as a PyTorch user writes them. In: our decoder, whose
weights it takes. Out: the best sequence of each row; next: the suite `decode`.

torch.nn.GRU runs the two layers, one step a call for all hypotheses of all sentences together; each
hypothesis attends to its own copy of its sentence's keys; log_softmax, then topk over the
hypotheses of a sentence.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from unrolled.bench.layouts import TORCH_NN, join
from unrolled.layers.recurrent import Recurrent
from unrolled.networks.decoder import Decoder

END = 0


def gru_like(layer: Recurrent) -> nn.GRU:
    """torch.nn's GRU with the same weights."""
    named = {name.removesuffix("_l0"): w.detach().numpy() for name, w in layer.named_parameters()}
    found = nn.GRU(layer.input_size, layer.hidden_size)
    joined = join(TORCH_NN["GRU"], named)
    found.load_state_dict({name: torch.from_numpy(array) for name, array in joined.items()})
    return found


class PlainDecoder(nn.Module):
    """The equations of `networks.decoder`, with attention by dot product."""

    def __init__(self, like: Decoder) -> None:
        super().__init__()
        self.embed, self.summary, self.project = like.embed, like.summary, like.attention.keys
        self.first, self.second = gru_like(like.first), gru_like(like.second)
        self.narrow, self.bias = like.narrow, like.bias

    def step(
        self, tokens: Tensor, states: tuple[Tensor, Tensor], keys: Tensor, projected: Tensor,
        outside: Tensor, summary: Tensor,
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:  # fmt: skip
        """log p of the next token of N hypotheses; keys are (N, S, K)."""
        y, first = self.first((self.embed(tokens) + summary)[None], states[0])
        scores = torch.bmm(projected, y[0][:, :, None])[:, :, 0]
        weights = scores.masked_fill(outside, -math.inf).softmax(1)
        context = torch.bmm(weights[:, None], keys)[:, 0]
        z, second = self.second(torch.cat([y[0], context], 1)[None], states[1])
        narrow = torch.tanh(self.narrow(torch.cat([z[0], context], 1)))
        scores = nn.functional.linear(narrow, self.embed.weight, self.bias)
        return scores.log_softmax(1), (first, second)

    @torch.no_grad()
    def search(
        self, keys: Tensor, lengths: Tensor, width: int, longest: int, alpha: float
    ) -> list[tuple[list[int], float]]:
        """Keys (S, R, K) -> of each row the best sequence, and log p by length."""
        rows = keys.shape[1]
        summary = self.summary(keys.sum(0) / lengths[:, None])
        outside = torch.arange(len(keys)) >= lengths[:, None]
        keys = keys.transpose(0, 1)
        projected = self.project(keys)
        hidden = (
            torch.zeros(1, rows, self.first.hidden_size),
            torch.zeros(1, rows, self.second.hidden_size),
        )
        done: list[list[tuple[list[int], float]]] = [[] for _ in range(rows)]
        live = [(row, [END], 0.0) for row in range(rows)]  # row, tokens, log p
        for length in range(1, longest + 1):
            of = torch.tensor([row for row, _, _ in live])
            tokens = torch.tensor([tokens[-1] for _, tokens, _ in live])
            log_probs, hidden = self.step(
                tokens, hidden, keys[of], projected[of], outside[of], summary[of]
            )
            total = log_probs + torch.tensor([log_p for _, _, log_p in live])[:, None]
            grown, parents = [], []
            for row in sorted(set(of.tolist())):
                mine = [place for place, one in enumerate(live) if one[0] == row]
                alive = []
                values, places = total[mine].flatten().topk(width)
                for value, place in zip(values.tolist(), places.tolist()):
                    parent, token = mine[place // total.shape[1]], place % total.shape[1]
                    said = [*live[parent][1], token]
                    if token == END or length == longest:
                        whole = said[1:-1] if token == END else said[1:]
                        done[row].append((whole, value / ((5 + length) / 6) ** alpha))
                    else:
                        alive.append((row, said, value, parent))
                ended = sorted((score for _, score in done[row]), reverse=True)
                best = max((one[2] for one in alive), default=-math.inf)
                bound = best / ((5 + longest) / 6) ** alpha
                if len(ended) < width or bound > ended[width - 1]:
                    grown += [one[:3] for one in alive]
                    parents += [one[3] for one in alive]
            if not grown:
                break
            live = grown
            hidden = hidden[0][:, parents], hidden[1][:, parents]
        return [max(ones, key=lambda one: one[1]) for ones in done]
