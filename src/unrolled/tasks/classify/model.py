"""The network of a classifier. In: tokens, channels or frames. Out: logits.

    x -> embedding (tokens), or convolutions (series, frames) -> dropout -> recurrent layers
      -> pooling -> dropout -> W h + b

`FeedForward` is a baseline that sees only the set of tokens, or each channel's mean, deviation and
range, but not their order, so the difference shows the effect of recurrence.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from unrolled.cells.choosing import ChosenCell
from unrolled.data.canvas import Canvas
from unrolled.layers.batch import ragged
from unrolled.networks.frame_front import FrameFront
from unrolled.networks.pooling import Pooling
from unrolled.networks.recurrent import make_recurrent
from unrolled.networks.series_front import SeriesFront
from unrolled.networks.timed import TimedRecurrent, is_of_each

PADDING, UNKNOWN = 0, 1  # the indices of the padding token and of the unknown token
FRONT = 32  # output channels of the convolutions for a series
FRAME = 64  # features of a frame
FREQUENT = 1_000  # tokens: smaller vocabularies are mostly letters, which are all frequent
HIDDEN_WORDS = 0.1  # share of words dropped in training (Iyyer et al. 2015)


class Labeller(nn.Module):
    """The recurrent classifier."""

    spread: Tensor  # (out + 1,), of numbers: what reads out the logarithm of a row's error

    def __init__(
        self,
        cell: ChosenCell,
        inputs: int,
        classes: int,
        *,
        is_text: bool,
        embedding: int,
        hidden: int,
        layers: int,
        bidirectional: bool,
        dropout: float,
        pooling: str,
        stride: int = 0,
        canvas: Canvas | None = None,
        named: tuple[str, ...] = (),
        is_number: bool = False,
    ) -> None:
        """`stride`: the stride of the convolutions over a series; 0: no convolutions. `canvas`:
        each step is a frame of this size. `named`: the named inputs of the cell for a series with
        times, which are the last columns of the input."""
        super().__init__()
        self.embed: nn.Module | None = token_table(inputs, embedding) if is_text else None
        self.front = SeriesFront(inputs, FRONT, stride) if stride else None
        self.frames = None if canvas is None else FrameFront(canvas.shape, FRAME)
        size = embedding if is_text else FRONT if stride else FRAME if canvas else inputs
        self.drop = nn.Dropout(dropout)
        self.hides = is_text and inputs > FREQUENT and dropout > 0
        of_each = bool(named) and is_of_each(cell.equation, named)
        self.seen = size // (1 + len(named)) if of_each else size
        made = make_recurrent(cell, self.seen, hidden, layers, bidirectional, dropout)
        self.recurrent: Any = TimedRecurrent(made, named) if named else made
        self.has_dt = bool(named) and not of_each
        out = self.recurrent.output_size * self.recurrent.directions
        self.pool = Pooling(pooling, out, bidirectional)
        self.readout = nn.Linear(out, classes)
        if is_number:
            self.register_buffer("spread", torch.zeros(out + 1))

    def inputs(self, x: Tensor, lengths: Tensor) -> Tensor:
        """The inputs of the recurrent layers, without dropout."""
        if self.embed is not None:
            x = self.embed(x)
        elif self.has_dt:
            x = torch.cat([x if self.front is None else self.front(x, lengths), self._dt(x)], -1)
        elif self.front is not None:
            x = self.front(x, lengths)
        elif self.frames is not None:
            x = self.frames(x, lengths)
        return x

    def _dt(self, x: Tensor) -> Tensor:
        """The time since the previous step of the recurrent layers, (T, B, 1)."""
        passed = x[..., -1:].cumsum(0)[:: self.stride]
        return torch.diff(passed, dim=0, prepend=torch.zeros_like(passed[:1])) / self.stride

    def _dropped(self, seen: Tensor) -> Tensor:
        """Dropout of the input, but not of the named inputs."""
        if seen.shape[-1] == self.seen:
            dropped: Tensor = self.drop(seen)
            return dropped
        return torch.cat([self.drop(seen[..., : self.seen]), seen[..., self.seen :]], -1)

    @property
    def stride(self) -> int:
        """The number of steps of a sequence for each step of the recurrent layers."""
        return 1 if self.front is None else int(self.front.stride)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        scores: Tensor = self.readout(self.drop(self.summary(x, lengths)))
        return scores

    def log_scale(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Of numbers: the logarithm of how far off each row may be, (B,)."""
        return self.summary(x, lengths) @ self.spread[:-1] + self.spread[-1]

    def summary(self, x: Tensor, lengths: Tensor) -> Tensor:
        """One vector for each sequence, (B, out)."""
        seen = x if self.embed is not None else self.inputs(x, lengths)
        if self.front is not None:
            lengths = self.front.shorter(lengths)
        if not torch.is_grad_enabled() and bool((lengths == len(seen)).all()):
            return self._of_equal(seen)
        batch = ragged(lengths, *seen.shape[:2])  # without padding
        tokens = batch.gather(seen)
        if self.hides and self.training:
            tokens = tokens.masked_fill(
                torch.rand(tokens.shape, device=x.device) < HIDDEN_WORDS, UNKNOWN
            )
        y, states = self.recurrent.over(
            self._dropped(tokens if self.embed is None else self.embed(tokens)), batch
        )
        if self.pool.kind == "last":
            return self._ends(states)
        if self.pool.kind == "max" and not torch.is_grad_enabled():
            return batch.largest(y)
        pooled: Tensor = self.pool(batch.scatter(y), lengths)
        return pooled

    def _of_equal(self, seen: Tensor) -> Tensor:
        """The same for sequences of equal length, such as a single one, without gathering."""
        y, states = self.recurrent(self._dropped(seen if self.embed is None else self.embed(seen)))
        pooled: Tensor = self._ends(states) if self.pool.kind == "last" else self.pool(y, None)
        return pooled

    def _ends(self, states: Tensor | tuple[Tensor, ...]) -> Tensor:
        """The final output of each direction of the last layer, (B, directions H)."""
        outputs = states if isinstance(states, Tensor) else states[0]
        return torch.cat(outputs[-self.recurrent.directions :].unbind(), 1)


