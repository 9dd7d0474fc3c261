"""Run a sequence on the CPU engine: like `sequence`, with the same results, but in machine code.

In: a cell, a sequence, initial states. Out: a `Trace` and `Gradients` like those of `sequence`. The
kernels run the whole sequence at once, so there are all states, but no caches of single steps. The
engine uses rows where the textbook uses columns: (tokens, units).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from unrolled.cells.base import Cell, equation
from unrolled.compile import NUMPY_KERNELS, lowered
from unrolled.engines.engine import Recurrence, Source
from unrolled.engines.plan.schedule import Schedule, dense_schedule
from unrolled.equations.derive import adjoints, cotangents
from unrolled.equations.equation import Equation
from unrolled.equations.inputs import columns
from unrolled.equations.interpret import evaluate
from unrolled.equations.nodes import Node, Variable, topological
from unrolled.errors import ArgumentError
from unrolled.textbook.cell import Array, States, sizes_of
from unrolled.textbook.readout import Readout
from unrolled.textbook.sequence import Gradients, Trace


@dataclass
class CompiledTrace(Trace):
    """A sequence run by the kernels, and what they stored for the backward pass."""

    recurrence: Recurrence
    schedule: Schedule
    weights: dict[str, Array]
    rows: Array  # the input, token after token, and the first state
    tokens: Array
    hs: Array  # what the readout reads
    left: Any  # by forward for backward: the engine knows what it is


def forward(
    cell: Cell,
    xs: Array,
    states: States,
    readout: Readout | None = None,
    named: Mapping[str, Any] | None = None,
) -> CompiledTrace:
    """Like `sequence.forward`: `xs` has the axes (T, I, B) and determines the dtype; named inputs
    have the same axes."""
    steps, _, batch = xs.shape
    weights = _step_weights(cell, xs.dtype)
    sources = {name: (Source(n),) for n, name in enumerate(weights)}
    recurrence = NUMPY_KERNELS.recurrence(
        lowered(cell, sizes_of(cell)), sizes_of(cell), sources, xs.dtype.name
    )
    nobody = _nobody(cell)
    beside = columns(equation(cell), named or {}, sizes_of(cell), xs)
    schedule, rows = (
        dense_schedule(steps, batch, 1),
        _rows(np.concatenate([xs, *beside.values()], 1)),
    )
    found = recurrence.forward(
        schedule, [*weights.values()], rows, [*nobody, *map(_row, states)], keep=True
    )
    tokens, left = found.outputs, found.left
    by_name = [_columns(recurrence.state(name, tokens, left), steps) for name in recurrence.states]
    all_states = [states, *zip(*by_name[len(nobody) :])]
    hs = by_name[0]
    outputs = hs if readout is None else readout.forward(hs)
    return CompiledTrace(
        cell, readout, outputs, all_states, [], recurrence, schedule, weights, rows, tokens, hs,
        left,
    )  # fmt: skip


def backward(
    trace: CompiledTrace,
    d_outputs: Array,
    d_states: States | None = None,
    keep_steps: bool = False,
) -> Gradients:
    """Like `sequence.backward`, but `by_state` has only the derivatives of the initial states."""
    if keep_steps:
        raise ArgumentError(
            "the kernels do not keep the contributions of single steps: build the network with "
            "backend='numpy' to look at them"
        )
    steps = len(d_outputs)
    d_states = d_states or tuple(np.zeros_like(state) for state in trace.states[-1])
    d_readout, d_hs = {}, d_outputs
    if trace.readout is not None:
        shares = [trace.readout.backward(d_y, h_t) for d_y, h_t in zip(d_outputs, trace.hs)]
        d_readout = {name: np.sum([share[0][name] for share in shares], 0) for name in ("V", "c")}
        d_hs = np.stack([share[1] for share in shares])
    found = trace.recurrence.backward(
        trace.schedule, [*trace.weights.values()], trace.rows, trace.tokens, trace.left,
        _rows(d_hs), [*_nobody(trace.cell), *map(_row, d_states)],
    )  # fmt: skip
    assert found.inputs is not None  # they were asked for
    inputs, named = _by_input(trace.cell, _columns(found.inputs, steps))
    first = tuple(d[0].T.copy() for d in found.states[len(_nobody(trace.cell)) :])
    by_name = dict(zip(trace.weights, found.arrays, strict=True))
    return Gradients(_cell_gradients(trace.cell, by_name), d_readout, inputs, [first], named=named)


def _nobody(cell: Cell) -> list[None]:
    """Zeros instead of the first state, where the output is not a state."""
    return [] if equation(cell).output is None else [None]


def _by_input(cell: Cell, wide: Array) -> tuple[Array, dict[str, Array]]:
    """The derivatives with respect to the input and each named input, which are stored together."""
    sizes, step = sizes_of(cell), equation(cell)
    named, end = {}, wide.shape[1]
    for name, shape in reversed(step.named_inputs.items()):
        named[name] = wide[:, end - sizes[shape[0]] : end]
        end -= sizes[shape[0]]
    return wide[:, :end], named


def _rows(columns: Array) -> Array:
    """(T, n, B) -> (T B, n): one token after another."""
    return np.ascontiguousarray(columns.swapaxes(1, 2)).reshape(-1, columns.shape[1])


def _row(state: Array) -> Array:
    return np.ascontiguousarray(state.T)[None]


def _columns(tokens: Array, steps: int) -> Array:
    """(T B, n) -> (T, n, B), copied, because the engine reuses its memory."""
    return tokens.reshape(steps, -1, tokens.shape[1]).swapaxes(1, 2).copy()


# ---------------------------------------------------------- what is made of weights alone, once


def _step_weights(cell: Cell, dtype: np.dtype[Any]) -> dict[str, Array]:
    """The weights for the kernels: the cell's own, and values computed from them alone."""
    step = lowered(cell, sizes_of(cell))
    made = evaluate(step.prelude, _given(cell, step.prelude), sizes_of(cell))
    known = cell.weights | made
    return {
        name: np.ascontiguousarray(known[name], dtype).reshape(_lengths(cell, shape))
        for name, shape in step.weights.items()
    }


