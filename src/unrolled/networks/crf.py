"""A linear-chain conditional random field (Lafferty et al. 2001). In: a score of every tag at every
step. Out: the loss of the true tags, the best tags, the probability of each. Next: tag.

The score of a sequence of tags is the sum of its scores at each step and of its transitions; its
probability is proportional to the exponential. The forward algorithm sums over all sequences in
T K^2 steps, and Viterbi's takes the best of them in the same time. Scores are (T, B, K), and
sequence b has lengths[b] steps, at least one.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

FORBIDDEN = -1e4  # added to a score: exp of it is 0, and unlike -inf it has a derivative


@dataclass(frozen=True)
class Grammar:
    """The tags allowed first, after each other (row: previous, column: next), and last."""

    first: Tensor  # (K,) of bool
    after: Tensor  # (K, K)
    last: Tensor  # (K,)

    @classmethod
    def free(cls, tags: int) -> Grammar:
        """Everything is allowed."""
        return cls(*(torch.ones(shape, dtype=torch.bool) for shape in (tags, (tags, tags), tags)))


class CRF(nn.Module):
    """A CRF with transition scores; a forbidden sequence is never the best."""

    def __init__(self, grammar: Grammar) -> None:
        super().__init__()
        tags = len(grammar.first)
        self.first = nn.Parameter(torch.zeros(tags))
        self.after = nn.Parameter(torch.zeros(tags, tags))
        self.last = nn.Parameter(torch.zeros(tags))
        for name in ("first", "after", "last"):
            barred = ~getattr(grammar, name) * FORBIDDEN
            self.register_buffer(f"barred_{name}", barred, persistent=False)

    def _transitions(self) -> tuple[Tensor, Tensor, Tensor]:
        names = ("first", "after", "last")
        first, after, last = (getattr(self, n) + getattr(self, f"barred_{n}") for n in names)
        return first, after, last

    def score(self, scores: Tensor, tags: Tensor, lengths: Tensor) -> Tensor:
        """The score of the tags (T, B), one number for each sequence."""
        first, after, last = self._transitions()
        inside = torch.arange(len(scores), device=scores.device)[:, None] < lengths
        here = scores.gather(2, tags[:, :, None])[:, :, 0] * inside
        moves = after[tags[:-1], tags[1:]] * inside[1:]
        end = tags.gather(0, lengths[None] - 1)[0]
        return here.sum(0) + moves.sum(0) + first[tags[0]] + last[end]

    def log_partition(self, scores: Tensor, lengths: Tensor) -> Tensor:
        """The logarithm of the sum over all sequences of tags: the forward algorithm."""
        first, after, last = self._transitions()
        so_far = first + scores[0]
        for step in range(1, len(scores)):
            new = torch.logsumexp(so_far[:, :, None] + after, 1) + scores[step]
            so_far = torch.where((step < lengths)[:, None], new, so_far)
        return torch.logsumexp(so_far + last, 1)

    def loss(self, scores: Tensor, tags: Tensor, lengths: Tensor) -> Tensor:
        """-log p(tags), one number for each sequence."""
        return self.log_partition(scores, lengths) - self.score(scores, tags, lengths)

    @torch.no_grad()
    def best(self, scores: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """The best tags (T, B), 0 after the end, and their scores: the Viterbi algorithm."""
        first, after, last = self._transitions()
        so_far = first + scores[0]
        came_from = []
        for step in range(1, len(scores)):
            value, before = (so_far[:, :, None] + after).max(1)
            goes_on = (step < lengths)[:, None]
            so_far = torch.where(goes_on, value + scores[step], so_far)
            came_from.append(before)
        value, tag = (so_far + last).max(1)
        tags = torch.zeros(scores.shape[:2], dtype=torch.long, device=scores.device)
        for step in reversed(range(len(scores))):
            if step + 1 < len(scores):  # a sequence that ends here keeps its last tag
                before = came_from[step].gather(1, tag[:, None])[:, 0]
                tag = torch.where(step + 1 < lengths, before, tag)
            tags[step] = torch.where(step < lengths, tag, 0)
        return tags, value

    def chances(self, scores: Tensor, lengths: Tensor) -> Tensor:
        """The probability of each tag at each step, (T, B, K), and 0 after the end.

        It is the derivative of the log partition function with respect to the score.
        """
        with torch.enable_grad():
            free = scores.detach().requires_grad_()
            (found,) = torch.autograd.grad(self.log_partition(free, lengths).sum(), free)
        return found