class FeedForward(nn.Module):
    """An order-blind network: a mean of embeddings, or statistics of each channel."""

    def __init__(
        self,
        inputs: int,
        classes: int,
        *,
        is_text: bool,
        embedding: int,
        hidden: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.embed = token_table(inputs, embedding) if is_text else None
        size = embedding if is_text else 4 * inputs
        self.layers = nn.Sequential(
            nn.Linear(size, hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, classes)
        )

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        inside = torch.arange(len(x), device=x.device)[:, None, None] < lengths[:, None]
        if self.embed is not None:
            return self._scores((self.embed(x) * inside).sum(0) / lengths[:, None])
        mean = (x * inside).sum(0) / lengths[:, None]
        spread = ((((x - mean) * inside) ** 2).sum(0) / lengths[:, None]).sqrt()
        low = x.masked_fill(~inside, torch.inf).amin(0)
        high = x.masked_fill(~inside, -torch.inf).amax(0)
        return self._scores(torch.cat([mean, spread, low, high], 1))

    def _scores(self, summary: Tensor) -> Tensor:
        scores: Tensor = self.layers(summary)
        return scores


def token_table(tokens: int, size: int) -> nn.Embedding:
    """A vector for each token; zeros for padding.

    torch initializes vectors with length sqrt(size), which dominates what is learned about rare
    tokens. Most tokens of a large table are rare, so there the vectors have length one.
    """
    table = nn.Embedding(tokens, size, padding_idx=PADDING)
    if tokens > FREQUENT:
        with torch.no_grad():
            table.weight /= math.sqrt(size)
    return table
