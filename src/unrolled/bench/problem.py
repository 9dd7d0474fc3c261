"""The problem for all contestants. In: a cell's name and a shape. Out: `Problem`; next: `peers`.

Weights have the names of the cell's equation; each peer arranges them as its users do.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unrolled import cells
from unrolled.errors import UsageError

Array = NDArray[Any]

BUILT_IN = ("Elman", "GRU", "LSTM")  # torch.nn has these
OWN = ("PeepholeLSTM", "LayerNormLSTM", "LiGRU", "GRUCho2014", "SLSTM")


# With gains of 1 the layer-norm LSTM is chaotic when its input is one number: within 300 steps a
# change of 1e-12 leaves no digit of the output alone, so no two correct programs agree on it.
CALM_GAIN = 0.25


@dataclass(frozen=True)
class Shape:
    """Batch, time, input, hidden."""

    B: int
    T: int
    I: int
    H: int

    def __str__(self) -> str:
        return f"B{self.B} T{self.T} I{self.I} H{self.H}"


SHAPES = tuple(
    Shape(*sizes)
    for sizes in (
        (1, 128, 64, 64),
        (8, 128, 32, 32),
        (32, 128, 64, 128),
        (32, 100, 128, 256),
        (64, 50, 256, 512),
        (20, 35, 650, 650),
        (32, 784, 1, 128),
        (128, 20, 1024, 1024),
    )
)


def shape_from(text: str) -> Shape:
    """`32,128,64,128` or `B32,T128,I64,H128`: batch, time, input and hidden size."""
    match = re.fullmatch(r"[Bb]?(\d+)[,x ]+[Tt]?(\d+)[,x ]+[Ii]?(\d+)[,x ]+[Hh]?(\d+)", text)
    if match is None or "0" in match.groups():
        raise UsageError(
            f"--shapes has {text!r}: a shape is four whole numbers from 1 up, batch, time, input "
            "and hidden size, such as 32,128,64,128"
        )
    return Shape(*map(int, match.groups()))


@dataclass(frozen=True)
class Problem:
    """One cell on one batch: weights, input, and the derivative of the loss at the output."""

    cell: str
    shape: Shape
    ragged: bool = False
    input_gradient: bool = False
    seed: int = 0

    @cached_property
    def weights(self) -> dict[str, Array]:
        """The cell's initial values, and small random numbers where those are all equal."""
        made = getattr(cells, self.cell)(self.shape.I, self.shape.H, seed=self.seed).weights
        draw = np.random.default_rng(self.seed + 1)
        spread = 1 / np.sqrt(self.shape.H)
        return {
            name: np.asarray(
                (w + draw.uniform(-spread, spread, w.shape) * (w.ndim == 1))
                * (CALM_GAIN if name.startswith("gain") else 1.0),
                np.float32,
            )
            for name, w in made.items()
        }

    @cached_property
    def x(self) -> Array:
        """(T, B, I)."""
        s = self.shape
        return np.random.default_rng(self.seed + 2).standard_normal((s.T, s.B, s.I), np.float32)

    @cached_property
    def d_y(self) -> Array:
        """(T, B, H), zero on padding; of a loss that is a mean over the tokens."""
        s = self.shape
        d_y = np.random.default_rng(self.seed + 3).standard_normal((s.T, s.B, s.H), np.float32)
        return d_y * self.going[:, :, None] / np.float32(self.tokens)

    @cached_property
    def lengths(self) -> Array:
        """(B,): all T, or uniform in T/4 ... T."""
        s = self.shape
        if not self.ragged:
            return np.full(s.B, s.T, np.int64)
        least = max(1, s.T // 4)
        return np.random.default_rng(self.seed + 4).integers(least, s.T + 1, s.B)

    @property
    def going(self) -> Array:
        """(T, B): True where there is no padding."""
        return np.arange(self.shape.T)[:, None] < self.lengths

    @property
    def tokens(self) -> int:
        """The total number of steps of all sequences."""
        return int(self.lengths.sum())

    def __str__(self) -> str:
        return f"{self.cell} {self.shape}"
