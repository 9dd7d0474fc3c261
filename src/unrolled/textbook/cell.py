"""One time step of a cell, forward and backward. In: x_t and the states before. Out: those after.

The cell's own equation does the work: `cell_forward` evaluates its lines from the first to the
last and keeps every value in a cache; `cell_backward` takes the cache and evaluates the derived
equation, which is the chain rule from the last line back to the first. Next: `sequence`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from unrolled.cells.base import Cell, equation
from unrolled.equations.interpret import Run, backward, forward
from unrolled.textbook.readout import Readout

Array = np.ndarray
States = tuple[Array, ...]


@dataclass
class Cache:
    """What the backward step needs, and all there is to look at in one time step."""

    x_t: Array
    states: States
    next_states: States
    values: Mapping[str, Array]
    run: Run
    readout: Readout | None


@dataclass
class StepGradients:
    """The derivatives of the loss by everything that went into one time step.

    `values` has every line of the derived equation under the name it prints with (`d_net_h`).
    """

    weights: dict[str, Array]
    readout: dict[str, Array]
    x_t: Array
    states: States
    values: Mapping[str, Array]


def cell_forward(
    cell: Cell, x_t: Array, states: States, readout: Readout | None = None
) -> tuple[States, Array, Cache]:
    """The next states, the output y_t = V h_t + c, and the cache. Without V and c, y_t is h_t.

    Everything is a batch of columns: x_t is (I, B), each state (H, B), y_t (K, B).
    """
    run = forward(equation(cell), cell.weights, x_t[None], states, **sizes_of(cell))
    h_t = run.states[0]
    y_t = h_t if readout is None else readout.forward(h_t)
    return run.states, y_t, Cache(x_t, states, run.states, run.values[0], run, readout)


def cell_backward(cache: Cache, d_y: Array, d_states: States) -> StepGradients:
    """From the derivatives by y_t and by the next states to those by weights, x_t and states.

    h_t is used twice, by the output and by the next time step, so its two derivatives add up.
    """
    if cache.readout is None:
        d_readout, d_h = {}, d_y
    else:
        d_readout, d_h = cache.readout.backward(d_y, cache.next_states[0])
    d_states = (d_states[0] + d_h, *d_states[1:])
    step = backward(cache.run, np.zeros_like(d_h)[None], d_states)
    return StepGradients(step.weights, d_readout, step.inputs[0], step.states, step.steps[0])


def sizes_of(cell: Cell) -> dict[str, int]:
    """The number of units along each of the cell's sizes, read off its weights."""
    sizes = {"input_size": cell.input_size, "hidden_size": cell.hidden_size}
    for name, shape in equation(cell).weights.items():
        sizes.update(zip(shape, cell.weights[name].shape))
    return sizes


def first_states(cell: Cell, batch: int) -> States:
    """The states before the first time step, a column for each sequence: zeros unless declared."""
    sizes, start = sizes_of(cell), equation(cell).initial_state
    return tuple(
        np.full((sizes[shape[0]], batch), start.get(name, 0.0))
        for name, shape in equation(cell).states.items()
    )
