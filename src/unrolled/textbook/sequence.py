"""A whole sequence. In: a sequence and initial states. Out: every state, output and derivative.

`forward` goes through time and keeps the cache of each step. `backward` starts with all gradients
at zero and goes back from the last step to the first: backpropagation through time
(Werbos 1990). Next: `network`, which stacks several of these.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from unrolled.cells.base import Cell
from unrolled.textbook.cell import Array, Cache, States, StepGradients, cell_backward, cell_forward
from unrolled.textbook.readout import Readout


@dataclass
class Trace:
    """A forward pass. `states[0]` are the initial states, `states[t]` those after step t, and
    `outputs[t - 1]` is the output of step t."""

    cell: Cell
    readout: Readout | None
    outputs: Array
    states: list[States]
    caches: list[Cache]


@dataclass
class Gradients:
    """The derivatives of the loss with respect to all that a sequence depends on.

    `by_state[t]` has those with respect to the states after step t (`by_state[0]`: the initial
    states), through later steps and outputs. `by_step[t - 1]` is the contribution of step t to the
    derivatives with respect to the weights, if requested. `named` has those of the named inputs.
    """

    weights: dict[str, Array]
    readout: dict[str, Array]
    inputs: Array
    by_state: list[States]
    by_step: list[StepGradients] = field(default_factory=list)
    named: dict[str, Array] = field(default_factory=dict)


def forward(cell: Cell, xs: Array, states: States, readout: Readout | None = None) -> Trace:
    """For t = 1 ... T: states, y_t = cell_forward(x_t, states). `xs` has the axes (T, I, B)."""
    outputs, all_states, caches = [], [states], []
    for x_t in xs:
        states, y_t, cache = cell_forward(cell, x_t, states, readout)
        outputs.append(y_t)
        all_states.append(states)
        caches.append(cache)
    return Trace(cell, readout, np.stack(outputs), all_states, caches)


def backward(
    trace: Trace, d_outputs: Array, d_states: States | None = None, keep_steps: bool = False
) -> Gradients:
    """For t = T ... 1: the gradients of step t, added to those of all later steps.

    `d_states` is the derivative with respect to the final states, zero if nothing uses them.
    """
    weights = zeros_like(trace.cell.weights)
    readout = zeros_like(trace.readout.weights) if trace.readout else {}
    d_states = d_states or tuple(np.zeros_like(state) for state in trace.states[-1])
    inputs, by_state, by_step = [], [d_states], []
    for cache, d_y in zip(reversed(trace.caches), reversed(d_outputs)):
        step = cell_backward(cache, d_y, d_states)
        add_to(weights, step.weights)
        add_to(readout, step.readout)
        d_states = step.states
        inputs.append(step.x_t)
        by_state.append(d_states)
        by_step += [step] if keep_steps else []
    return Gradients(weights, readout, np.stack(inputs[::-1]), by_state[::-1], by_step[::-1])


def zeros_like(weights: Mapping[str, Array]) -> dict[str, Array]:
    """Gradients that are all zero."""
    return {name: np.zeros_like(weight) for name, weight in weights.items()}


def add_to(gradients: dict[str, Array], step: Mapping[str, Array]) -> None:
    """Add derivatives: the weights are the same at every time step."""
    for name, gradient in step.items():
        gradients[name] += gradient
