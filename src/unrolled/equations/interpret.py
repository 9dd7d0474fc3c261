"""Run an equation in NumPy, forward and backward over a whole sequence. In: an `Equation`, weights,
arrays. Out: outputs, final states, every named value at every step, every gradient.

It runs the graph, not the user's code: if it disagrees with the cell's own `unroll`, the bug is in
tracing or in a pass; if an engine disagrees with it, the bug is in the engine. Arrays are columns:
the input of one step is (I, B), a whole sequence (T, I, B); without a batch, (T, I) in and (T, H)
out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unrolled.equations.equation import Equation
from unrolled.equations.inputs import columns as named_columns
from unrolled.equations.nodes import Apply, Constant, ConstantArray, Eye, Length, Node, topological
from unrolled.equations.ops import OPS

Array = NDArray[Any]
Arrays = dict[str, Array]


def evaluate(
    roots: Mapping[str, Node], given: Mapping[Node, Any], sizes: Mapping[str, int]
) -> dict[str, Any]:
    """The value of each root, from the values of the variables below it."""
    values: dict[Node, Any] = dict(given)
    for node in _order(tuple(roots.values())):
        if node not in values:
            values[node] = _value(node, values, sizes)
    return {name: values[node] for name, node in roots.items()}


@lru_cache(maxsize=64)
def _order(roots: tuple[Node, ...]) -> tuple[Node, ...]:
    # sorted once, and not again at every step of every sequence
    return tuple(topological(roots))


def _value(node: Node, values: Mapping[Node, Any], sizes: Mapping[str, int]) -> Any:
    if isinstance(node, Constant):
        return node.value
    if isinstance(node, ConstantArray):
        return _column(node.array)
    if isinstance(node, Length):
        return sizes[node.size]
    if isinstance(node, Eye):
        return np.eye(sizes[node.size or "1"])
    assert isinstance(node, Apply), f"{node} was not given"
    return OPS[node.op].compute(*(values[argument] for argument in node.args))


@dataclass
class InterpretedRun:
    """A forward pass, and the values that the backward pass needs.

    `values[t]` holds every named value of step t; `before[t]` the states before it. `outputs` and
    `states` have the batch axis that was given; the rest are columns.
    """

    equation: Equation
    weights: Arrays
    inputs: Arrays  # by name, the first is xs: (T, n, B)
    sizes: dict[str, int]
    batched: bool
    initial: Arrays
    before: list[Arrays] = field(default_factory=list)
    values: list[Arrays] = field(default_factory=list)

    @property
    def xs(self) -> Array:
        return next(iter(self.inputs.values()))

    @property
    def outputs(self) -> Array:
        first = next(iter(self.equation.states))
        width = self.sizes[self.equation.states[first][0]]
        empty = np.empty((0, width, self.xs.shape[2]), self.xs.dtype)
        steps = [values[first] for values in self.values]
        return _given_form(np.stack(steps) if steps else empty, self.batched)

    @property
    def states(self) -> tuple[Array, ...]:
        last = self.values[-1] if self.values else self.initial
        return tuple(_given_form(last[name], self.batched) for name in self.equation.carried)


@dataclass
class InterpretedGradients:
    """Derivatives of the loss with respect to weights, the input, initial states and, by name, the
    named inputs; `steps[t]` has all of step t."""

    weights: Arrays
    inputs: Array
    states: tuple[Array, ...]
    steps: list[Arrays]
    named: Arrays = field(default_factory=dict)


def forward(
    equation: Equation,
    weights: Mapping[str, Any],
    xs: Any,
    states: Sequence[Any] | None = None,
    named: Mapping[str, Any] | None = None,
    **sizes: int,
) -> InterpretedRun:
    """Run the equation over xs, (T, I) or (T, I, B), and the named inputs that go with it."""
    xs = np.asarray(xs)
    if not np.issubdtype(xs.dtype, np.floating):
        xs = xs.astype(np.float64)
    batched = xs.ndim == 3
    columns = xs if batched else xs[:, :, None]
    known = equation.resolve(**sizes)
    arrays = {name: _column(np.asarray(value)) for name, value in weights.items()}
    initial = _initial_states(equation, known, states, columns)
    first = next(iter(equation.inputs))
    beside = named_columns(equation, named or {}, known, xs)
    inputs = {first: columns} | {n: a if batched else a[:, :, None] for n, a in beside.items()}
    run = InterpretedRun(equation, arrays, inputs, known, batched, initial)
    fixed: dict[Node, Any] = {v: arrays[v.name] for v in equation.given if v.role == "weight"}
    fixed |= _constants(run)
    now = initial
    for t in range(len(columns)):
        given = fixed | {
            v: inputs[v.name][t] if v.role == "input" else now[v.name]
            for v in equation.given
            if v.role != "weight"
        }
        values = evaluate(equation.locals, given, known)
        run.before.append(now)
        run.values.append(values)
        batch = columns.shape[2]
        now = {name: _batched(values[name], known[equation.states[name][0]], batch)
               for name in equation.states}  # fmt: skip
        values.update(now)
    return run


def backward(
    run: InterpretedRun, d_outputs: Any, d_states: Sequence[Any] | None = None
) -> InterpretedGradients:
    """Backpropagate through the run; `d_outputs` and `d_states` have the form of its results."""
    equation, known = run.equation, run.sizes
    derived = equation.backward
    batch = run.xs.shape[2]
    d_ys = np.asarray(d_outputs) if run.batched else np.asarray(d_outputs)[:, :, None]
    names = list(equation.states)
    carried = {
        name: np.zeros((known[equation.states[name][0]], batch), run.xs.dtype) for name in names
    }
    for name, d in zip(equation.carried, d_states or (), strict=False):
        carried[name] = carried[name] + _column(np.asarray(d))
    gradients = {name: np.zeros_like(array) for name, array in run.weights.items()}
    d_inputs = {name: np.zeros_like(array) for name, array in run.inputs.items()}
    steps: list[Arrays] = []
    for t in reversed(range(len(run.values))):
        carried[names[0]] = carried[names[0]] + d_ys[t]
        values = evaluate(derived.locals, _left_by_forward(run, t, carried), known)
        steps.append(values)
        for name, total in gradients.items():
            total += _over_batch(values[f"d_{name}"], total.shape)
        for name, d in d_inputs.items():
            d[t] = values[f"d_{name}"]
        carried = {
            name: _batched(values[f"d_{name}_prev"], known[equation.states[name][0]], batch)
            for name in names
        }
    steps.reverse()
    d_xs, *d_named = (_given_form(d, run.batched) for d in d_inputs.values())
    return InterpretedGradients(
        {name: gradients[name].reshape([known[size] for size in shape])
         for name, shape in equation.weights.items()},
        d_xs,
        tuple(_given_form(carried[name], run.batched) for name in equation.carried),
        steps,
        dict(zip(equation.named_inputs, d_named, strict=True)),
    )  # fmt: skip


def _left_by_forward(run: InterpretedRun, t: int, carried: Arrays) -> dict[Node, Any]:
    """The inputs of the backward step: all values of the forward step, and the derivatives."""
    given = _constants(run)
    arriving = dict(zip((v.name for v in run.equation.backward.given if v.role == "cotangent"),
                        carried.values(), strict=True))  # fmt: skip
    for v in run.equation.backward.given:
        source: Mapping[str, Any] = {
            "weight": run.weights,
            "state": run.before[t],
            "value": run.values[t],
            "cotangent": arriving,
            "input": {name: array[t] for name, array in run.inputs.items()},
        }[v.role]
        given[v] = source[v.name]
    return given


def _constants(run: InterpretedRun) -> dict[Node, Any]:
    """The constant arrays, in the run's type of number."""
    return {node: _column(node.array).astype(run.xs.dtype)
            for node in run.equation.constants.values()}  # fmt: skip