def _cell_gradients(cell: Cell, found: Mapping[str, Array]) -> dict[str, Array]:
    """The derivatives with respect to the cell's own weights; zero for an unused weight."""
    gradients = {
        name: np.asarray(found[name]).reshape(weight.shape)
        if name in found
        else np.zeros_like(weight)
        for name, weight in cell.weights.items()
    }
    prelude = lowered(cell, sizes_of(cell)).prelude
    if not prelude:
        return gradients
    variables = tuple(v for v in topological(prelude.values()) if isinstance(v, Variable))
    made = Equation("prelude", variables, tuple(prelude.items()), tuple(prelude))
    arriving = {
        cotangent: _column(np.asarray(found[name]).reshape(_lengths(cell, cotangent.shape)))
        for name, cotangent in cotangents(made).items()
    }
    slopes = adjoints(made)
    roots = {v.name: slopes[v] for v in variables if v in slopes}
    values = evaluate(roots, _given(cell, prelude) | arriving, sizes_of(cell))
    for name, value in values.items():
        gradients[name] = gradients[name] + np.asarray(value).reshape(gradients[name].shape)
    return gradients


def _given(cell: Cell, prelude: Mapping[str, Node]) -> dict[Node, Array]:
    variables = (v for v in topological(prelude.values()) if isinstance(v, Variable))
    return {v: _column(cell.weights[v.name]) for v in variables}


def _column(array: Array) -> Array:
    return array[:, None] if array.ndim == 1 else array


def _lengths(cell: Cell, shape: tuple[str, ...] | None) -> tuple[int, ...]:
    assert shape is not None  # a state is never a plain number
    sizes = sizes_of(cell)
    return tuple(sizes[size] for size in shape)
