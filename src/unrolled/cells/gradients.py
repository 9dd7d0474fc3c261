"""Check derived gradients by finite differences. In: a cell. Out: a table, or GradientError; next:
`proof`, which runs the compiled kernels on the same numbers.

The reference is the user's own step, run over a short sequence on NumPy arrays in float64. Each
number (of every weight, input and initial state) is increased and decreased a little, and the
change of the loss, a random weighted sum of all outputs and final states, must agree with the
derivative.

If the two runs are on different sides of a kink (of relu, abs, maximum, a comparison), or if half
the step size gives a different result, the difference is not meaningful: it is skipped and counted.
If that happens too often, everything is drawn again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from unrolled.cells.base import Cell, equation
from unrolled.cells.trials import FORMS, LONG, NotFinite, Trial, draw_trial
from unrolled.equations import interpret
from unrolled.equations.equation import Equation
from unrolled.errors import CellError, GradientError

Array = NDArray[Any]

# A central difference is off by about STEP**2 (the next term of the series) and by 1e-16 / STEP
# (rounding): both are near 3e-11 of the values. The tolerance leaves room for steep functions.
STEP = 6e-6
TOLERANCE = 1e-6  # of the largest derivative in the same array ...
SMALLEST_SCALE = 1e-3  # ... or of this share of the largest of all, where a whole array is smaller
SKIPPED = 0.05  # if a larger share is skipped, draw again
ATTEMPTS = 5


@dataclass
class Row:
    """The result for one array: `worst` is relative to its largest derivative."""

    kind: str
    name: str
    worst: float = 0.0
    checked: int = 0
    skipped: int = 0
    wrong: str = ""


@dataclass
class KernelRow:
    """How far the compiled kernels are from the equation on arrays, by the type of their numbers,
    relative to the largest number of the array."""

    kind: str
    name: str
    worst: dict[str, float] = field(default_factory=dict)
    wrong: str = ""


@dataclass
class GradientTable:
    """A row for every weight, input and initial state; `print` shows them all. `second` has a row
    for each directional and each second derivative, if requested. `kernels` has the same rows as
    the first, and the outputs and final states; `not_compiled` says why it has none.
    """

    cell: str
    rows: list[Row] = field(default_factory=list)
    drawn: list[str] = field(default_factory=list)
    second: list[Row] = field(default_factory=list)
    kernels: list[KernelRow] = field(default_factory=list)
    not_compiled: str = ""

    @property
    def _every(self) -> list[Row | KernelRow]:
        return [*self.rows, *self.second, *self.kernels]

    @property
    def worst(self) -> float:
        """The largest relative error of all derivatives."""
        return max(row.worst for row in (*self.rows, *self.second))

    @property
    def worst_of_kernels(self) -> dict[str, float]:
        """How far the kernels are from the equation, by the type of their numbers."""
        dtypes = self.kernels[0].worst if self.kernels else ()
        return {dtype: max(row.worst[dtype] for row in self.kernels) for dtype in dtypes}

    @property
    def checked(self) -> int:
        return sum(row.checked for row in (*self.rows, *self.second))

    @property
    def skipped(self) -> int:
        return sum(row.skipped for row in (*self.rows, *self.second))

    @property
    def passed(self) -> bool:
        return not any(row.wrong for row in self._every)

    @staticmethod
    def add(rows: list[Row], to: list[Row]) -> None:
        """Merge the results of another trial."""
        for new in rows:
            row = next((r for r in to if (r.kind, r.name) == (new.kind, new.name)), None)
            if row is None:
                to.append(new)
                continue
            row.checked += new.checked
            row.skipped += new.skipped
            row.wrong = row.wrong or new.wrong
            row.worst = max(row.worst, new.worst)

    def __str__(self) -> str:
        dtypes = list(self.kernels[0].worst) if self.kernels else []
        width = max(len(row.name) for row in self._every)
        title = f"{self.cell}: derived gradients and central differences of the step"
        head = f"  {'':<13}  {'':<{width}}  {'worst error':>11}  {'checked':>7}  {'kinks':>5}"
        lines = [
            f"{title}, float64",
            head + "".join(f"  {f'kernels {dtype}':>15}" for dtype in dtypes),
        ]
        for kind, name, numbers in self._lines():
            lines.append(f"  {kind:<13}  {name:<{width}}  {numbers}")
        lines += self._second_lines()
        if self.not_compiled:
            lines.append(f"  there are no compiled kernels: {self.not_compiled}")
        verdict = "all agree" if self.passed else "not all agree"
        lines.append(f"  {verdict} within {TOLERANCE:g} of the largest of its array, on")
        lines += [f"  - {drawn}" for drawn in self.drawn]
        return "\n".join(lines)

    def _second_lines(self) -> list[str]:
        """The tangent, compared with differences along one random direction."""
        if not self.second:
            return []
        width = max(len(f"{row.kind} {row.name}") for row in self.second)
        lines = ["  in one random direction, by the tangent of the step:"]
        for row in self.second:
            numbers = f"{row.worst:>11.1e}  {row.checked:>7}  {row.skipped:>5}"
            wrong = "  wrong" if row.wrong else ""
            lines.append(f"  {f'{row.kind} {row.name}':<{width}}  {numbers}{wrong}")
        return lines

    def _lines(self) -> Iterator[tuple[str, str, str]]:
        """Kind, name and numbers; first the rows that only the kernels have."""
        slopes = {(row.kind, row.name): row for row in self.rows}
        kernels = {(row.kind, row.name): row for row in self.kernels}
        for key in dict.fromkeys((*kernels, *slopes)):
            slope, kernel = slopes.get(key), kernels.get(key)
            numbers = f"{'':>11}  {'':>7}  {'':>5}"
            if slope is not None:
                numbers = f"{slope.worst:>11.1e}  {slope.checked:>7}  {slope.skipped:>5}"
            if kernel is not None:
                numbers += "".join(f"  {error:>15.1e}" for error in kernel.worst.values())
            is_wrong = any(row is not None and row.wrong for row in (slope, kernel))
            yield *key, numbers + ("  wrong" if is_wrong else "")


def compare_with_differences(
    cell: Any, *, seed: int = 0, long: bool = False
) -> tuple[GradientTable, list[Trial]]:
    """Compare every derived gradient of a cell with central differences of its own step. Returns
    the trials that were used and, if asked for, a long one after them, unless the step is not
    finite for that long. Raises a GradientError with the table as `table`."""
    derived = equation(cell)
    if isinstance(cell, Equation):
        raise CellError(
            f"{derived!r} has no step to compare with: give check_gradients the cell itself"
        )
    table, trials = GradientTable(derived.name), []
    generator = np.random.default_rng(seed)
    with np.errstate(all="ignore"):  # a step may overflow on its way to a finite result
        for form in FORMS:
            trial, rows = _least_skipped(cell, derived, form, generator)
            trials.append(trial)
            table.add(rows, table.rows)
            table.drawn.append(trial.description)
        _judge(table)
        if long:
            with contextlib.suppress(NotFinite):  # the trials before have shown where it is
                trials.append(draw_trial(cell, derived, LONG, generator))
    return table, trials


def refuse(table: GradientTable, sentence: str) -> NoReturn:
    """Raise a GradientError with this table."""
    error = GradientError(sentence)
    error.table = table
    raise error


def _judge(table: GradientTable) -> None:
    for row in table.rows:
        problem = row.wrong or ("" if row.checked else "all differences cross a kink")
        if problem:
            verdict = "is wrong" if row.wrong else "could not be checked"
            what = f"the derived gradient of {table.cell} with respect to {row.kind} {row.name}"
            refuse(table, f"{what} {verdict}: {problem}")


def _least_skipped(
    cell: type[Cell] | Cell, derived: Equation, form: str, generator: np.random.Generator
) -> tuple[Trial, list[Row]]:
    """The first trial with few enough differences across kinks, or the one with the fewest."""
    best: tuple[float, Trial, list[Row]] | None = None
    for _ in range(ATTEMPTS):
        trial = draw_trial(cell, derived, form, generator)
        rows = list(_compare(trial))
        share = sum(row.skipped for row in rows) / sum(row.skipped + row.checked for row in rows)
        if best is None or share < best[0]:
            best = (share, trial, rows)
        if share <= SKIPPED:
            break
    assert best is not None
    return best[1:]


def _compare(trial: Trial) -> Iterator[Row]:
    gradients = derivatives(trial, trial.unbounded)
    largest = max(np.abs(d).max(initial=0.0) for _, _, _, d in gradients)
    centre = trial.sides()
    for kind, name, array, derivative in gradients:
        row = Row(kind, name)
        scale = float(max(np.abs(derivative).max(initial=0.0), SMALLEST_SCALE * largest))
        for index in np.ndindex(array.shape):
            difference = _difference(trial, array, index, STEP, centre)
            error = _relative(difference, float(derivative[index]), scale)
            if not error <= TOLERANCE and difference is not None:
                finer = _difference(trial, array, index, STEP / 2, centre)
                if finer is None or not _relative(finer, difference, scale) <= TOLERANCE:
                    difference = None
                else:  # without the term in STEP**2, which both of them have (Richardson 1911)
                    difference = (4 * finer - difference) / 3
                    error = _relative(difference, float(derivative[index]), scale)
            if difference is None:
                row.skipped += 1
                continue
            row.checked += 1
            row.worst = max(row.worst, error)
            if error > TOLERANCE and not row.wrong:
                at = f"[{', '.join(map(str, index))}]" if index else ""
                row.wrong = (
                    f"at {name}{at} it is {derivative[index]:.9g}, but the central difference of "
                    f"the step is {difference:.9g} ({trial.description})"
                )
        yield row


def _relative(a: float | None, b: float, scale: float) -> float:
    if a is None:
        return np.inf
    return abs(a - b) / scale if a != b else 0.0


def derivatives(trial: Trial, step: Equation | None = None) -> list[tuple[str, str, Array, Array]]:
    """Kind, name, array and derivative with respect to it, of everything given that is not constant
    (as fixed weights and random masks are); `step` replaces the trial's equation."""
    run = interpret.forward(
        step or trial.equation,
        trial.cell.weights,
        trial.xs,
        trial.states,
        trial.named,
        **trial.sizes,
    )
    gradients = interpret.backward(run, trial.d_outputs, trial.d_states)
    constant = trial.equation.without_derivative
    rows: list[tuple[str, str, Array, Array]] = [
        ("weight", name, array, gradients.weights[name])
        for name, array in trial.cell.weights.items()
        if name not in constant
    ]
    first = next(iter(trial.equation.inputs))
    rows.append(("input", first, trial.xs, gradients.inputs))
    rows += [("input", name, array, gradients.named[name])
             for name, array in trial.named.items() if name not in constant]  # fmt: skip
    names = trial.equation.carried
    rows += [("initial state", n, s, d)
             for n, s, d in zip(names, trial.states, gradients.states, strict=True)]  # fmt: skip
    return rows


def _difference(
    trial: Trial, array: Array, index: tuple[int, ...], step: float, centre: list[Array]
) -> float | None:
    """The central difference of the loss with respect to one number; None if it crosses a kink."""
    before = array[index]
    array[index] = before + step
    above, sides_above = trial.run(), trial.sides()
    array[index] = before - step
    below, sides_below = trial.run(), trial.sides()
    array[index] = before
    for sides in (sides_above, sides_below):
        if any(
            not np.array_equal(a, b, equal_nan=True) for a, b in zip(sides, centre, strict=True)
        ):
            return None
    # weighted before they are summed: values that do not change then leave no rounding error
    moved = (np.sum(d * (a - b)) for d, a, b in zip(trial.cotangents, above, below, strict=True))
    return float(sum(moved)) / (2 * step)
