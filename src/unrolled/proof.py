"""Check that the gradients and the kernels of a cell are correct. In: a cell. Out: a table, or
GradientError.

`cells/gradients` compares the derived equation with the step, by central differences. Here the
compiled kernels run on the same numbers, in float64 and in float32, and are compared with the
equation on arrays: outputs, final states and every gradient. Their memory is filled with NaN first,
so that reading an unwritten number is noticed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unrolled.cells.gradients import (
    SMALLEST_SCALE,
    GradientTable,
    KernelRow,
    compare_with_differences,
    derivatives,
    refuse,
)
from unrolled.cells.second import compare_second
from unrolled.cells.trials import Trial
from unrolled.engines.cpu.machine.memory import poisoned
from unrolled.equations import interpret
from unrolled.errors import ArgumentError, PlanError
from unrolled.textbook import compiled

Array = NDArray[Any]
Named = dict[tuple[str, str], Array]

# Sums in another order round differently, and a recurrence amplifies that. By how much is measured
# on the equation itself, run on arrays of float32: kernels may differ by a few times as much.
FLOAT64 = 1e-8
FLOAT32, TIMES = 1e-4, 20


def check_gradients(
    cell: Any, *, seed: int = 0, kernels: bool = True, order: int = 1
) -> GradientTable:
    """Check a cell: compare every derived gradient with central differences of its own step, and
    the compiled kernels, in float64 and float32, with the equation on arrays.

    Args:
        cell: A class, or an instance with its own hyperparameters. Sizes, weights, inputs and
            states are drawn at random.
        seed: Seed of the random numbers.
        kernels: Whether to compile the step and check the kernels, too.
        order: 2 also checks second derivatives, along a random direction.

    Returns:
        The table of everything that was compared; `print` shows it.

    Raises:
        GradientError: Something disagrees; its attribute `table` is the table.
    """
    if isinstance(order, bool) or order not in (1, 2):
        raise ArgumentError(f"order must be 1 or 2, the order of the derivatives, not {order!r}")
    table, trials = compare_with_differences(cell, seed=seed, long=kernels)
    if order == 2:
        compare_second(table, trials[: len(table.drawn)], seed)
    if not kernels:
        return table
    try:
        with np.errstate(all="ignore"):  # float32 may overflow where float64 does not
            for trial in trials:
                _add(table, list(_compare(trial)))
    except PlanError as error:
        table.kernels, table.not_compiled = [], str(error)
        refuse(table, f"{table.cell} cannot be compiled: {error}")
    alone = [trial.description for trial in trials[len(table.drawn) :]]
    alone = alone or ["no long sequence, over which this step is not finite"]
    table.drawn += [f"for the kernels alone: {description}" for description in alone]
    for row in table.kernels:
        if row.wrong:
            refuse(table, f"the kernels of {table.cell} compute a different {row.kind} {row.name} "
                   f"than its equation: {row.wrong}")  # fmt: skip
    return table


def _add(table: GradientTable, rows: list[KernelRow]) -> None:
    """Merge the results of another trial."""
    known = {(row.kind, row.name): row for row in table.kernels}
    for new in rows:
        row = known.get((new.kind, new.name))
        if row is None:
            table.kernels.append(new)
            continue
        row.wrong = row.wrong or new.wrong
        row.worst = {dtype: max(row.worst[dtype], worst) for dtype, worst in new.worst.items()}


def _compare(trial: Trial) -> Iterator[KernelRow]:
    """Compare each array of the kernels with that of the equation."""
    expected, single = _expected(trial), _rounded(trial)
    expected_single, reference = _expected(single), _expected(_of_float32(single))
    found = {"float64": _found(trial, np.float64), "float32": _found(single, np.float32)}
    for key in expected:
        row = KernelRow(*key)
        for dtype, right in (("float64", expected), ("float32", expected_single)):
            if not np.isfinite(reference[key]).all() and dtype == "float32":
                row.worst[dtype] = 0.0  # the equation itself overflows in float32
                continue
            largest = max(np.abs(array).max(initial=0.0) for array in right.values())
            scale = max(np.abs(right[key]).max(initial=0.0), SMALLEST_SCALE * largest) or 1.0
            error = _error(found[dtype][key], right[key], scale)
            allowed = FLOAT64
            if dtype == "float32":
                allowed = max(FLOAT32, TIMES * _error(reference[key], right[key], scale))
            row.worst[dtype] = error
            if not error <= allowed and not row.wrong:
                row.wrong = (f"in {dtype} it is off by {error:.1e} of its largest number, but only "
                             f"{allowed:.0e} is allowed ({trial.description})")  # fmt: skip
        yield row


def _error(found: Array, right: Array, scale: float) -> float:
    """The largest difference; infinite if a number is NaN."""
    error = np.abs(np.asarray(found, np.float64).reshape(right.shape) - right).max(initial=0.0)
    return float(error / scale) if np.isfinite(error) else float("inf")


def _expected(trial: Trial) -> Named:
    run = interpret.forward(
        trial.equation, trial.cell.weights, trial.xs, trial.states, trial.named, **trial.sizes
    )
    first, *_ = trial.equation.states
    named: Named = {("output", first): run.outputs}
    named |= {("final state", name): state
              for name, state in zip(trial.equation.carried, run.states, strict=True)}  # fmt: skip
    return named | {(kind, name): d for kind, name, _, d in derivatives(trial)}


def _found(trial: Trial, dtype: Any) -> Named:
    """The results of the kernels, which run on memory filled with NaN."""

    def column(array: Array) -> Array:
        """Add an axis for the batch."""
        one = array if trial.xs.ndim == 3 else array[..., None]
        return np.ascontiguousarray(one, dtype)

    states = tuple(map(column, trial.states))
    with poisoned():
        beside = {name: column(array) for name, array in trial.named.items()}
        trace = compiled.forward(trial.cell, column(trial.xs), states, named=beside)
        d_states = tuple(map(column, trial.d_states))
        gradients = compiled.backward(trace, column(trial.d_outputs), d_states)
    names = list(trial.equation.carried)
    x, *_ = trial.equation.inputs
    named: Named = {("output", next(iter(trial.equation.states))): trace.outputs}
    named |= {("final state", n): s for n, s in zip(names, trace.states[-1], strict=True)}
    named |= {("weight", name): d for name, d in gradients.weights.items()}
    named["input", x] = gradients.inputs
    named |= {("input", name): d for name, d in gradients.named.items()}
    return named | {("initial state", n): d
                    for n, d in zip(names, gradients.by_state[0], strict=True)}  # fmt: skip


def _rounded(trial: Trial) -> Trial:
    """The same trial with numbers that float32 can represent."""
    return _with(trial, lambda array: array.astype(np.float32).astype(np.float64))


def _of_float32(trial: Trial) -> Trial:
    return _with(trial, lambda array: array.astype(np.float32))


def _with(trial: Trial, change: Any) -> Trial:
    weights = {name: change(array) for name, array in trial.cell.weights.items()}
    return replace(
        trial, cell=trial.cell.bind(weights), xs=change(trial.xs),
        states=tuple(map(change, trial.states)), d_outputs=change(trial.d_outputs),
        d_states=tuple(map(change, trial.d_states)),
        named={name: change(array) for name, array in trial.named.items()},
    )  # fmt: skip