def _initial_states(
    equation: Equation, sizes: Mapping[str, int], states: Sequence[Any] | None, xs: Array
) -> Arrays:
    shapes = {name: (sizes[shape[0]], xs.shape[2]) for name, shape in equation.states.items()}
    if states is None:
        start = equation.initial_state
        return {n: np.full(shape, start.get(n, 0.0), xs.dtype) for n, shape in shapes.items()}
    given = {
        name: np.broadcast_to(_column(np.asarray(state)), shapes[name])
        for name, state in zip(equation.carried, states, strict=True)
    }
    # the output of the previous step is never read
    return {n: given[n] if n in given else np.zeros(s, xs.dtype) for n, s in shapes.items()}


def _column(array: Array) -> Array:
    return array[:, None] if array.ndim == 1 else array


def _batched(value: Any, units: int, batch: int) -> Array:
    # a state that does not depend on the input has one column for the whole batch
    return np.broadcast_to(value, (units, batch))


def _given_form(array: Array, batched: bool) -> Array:
    return array if batched else array[..., 0]


def _over_batch(d: Any, shape: tuple[int, ...]) -> Any:
    """Sum the batch's columns of a vector's derivative; a matrix's are summed by its product."""
    d = np.asarray(d)
    if shape == ():
        return np.sum(d)
    if shape[1:] == (1,) and d.ndim == 2:
        return d.sum(axis=1, keepdims=True)
    return d
