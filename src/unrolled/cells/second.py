"""Check second derivatives by finite differences. In: a trial whose first derivatives are correct.
Out: a row for each array; next: `proof`.

All weights, inputs and states are changed a little along one random direction, forward and
backward. The change of the step's outputs must agree with the tangent, and that of the derived
gradients with the gradient of the tangent: the derivative of J^T v in a direction u is the
gradient of v . J u.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unrolled.cells.gradients import (
    ATTEMPTS,
    SMALLEST_SCALE,
    STEP,
    TOLERANCE,
    GradientTable,
    Row,
    derivatives,
    refuse,
)
from unrolled.cells.trials import Trial
from unrolled.equations import interpret
from unrolled.equations.tangent import dots

Array = NDArray[Any]
Named = dict[tuple[str, str], Array]


def compare_second(table: GradientTable, trials: list[Trial], seed: int = 0) -> None:
    """Add a row for each directional derivative and each second derivative to the table. Raises a
    GradientError with the table as `table`."""
    generator = np.random.default_rng(seed)
    with np.errstate(all="ignore"):  # a step may overflow on its way to a finite result
        for trial in trials:
            table.add(list(_compare(trial, generator)), table.second)
    for row in table.second:
        if row.wrong or not row.checked:
            problem = row.wrong or "each direction that was drawn crosses a kink"
            refuse(table, f"{table.cell}: the {row.kind} of {row.name} "
                   f"{'is wrong' if row.wrong else 'could not be checked'}: {problem}")  # fmt: skip


def _compare(trial: Trial, generator: np.random.Generator) -> Iterator[Row]:
    for _ in range(ATTEMPTS):
        direction = draw_direction(trial, generator)
        coarse = _differences(trial, direction, STEP)
        fine = _differences(trial, direction, STEP / 2)
        if coarse is not None and fine is not None:
            break
    expected = by_tangent(trial, direction)
    largest: dict[str, float] = {}
    for (kind, _), array in expected.items():
        largest[kind] = max(largest.get(kind, 0.0), float(np.abs(array).max(initial=0.0)))
    for (kind, name), array in expected.items():
        row = Row(kind, name)
        if coarse is None or fine is None:
            row.skipped = array.size
            yield row
            continue
        scale = max(float(np.abs(array).max(initial=0.0)), SMALLEST_SCALE * largest[kind]) or 1.0
        error = np.abs(array - coarse[kind, name]) / scale
        # where half the step gives another difference, the difference says nothing
        says_nothing = (error > TOLERANCE) & (
            ~(np.abs(fine[kind, name] - coarse[kind, name]) <= TOLERANCE * scale)
        )
        row.skipped, row.checked = int(says_nothing.sum()), int((~says_nothing).sum())
        row.worst = float(error[~says_nothing].max(initial=0.0))
        if not row.worst <= TOLERANCE:
            row.wrong = (f"it is off by {row.worst:.1e} of its largest number, and {TOLERANCE:g} "
                         f"is allowed ({trial.description})")  # fmt: skip
        yield row


def draw_direction(trial: Trial, generator: np.random.Generator) -> list[Array]:
    """The change of each array: weights, input, initial states. The direction has norm one, like a
    change of a single number, so differences are equally accurate."""
    constant = trial.equation.without_derivative
    drawn = [np.zeros(array.shape) if name in constant else generator.normal(size=array.shape)
             for name, array in _given(trial)]  # fmt: skip
    length = np.sqrt(sum(np.sum(array**2) for array in drawn))
    return [array / length for array in drawn]


def _given(trial: Trial) -> list[tuple[str, Array]]:
    """All given arrays, with the names of weights and named inputs."""
    others = [("", trial.xs), *trial.named.items(), *(("", state) for state in trial.states)]
    return [*trial.cell.weights.items(), *others]


def by_tangent(trial: Trial, direction: list[Array]) -> Named:
    """Directional derivatives of outputs and final states, and second derivatives with respect to
    all given arrays: forward and backward through the equation's tangent."""
    equation, weights, count = trial.unbounded, trial.cell.weights, len(trial.cell.weights)
    tangent, dot = equation.tangent, dots(equation)
    moving = dict(zip((dot[name] for name in weights), direction, strict=False))
    first_state = count + len(equation.inputs)
    inputs = dict(zip((dot[n] for n in equation.inputs), direction[count:first_state], strict=True))
    # an output that is not a state: its old value is never read, so its change does not matter
    unread = [np.zeros_like(trial.d_outputs[0])] if equation.output is not None else []
    run = interpret.forward(
        tangent,
        weights | moving,
        trial.xs,
        (*unread, *direction[first_state:], *unread, *trial.states),
        trial.named | inputs,
        **trial.sizes,
    )
    names = list(equation.carried)
    found: Named = {("directional derivative", "output"): run.outputs}
    found |= {("directional derivative", f"final {name}"): state
              for name, state in zip(names, run.states[len(unread) :], strict=False)}  # fmt: skip
    nothing = [np.zeros_like(d) for d in (*unread, *trial.d_states)]
    gradients = interpret.backward(run, trial.d_outputs, (*unread, *trial.d_states, *nothing))
    constant = equation.without_derivative
    second = {("weight", n): gradients.weights[n] for n in weights if n not in constant}
    x, *named = equation.inputs
    second["input", x] = gradients.inputs
    second |= {("input", name): gradients.named[name] for name in named if name not in constant}
    second |= {("initial state", name): d
               for name, d in zip(names, gradients.states[-len(names) :], strict=True)}  # fmt: skip
    return found | {("second derivative", f"{kind} {name}"): d
                    for (kind, name), d in second.items()}  # fmt: skip


def _differences(trial: Trial, direction: list[Array], step: float) -> Named | None:
    """The differences of outputs and gradients along the direction; None if they cross a kink."""
    centre, given = trial.sides(), [array for _, array in _given(trial)]
    before = [array.copy() for array in given]
    ends: list[Named] = []
    for sign in (1, -1):
        for array, start, moved in zip(given, before, direction, strict=True):
            array[...] = start + sign * step * moved
        crosses = any(not np.array_equal(a, b, equal_nan=True)
                      for a, b in zip(trial.sides(), centre, strict=True))  # fmt: skip
        ends.append(_at(trial))
        for array, start in zip(given, before, strict=True):
            array[...] = start
        if crosses:
            return None
    return {key: (ends[0][key] - ends[1][key]) / (2 * step) for key in ends[0]}


def _at(trial: Trial) -> Named:
    outputs, *states = trial.run()
    found: Named = {("directional derivative", "output"): outputs}
    found |= {("directional derivative", f"final {name}"): state
              for name, state in zip(trial.equation.carried, states, strict=True)}  # fmt: skip
    return found | {("second derivative", f"{kind} {name}"): d
                    for kind, name, _, d in derivatives(trial, trial.unbounded)}  # fmt: skip
