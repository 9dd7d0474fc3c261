"""The recurrent part of a network. In: a cell, its sizes. Out: a layer; next: the tasks' networks.

The layer takes (T, B, I), states and lengths, and gives (T, B, directions H) and new states: one
tensor for a cell of one state, a tuple for more.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from unrolled.cells.choosing import ChosenCell
from unrolled.layers.recurrent import Recurrent


def make_recurrent(
    cell: ChosenCell,
    input_size: int,
    hidden_size: int,
    layers: int = 1,
    bidirectional: bool = False,
    dropout: float = 0.0,
) -> Recurrent:
    """Layers of the cell, one above the other."""
    between = dropout if layers > 1 else 0.0  # of one layer there is nothing between
    return Recurrent(
        cell.equation, input_size, hidden_size, layers, bidirectional=bidirectional, dropout=between
    )


def detach(states: Any) -> Any:
    """States whose past is forgotten by backpropagation: the window ends here."""
    if isinstance(states, torch.Tensor):
        return states.detach()
    return tuple(state.detach() for state in states)


def flat_states(states: Any) -> dict[str, Tensor]:
    """States as tensors by number, for a checkpoint."""
    if states is None:
        return {}
    if isinstance(states, torch.Tensor):
        return {"only": states}
    return {str(number): state for number, state in enumerate(states)}


def nested_states(tensors: dict[str, Tensor]) -> Any:
    """What `flat_states` was given."""
    if not tensors:
        return None
    if "only" in tensors:
        return tensors["only"]
    return tuple(tensors[str(number)] for number in range(len(tensors)))
