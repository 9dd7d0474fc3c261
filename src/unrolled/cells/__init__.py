"""The library of equations: one short file a cell. In: `base.Cell`. Out: each cell by its name."""

from unrolled.cells.elman import Elman
from unrolled.cells.gru import GRU
from unrolled.cells.lstm import LSTM

__all__ = ["GRU", "LSTM", "Elman"]
