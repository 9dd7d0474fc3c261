"""One time step of a cell, forward and backward. In: x_t and the old states. Out: the new states.

Elman, LSTM and GRU are written out by hand in `elman`, `lstm` and `gru`, and that code runs here.
Any other cell runs its equation line by line, and the derived equation backward. `written_in(cell)`
says which of the two it is. Next: `sequence`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unrolled.cells.base import Cell, equation
from unrolled.cells.elman import Elman
from unrolled.cells.gru import GRU
from unrolled.cells.lstm import LSTM
from unrolled.equations import interpret
from unrolled.textbook import elman, gru, lstm
from unrolled.textbook.readout import Readout

Array = NDArray[Any]
States = tuple[Array, ...]

BY_HAND: dict[type[Cell], ModuleType] = {Elman: elman, LSTM: lstm, GRU: gru}


@dataclass
class Cache:
    """All values of one time step, which the backward step needs.

    `values` has every named value of the step. `run` is the run of the interpreter for a cell that
    is not written out by hand, else None.
    """

    cell: Cell
    x_t: Array
    states: States
    next_states: States
    h_t: Array
    values: Mapping[str, Array]
    run: interpret.InterpretedRun | None
    readout: Readout | None


@dataclass
class StepGradients:
    """The derivatives of the loss with respect to all inputs of one time step.

    `values` has every line of the backward step by its printed name (`d_net_h`).
    """

    weights: dict[str, Array]
    readout: dict[str, Array]
    x_t: Array
    states: States
    values: Mapping[str, Array]


def written_in(cell: Cell) -> str:
    """What computes a step of this cell: a module written by hand, or the equation."""
    module = BY_HAND.get(type(cell))
    if module is None:
        return f"derived from the equation of {type(cell).__name__}"
    return f"written out in {module.__name__}"


def cell_forward(
    cell: Cell, x_t: Array, states: States, readout: Readout | None = None
) -> tuple[States, Array, Cache]:
    """The next states, the output y_t = V h_t + c, and the cache. Without V and c, y_t is h_t: the
    first state, or what the cell declares as its output.

    Everything is a batch of columns: x_t is (I, B), each state (H, B), y_t (K, B).
    """
    module = BY_HAND.get(type(cell))
    run = None
    if module is not None:
        *after, values = module.cell_forward(x_t, *states, cell.weights, **_options(cell))
        next_states = tuple(after)
        h_t = next_states[0]
    else:
        run = interpret.forward(
            equation(cell), cell.weights, x_t[None], states, None, **sizes_of(cell)
        )
        next_states, values, h_t = run.states, run.values[0], run.outputs[0]
    y_t = h_t if readout is None else readout.forward(h_t)
    return next_states, y_t, Cache(cell, x_t, states, next_states, h_t, values, run, readout)


def cell_backward(cache: Cache, d_y: Array, d_states: States) -> StepGradients:
    """From the derivatives with respect to y_t and the new states to those with respect to weights,
    x_t and old states.

    h_t is used twice, by the output and by the next time step, so its two derivatives are added.
    """
    if cache.readout is None:
        d_readout: dict[str, Array] = {}
        d_h = d_y
    else:
        d_readout, d_h = cache.readout.backward(d_y, cache.h_t)
    if cache.run is not None:
        derived = interpret.backward(cache.run, d_h[None], d_states)
        return StepGradients(
            derived.weights, d_readout, derived.inputs[0], derived.states, derived.steps[0]
        )
    cell = cache.cell
    d_states = (d_states[0] + d_h, *d_states[1:])
    step = BY_HAND[type(cell)].cell_backward(
        *d_states, cache.values, cell.weights, **_options(cell)
    )
    weights = {name: step[f"d_{name}"] for name in cell.weights}
    states = tuple(step[f"d_{name}_prev"] for name in equation(cell).states)
    return StepGradients(weights, d_readout, step["d_x"], states, step)


def _options(cell: Cell) -> dict[str, str]:
    return {"nonlinearity": cell.nonlinearity} if isinstance(cell, Elman) else {}


def sizes_of(cell: Cell) -> dict[str, int]:
    """The number of units along each of the cell's sizes."""
    sizes: dict[str, int] = dict(cell.__dict__["_sizes"])
    for name, shape in equation(cell).weights.items():
        sizes.update(zip(shape, cell.weights[name].shape))
    return sizes


def output_width(cell: Cell) -> int:
    """How many numbers h_t has: the first state, or what the cell declares as its output."""
    return sizes_of(cell)[next(iter(equation(cell).states.values()))[0]]


def first_states(cell: Cell, batch: int) -> States:
    """The states before the first time step, a column for each sequence: zero unless declared."""
    sizes, start = sizes_of(cell), equation(cell).initial_state
    states = equation(cell).states
    return tuple(
        np.full((sizes[states[name][0]], batch), start.get(name, 0.0))
        for name in equation(cell).carried
    )
