"""The best next tokens. In: what they are scored from, (N, E). Out: tokens and log p, (N, k) each.

The scores of all tokens are computed once, but not sorted or copied: only the k best and log Z are
kept for the search. Next: `encoder_decoder`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

BLOCK = 1 << 21  # scores that are computed at once: 8 MB; a product of few rows is slow
GROUP = 64  # scores of which the maximum is examined first


def next_tokens(
    x: Tensor, table: Tensor, bias: Tensor, count: int, barred: int | None
) -> tuple[Tensor, Tensor]:
    """log p of the `count` best tokens of each row, best first, and the tokens. The barred token is
    excluded from the probabilities."""
    log_probs, tokens = [], []
    block = max(1, BLOCK // len(table))
    for first in range(0, len(x), block):
        scores = nn.functional.linear(x[first : first + block], table, bias)
        if barred is not None:
            scores[:, barred] = -torch.inf
        values, places = top(scores, min(count, scores.shape[1]))
        best = values[:, :1]
        log_total = scores.sub_(best).exp_().sum(1, keepdim=True).log() + best
        log_probs.append(values.double() - log_total.double())
        tokens.append(places)
    return torch.cat(log_probs), torch.cat(tokens)


def top(scores: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The same as `topk` of each row: only the groups with the largest maxima can contain the
    result, and the others are not sorted."""
    rows, total = scores.shape
    groups = total // GROUP
    if groups <= 2 * count:
        return scores.topk(count, 1)
    whole = scores[:, : groups * GROUP].view(rows, groups, GROUP)
    chosen = whole.amax(2).topk(count, 1).indices
    inside = whole.gather(1, chosen[:, :, None].expand(-1, -1, GROUP)).flatten(1)
    values, places = torch.cat([inside, scores[:, groups * GROUP :]], 1).topk(count, 1)
    group = chosen.gather(1, (places // GROUP).clamp(max=count - 1))
    tail = places - count * GROUP + groups * GROUP
    return values, torch.where(places < count * GROUP, group * GROUP + places % GROUP, tail)
