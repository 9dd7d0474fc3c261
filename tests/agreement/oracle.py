"""The reference of every layer: the equation, run step by step in NumPy, in float64.

In: a cell with weights, sequences, derivatives. Out: outputs, final states and every gradient by
name. `tests/gradients` proves that this reference is right; and outputs come from the user's own
step (`cell.unroll`), which the reference must meet, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

import unrolled
from tests.tolerances import FLOAT32, FLOAT64, Tolerance, assert_agrees
from unrolled import Cell
from unrolled.cells.base import hyperparameters_of
from unrolled.equations import interpret

TOLERANCES = {torch.float32: FLOAT32, torch.float64: FLOAT64}
# what a cell can be told beside its input and hidden size, where its own default does not fit all
EXTRA = {
    "proj_size": lambda hidden: hidden // 2 + 1,
    "one": lambda hidden: 1,
    "less": lambda hidden: hidden // 3 + 1,
    "more": lambda hidden: hidden + 3,
}


def make(cell: Any, inputs: int, hidden: int, seed: int, noise: float) -> Cell:
    """The cell with weights that differ from one another, and from the neat first values."""
    kind, own = (cell, {}) if isinstance(cell, type) else (type(cell), cell.__dict__["_own"])
    sizes = {
        name: EXTRA[name](hidden)
        for name in unrolled.equation(cell).sizes
        if name in EXTRA and name not in hyperparameters_of(kind)
    }
    made = kind(inputs, hidden, seed=seed, **sizes, **own)
    draw = np.random.default_rng(seed)
    for array in made.weights.values():
        array += noise * draw.normal(size=array.shape)
    return made


@dataclass
class Case:
    """One layer's worth of random numbers. x: (T, B, I); states and derivatives of them: (B, n)."""

    cells: list[Cell]  # layer after layer, forward and reverse in turns
    directions: int
    x: Any
    states: list[list[Any]]  # for each cell, each state
    d_y: Any
    d_states: list[list[Any]]
    starts: list[int]
    ends: list[int]

    def expected(self) -> dict[str, Any]:
        """Outputs, finals, d_x, d_states and d_weights, sequence by sequence."""
        total: dict[str, Any] = {}
        steps, rows = self.x.shape[:2]
        if not rows or all((s, e) == (0, steps) for s, e in zip(self.starts, self.ends)):
            return self._of(slice(0, rows), 0, steps)
        for b in range(rows):
            found = self._of(slice(b, b + 1), self.starts[b], self.ends[b])
            for name, value in found.items():
                total.setdefault(name, []).append(value)
        joined = {}
        for name, parts in total.items():
            if name.startswith("weight"):
                joined[name] = np.sum(parts, axis=0)
            else:
                joined[name] = np.concatenate(parts, axis=1 if name in ("y", "d_x") else 0)
        return joined

    def _of(self, rows: slice, start: int, end: int) -> dict[str, Any]:
        """The sequences of `rows`, which all go from start to end; what is padded stays 0."""
        inner = slice(start, end)
        value = self.x[inner, rows].transpose(0, 2, 1)
        runs, found = [], {}
        for layer in range(len(self.cells) // self.directions):
            parts = []
            for number in range(layer * self.directions, (layer + 1) * self.directions):
                runs.append(self._forward(number, value, rows, found))
                parts.append(_turned(runs[-1].outputs, number % self.directions))
            value = np.concatenate(parts, axis=1)
        found["y"] = self._padded(value.transpose(0, 2, 1), inner)
        d_value = self.d_y[inner, rows].transpose(0, 2, 1)
        for layer in reversed(range(len(self.cells) // self.directions)):
            d_parts = np.split(d_value, self.directions, axis=1)
            d_value = 0.0
            for place in range(self.directions):
                number = layer * self.directions + place
                d_last = [d[rows].T for d in self.d_states[number]]
                gradients = interpret.backward(runs[number], _turned(d_parts[place], place), d_last)
                d_value = d_value + _turned(gradients.inputs, place)
                for weight, d in gradients.weights.items():
                    found[f"weight {number} {weight}"] = d
                for place_, d in enumerate(gradients.states):
                    found[f"d_state {number} {place_}"] = d.T
        found["d_x"] = self._padded(d_value.transpose(0, 2, 1), inner)
        return found

    def _forward(self, number: int, value: Any, rows: slice, found: dict[str, Any]) -> Any:
        cell = self.cells[number]
        xs = _turned(value, number % self.directions)
        states = [state[rows].T for state in self.states[number]]
        run = interpret.forward(unrolled.equation(cell), cell.weights, xs, states, **_sizes(cell))
        outputs, finals = cell.unroll(xs, states)
        assert_agrees(run.outputs, outputs, tolerance=FLOAT64)
        for place, final in enumerate(finals):
            found[f"final {number} {place}"] = np.asarray(final).T
        return run

    def _padded(self, inside: Any, inner: slice) -> Any:
        whole = np.zeros((len(self.x), *inside.shape[1:]))
        whole[inner] = inside
        return whole


def _turned(array: Any, reverse: int) -> Any:
    return array[::-1] if reverse else array


def _sizes(cell: Cell) -> dict[str, int]:
    return {name: n for name, n in cell.__dict__["_sizes"].items() if name != "1"}


def draw_case(
    cell: Any,
    shape: tuple[int, int, int, int],
    *,
    dtype: torch.dtype = torch.float64,
    num_layers: int = 1,
    directions: int = 1,
    spans: Sequence[tuple[int, int]] | None = None,
    seed: int = 0,
) -> Case:
    """Random numbers of one dtype, held in float64; as much noise as the cell stays finite with."""
    for noise in (0.3, 0.05, 0.0):
        case = _draw(cell, shape, dtype, num_layers, directions, spans, seed, noise)
        with np.errstate(all="ignore"):
            found = case.expected()
        if all(np.isfinite(array).all() for array in found.values()):
            return case
    raise AssertionError(f"{cell} has no finite values here")


def _draw(
    cell: Any, shape: tuple[int, int, int, int], dtype: torch.dtype, num_layers: int,
    directions: int, spans: Any, seed: int, noise: float,
) -> Case:  # fmt: skip
    steps, rows, inputs, hidden = shape
    draw = np.random.default_rng(seed)

    def rounded(array: Any) -> Any:
        return array.astype(np.float32).astype(np.float64) if dtype == torch.float32 else array

    cells, states, d_states = [], [], []
    width = inputs
    for number in range(num_layers * directions):
        if number and number % directions == 0:
            width = directions * cells[0]._width(cells[0].states[0])
        cells.append(make(cell, width, hidden, seed + number, noise))
        for array in cells[-1].weights.values():
            array[...] = rounded(array)
        shapes = [cells[-1]._width(state) for state in cells[-1].states]
        with np.errstate(all="ignore"):
            states.append([rounded(state) for state in _reached(draw, cells[-1], rows)])
        d_states.append([rounded(draw.normal(size=(rows, n))) for n in shapes])
    n = directions * cells[-1]._width(cells[-1].states[0])
    spans = [(0, steps)] * rows if spans is None else list(spans)
    return Case(
        cells, directions, rounded(draw.normal(size=(steps, rows, inputs))), states,
        rounded(draw.normal(size=(steps, rows, n))), d_states,
        [s for s, _ in spans], [e for _, e in spans],
    )  # fmt: skip


def _reached(draw: np.random.Generator, cell: Cell, rows: int) -> list[Any]:
    """States that the cell comes to: a normaliser that is always positive is so here."""
    xs = draw.normal(size=(2, cell.input_size, rows))
    return [state.T for state in cell.unroll(xs)[1]]


def layer_of(case: Case, dtype: torch.dtype, **options: Any) -> unrolled.Recurrent:
    """A Recurrent with the case's weights."""
    first = case.cells[0]
    layer = unrolled.Recurrent(
        first, first.input_size, first.hidden_size or 1, len(case.cells) // case.directions,
        bidirectional=case.directions == 2, proj_size=_sizes(first).get("proj_size", 0),
        dtype=dtype, **options,
    )  # fmt: skip
    with torch.no_grad():
        for number, cell in enumerate(case.cells):
            for name, array in cell.weights.items():
                layer.get_parameter(parameter(name, number, case.directions)).copy_(
                    torch.from_numpy(array)
                )
    return layer


def parameter(weight: str, number: int, directions: int) -> str:
    suffix = "_reverse" if number % directions else ""
    return f"{weight}_l{number // directions}{suffix}"


def found_by(layer: Any, case: Case, dtype: torch.dtype, lengths: Any = None) -> dict[str, Any]:
    """What the layer computes, under the names of `Case.expected`."""
    x = torch.tensor(case.x, dtype=dtype, requires_grad=True)
    states = [
        torch.tensor(np.stack(parts), dtype=dtype, requires_grad=True)
        for parts in zip(*case.states, strict=True)
    ]
    given = states[0] if len(states) == 1 else tuple(states)
    y, finals = layer(x, given, lengths)
    finals = (finals,) if len(states) == 1 else finals
    d_finals = [torch.tensor(np.stack(d), dtype=dtype) for d in zip(*case.d_states, strict=True)]
    torch.autograd.backward([y, *finals], [torch.tensor(case.d_y, dtype=dtype), *d_finals])
    # autograd says None where a state is not used, and torch users read that as zero
    grads = [torch.zeros_like(s) if s.grad is None else s.grad for s in states]
    found = {"y": y, "d_x": x.grad}
    for number, cell in enumerate(case.cells):
        for place, final in enumerate(finals):
            found[f"final {number} {place}"] = final[number]
            found[f"d_state {number} {place}"] = grads[place][number]
        for weight in cell.weights:
            name = parameter(weight, number, case.directions)
            found[f"weight {number} {weight}"] = layer.get_parameter(name).grad
    return found


def assert_all_agree(
    found: dict[str, Any], expected: dict[str, Any], tolerance: Tolerance, what: str = ""
) -> None:
    assert set(found) == set(expected)
    for name, value in expected.items():
        assert_agrees(found[name], value, tolerance=tolerance, name=f"{name} {what}")
