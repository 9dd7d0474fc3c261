"""What is exported: layers with their weights as arrays. In: a cell, a layer of this project or of
torch.nn. Out: `Network`; next: the printers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unrolled.cells.base import Cell
from unrolled.cells.base import equation as equation_of
from unrolled.equations.equation import Equation
from unrolled.equations.inputs import with_inputs
from unrolled.equations.lengths import known_length
from unrolled.errors import ArgumentError

Array = NDArray[Any]


@dataclass(frozen=True)
class Direction:
    """One direction of one layer: its sizes, and its weights by the names of the equation."""

    sizes: Mapping[str, int]
    weights: Mapping[str, Array]


@dataclass(frozen=True)
class Network:
    """Stacked layers; each has one direction, or a forward and a backward one."""

    equation: Equation
    layers: tuple[tuple[Direction, ...], ...]
    readout: tuple[Array, Array] | None = None  # V (K, H) and c (K,): y = V h + c
    batch_first: bool = False

    @property
    def is_bidirectional(self) -> bool:
        return len(self.layers[0]) == 2

    @property
    def input_size(self) -> int:
        sizes = self.layers[0][0].sizes
        return sizes.get("input_size", sizes["hidden_size"])

    @property
    def named(self) -> dict[str, int]:
        """The named inputs, in the equation's order, and their sizes."""
        sizes = self.layers[0][0].sizes
        return {n: sizes.get(shape[0], 1) for n, shape in self.equation.named_inputs.items()}

    @property
    def output_size(self) -> int:
        """The number of outputs of the top layer per step, of both directions."""
        first = next(iter(self.equation.states.values()))
        return sum(direction.sizes[first[0]] for direction in self.layers[-1])

    def state_size(self, name: str) -> int:
        """Numbers of a state of one direction."""
        return self.layers[0][0].sizes.get(self.equation.states[name][0], 1)

    @property
    def dtype(self) -> np.dtype[Any]:
        return next(iter(self.layers[0][0].weights.values())).dtype


def network_of(model: Any, named: Sequence[str] = ()) -> Network:
    """The network of a cell with sizes, or of a recurrent layer. Named inputs with a default are
    replaced by it, except for those in `named`."""
    if isinstance(model, Network):
        return model
    if isinstance(model, type) and issubclass(model, Cell):
        raise ArgumentError(
            f"{model.__name__} is a cell without sizes, so it has no weights to export: make it, "
            f"{model.__name__}(input_size=3, hidden_size=8, seed=0)"
        )
    if isinstance(model, Cell):
        return _of_cell(model, named)
    return _of_layer(model, named)


def _of_cell(cell: Cell, named: Sequence[str]) -> Network:
    if cell.input_size is None:
        name = type(cell).__name__
        raise ArgumentError(
            f"this {name} has no sizes, so it has no weights to export: make it as "
            f"{name}(input_size=3, hidden_size=8, seed=0)"
        )
    weights = {name: np.array(array) for name, array in cell.weights.items()}
    found = with_inputs(equation_of(cell), named)
    return Network(found, ((Direction(cell._known_sizes(), weights),),))


def _of_layer(layer: Any, named: Sequence[str]) -> Network:
    from torch import nn

    from unrolled.layers.convert import convert
    from unrolled.layers.drop_in import DROP_INS, _DropIn
    from unrolled.layers.recurrent import Recurrent

    if type(layer) in DROP_INS:
        layer, _ = convert(layer)
    if not isinstance(layer, Recurrent | _DropIn):
        inside = ""
        if isinstance(layer, nn.Module):
            parts = [n for n, m in layer.named_modules() if isinstance(m, Recurrent | _DropIn)]
            inside = f" (its part {parts[0]!r} is one)" if parts else ""
        raise ArgumentError(
            f"export takes a cell with sizes, a recurrent layer (unrolled.Recurrent, LSTM, GRU, "
            f"RNN, or torch.nn's), a Classifier or Forecaster that has been fitted, or the folder "
            f"of a run, not {type(layer).__name__}{inside}"
        )
    if isinstance(layer, Recurrent):
        layer._around.refuse("an export", layer.num_layers)
    stack = layer._stack()
    found = []
    for number in range(stack.num_layers):
        directions = []
        for reverse in (False, True)[: stack.directions]:
            parameters = stack.parameters(number, reverse)
            weights = {
                name: np.array(tensor.detach().cpu().numpy())
                for name, tensor in stack.cell.named(parameters, stack.sizes).items()
            }
            directions.append(Direction(_sizes(layer, number, weights), weights))
        found.append(tuple(directions))
    bare = with_inputs(layer.equation, named)
    return Network(bare, tuple(found), batch_first=layer.batch_first)


def _sizes(layer: Any, number: int, weights: Mapping[str, Array]) -> dict[str, int]:
    """The sizes of one layer, by name, read off its weights where these say them."""
    sizes = dict(layer._stack().sizes)
    for name, shape in layer.equation.weights.items():
        sizes.update(zip(shape, weights[name].shape, strict=True))
    if number and "input_size" not in layer.equation.sizes:
        sizes["input_size"] = sizes["hidden_size"]
    found = layer.equation
    if number and found.derived_sizes:
        sizes["input_size"] = layer._layer_sizes(number)["input_size"]
    for size in found.derived_sizes:
        sizes[size] = known_length(size, sizes, found.name)
    return sizes
