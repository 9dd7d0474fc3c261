"""The recurrent part of a network. In: a cell, its sizes. Out: a layer; next: the tasks' networks.

The layer takes (T, B, I), states and lengths, and gives (T, B, directions H) and new states: one
tensor for a cell of one state, a tuple for more.
"""

from __future__ import annotations

import math
import os
from typing import Any

import torch
from torch import Tensor

from unrolled.cells.choosing import ChosenCell
from unrolled.errors import UnrolledError
from unrolled.layers.recurrent import Recurrent


class NetworkTooLarge(UnrolledError):
    """A network that does not fit into memory."""

    def __init__(self) -> None:
        super().__init__(
            "this network has more weights than the machine has memory: choose a smaller "
            "--hidden, --embedding or --layers"
        )


def make_recurrent(
    cell: ChosenCell,
    input_size: int,
    hidden_size: int,
    layers: int = 1,
    bidirectional: bool = False,
    dropout: float = 0.0,
) -> Recurrent:
    """Stacked recurrent layers of the cell."""
    _refuse_what_does_not_fit(cell, input_size, hidden_size, layers, 1 + bidirectional)
    between = dropout if layers > 1 else 0.0  # a single layer has no dropout between layers
    return Recurrent(
        cell.equation, input_size, hidden_size, layers, bidirectional=bidirectional,
        dropout=between, sizes=cell.sizes,
    )  # fmt: skip


def _refuse_what_does_not_fit(
    cell: ChosenCell, input_size: int, hidden_size: int, layers: int, directions: int
) -> None:
    """Check the size before anything is created: an untrusted run may request any size."""
    if not hasattr(os, "sysconf"):
        return
    wide = max(input_size, hidden_size * directions)  # the input size of the widest layer
    known = {"1": 1, "input_size": wide, **cell.sizes}
    shapes = cell.equation.weights.values()
    count = sum(math.prod(known.get(size, hidden_size) for size in shape) for shape in shapes)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if count * layers * directions * torch.float32.itemsize > memory:
        raise NetworkTooLarge()


def detach(states: Any) -> Any:
    """Detached states, which end the window of backpropagation."""
    if isinstance(states, torch.Tensor):
        return states.detach()
    return tuple(state.detach() for state in states)


def flat_states(states: Any) -> dict[str, Tensor]:
    """States as tensors by index, for a checkpoint."""
    if states is None:
        return {}
    if isinstance(states, torch.Tensor):
        return {"only": states}
    return {str(number): state for number, state in enumerate(states)}


def nested_states(tensors: dict[str, Tensor]) -> Any:
    """Restore the states from `flat_states`."""
    if not tensors:
        return None
    if "only" in tensors:
        return tensors["only"]
    return tuple(tensors[str(number)] for number in range(len(tensors)))
