"""The recurrent part of a network. In: a cell, its sizes. Out: a module; next: the tasks' networks.

The module takes (T, B, I), states and lengths, and gives (T, B, directions H) and new states.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from unrolled.errors import ArgumentError
from unrolled.tasks.parts.cells import ChosenCell

LAYERS = {"LSTM": nn.LSTM, "GRU": nn.GRU, "Elman": nn.RNN}


def make_recurrent(
    cell: ChosenCell,
    input_size: int,
    hidden_size: int,
    layers: int = 1,
    bidirectional: bool = False,
    dropout: float = 0.0,
) -> nn.Module:
    """Layers of the cell, one above the other."""
    if cell.name not in LAYERS:
        raise ArgumentError(f"the cell {cell.name!r} has no layer yet")
    between = dropout if layers > 1 else 0.0  # torch warns of a dropout that has no place
    return Padded(
        LAYERS[cell.name](
            input_size, hidden_size, layers, bidirectional=bidirectional, dropout=between
        )
    )


class Padded(nn.Module):
    """A layer of torch.nn that takes lengths."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor, states: Any = None, lengths: Tensor | None = None) -> Any:
        if lengths is None:
            return self.layer(x, states)
        packed = pack_padded_sequence(x, lengths.cpu(), enforce_sorted=False)
        y, states = self.layer(packed, states)
        return pad_packed_sequence(y, total_length=len(x))[0], states


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
