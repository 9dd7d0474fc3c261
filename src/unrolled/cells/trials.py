"""Random numbers on which a cell is checked. In: a cell. Out: a `Trial`; next: `gradients`.

Sizes are small and different from each other, as far as the equation allows. In one of the forms
the batch has as many sequences as the cell has units, where shapes alone do not reveal a broadcast
along the wrong axis. Initial states are the declared ones, or states that the cell can reach, so
that a normalizer that is always positive stays positive.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unrolled.cells.base import Cell, hyperparameters_of
from unrolled.equations import interpret
from unrolled.equations.equation import Equation
from unrolled.equations.nodes import Apply, Node, constant, rebuild, topological
from unrolled.errors import GradientError

Array = NDArray[Any]

FORMS = ("as many sequences as units", "one sequence", "a batch")
LONG = "one sequence of whole vectors"  # for kernels alone: differences would take too long
NOISE = (0.5, 0.1, 0.0)  # around the first values; less where the step has no finite value there
AGREE = 1e-9  # the equation computes what the step computes, up to the order of sums
KINKS = {"relu": 1, "leaky_relu": 1, "abs": 1, "sign": 1, "maximum": 2, "minimum": 2, "max": 3,
         "min": 3, "floor": 0, "lt": 2, "le": 2, "gt": 2, "ge": 2}  # fmt: skip


@dataclass
class Trial:
    """A cell with drawn weights, a sequence, initial states, and the weights of the loss."""

    cell: Cell
    equation: Equation
    sizes: dict[str, int]
    xs: Array
    states: tuple[Array, ...]
    description: str
    d_outputs: Array
    d_states: tuple[Array, ...]
    named: dict[str, Array] = field(default_factory=dict)

    def run(self) -> tuple[Array, ...]:
        """Outputs and final states of the user's own step."""
        outputs, states = self.cell.unroll(self.xs, self.states, **self.named)
        return (outputs, *states)

    @property
    def cotangents(self) -> tuple[Array, ...]:
        return (self.d_outputs, *self.d_states)

    @cached_property
    def unbounded(self) -> Equation:
        """The equation without bounds on derivatives, which finite differences do not see."""
        done: dict[Node, Node] = {}
        for node in topological(node for _, node in self.equation.statements):
            if isinstance(node, Apply):
                args = tuple(done[argument] for argument in node.args)
                is_bound = node.op == "clip_gradient"
                done[node] = rebuild(node, (args[0], constant(np.inf)) if is_bound else args)
            else:
                done[node] = node
        changed = tuple((name, done[node]) for name, node in self.equation.statements)
        same = changed == self.equation.statements
        return self.equation if same else replace(self.equation, statements=changed)

    @cached_property
    def _with_kinks(self) -> tuple[Equation, list[str]]:
        roots = [node for _, node in self.equation.statements]
        found = [node for node in topological(roots) if isinstance(node, Apply)]
        kinks = [_side(node) for node in found if node.op in KINKS]
        ops = [node.op for node in found if node.op in KINKS]
        names = [f"{op} kink {number}" for number, op in enumerate(ops)]
        statements = (*self.equation.statements, *zip(names, kinks, strict=True))
        return replace(self.equation, statements=statements), names

    def sides(self) -> list[Array]:
        """The side of each kink on which each unit is, at each step."""
        watched, names = self._with_kinks
        if not names:
            return []
        run = interpret.forward(
            watched, self.cell.weights, self.xs, self.states, self.named, **self.sizes
        )
        # the value of a floor is itself the side; of all others the sign of a difference tells
        return [values[n] if n.startswith("floor") else np.sign(values[n])
                for values in run.values for n in names]  # fmt: skip


class NotFinite(GradientError):
    """The step overflows, or leaves the domain of a function, for all numbers that were drawn."""


def _side(node: Apply) -> Node:
    if KINKS[node.op] == 0:
        return node
    first = node.args[0]
    if KINKS[node.op] == 3:
        return first - node  # which unit it is
    return first if KINKS[node.op] == 1 else first - node.args[1]


def draw_trial(
    cell: type[Cell] | Cell, equation: Equation, form: str, generator: np.random.Generator
) -> Trial:
    """Draw everything; while the step is not finite, draw again, closer to the initial values."""
    for noise in NOISE:
        trial = _draw(cell, equation, form, noise, generator)
        if all(np.isfinite(array).all() for array in trial.run()):
            _agree(trial)
            return trial
    raise NotFinite(
        f"{equation.name} is not finite on random inputs ({trial.description}): its step overflows "
        f"or leaves the domain of a function, such as log of a negative number"
    )


def _draw(
    cell: type[Cell] | Cell,
    equation: Equation,
    form: str,
    noise: float,
    generator: np.random.Generator,
) -> Trial:
    cell_type, own = (cell, {}) if isinstance(cell, type) else (type(cell), cell.__dict__["_own"])
    lengths = _lengths(cell_type, equation, form, generator)
    if isinstance(cell, Cell):
        lengths |= {name: n for name, n in cell._own_sizes.items() if name in lengths}
    batch, time = lengths.pop("batch"), lengths.pop("time")
    drawn = cell_type(seed=int(generator.integers(1 << 30)), **lengths, **own)
    for array in drawn.weights.values():
        array += noise * generator.normal(size=array.shape)
    shape = () if form in ("one sequence", LONG) else (batch,)
    xs = generator.normal(size=(time, drawn.__dict__["_sizes"]["input_size"], *shape))
    named = _named(drawn, equation, xs, generator)
    states = _start(drawn, equation, xs.shape[2:])
    start = "the declared states"
    if form != "as many sequences as units":
        start = "states it reaches"
        _, reached = drawn.unroll(generator.normal(size=xs.shape), states, **named)
        states = tuple(s + noise / 5 * generator.normal(size=s.shape) for s in reached)
    outputs, final = drawn.unroll(xs, states, **named)
    sizes = drawn.__dict__["_sizes"]
    words = ", ".join(f"{k} {v}" for k, v in sizes.items() if k.isidentifier())
    return Trial(
        drawn,
        equation,
        {name: length for name, length in sizes.items() if name in equation.sizes},
        xs,
        states,
        f"{form} ({batch if shape else 1}), {time} steps from {start}, {words}",
        generator.normal(size=outputs.shape),
        tuple(generator.normal(size=state.shape) for state in final),
        named,
    )


def _named(
    cell: Cell, equation: Equation, xs: Array, generator: np.random.Generator
) -> dict[str, Array]:
    """Named inputs between 0.1 and 1.9: times, shares and masks are not negative."""
    sizes = cell.__dict__["_sizes"]
    return {
        name: generator.uniform(0.1, 1.9, size=(len(xs), sizes[shape[0]], *xs.shape[2:]))
        for name, shape in equation.named_inputs.items()
    }


def _lengths(
    cell_type: type[Cell], equation: Equation, form: str, generator: np.random.Generator
) -> dict[str, int]:
    """Every size that must be given, the batch and the time: all different, if possible."""
    declared = hyperparameters_of(cell_type)
    names = ["hidden_size", "input_size", *equation.sizes, "batch", "time"]
    names = [name for name in dict.fromkeys(names) if name not in declared]
    numbers = generator.permutation(np.arange(2, 2 + len(names)))
    lengths = {name: int(number) for name, number in zip(names, numbers, strict=True)}
    if form == LONG:
        lengths |= {"hidden_size": 16, "input_size": 11, "time": 20}
    for base in [base for base in lengths if base in dict(equation.cuts)]:
        share = math.lcm(*(blocks for one, blocks in equation.cuts if one == base))
        others = [number for name, number in lengths.items() if name != base]
        while lengths[base] % share or lengths[base] in others:
            lengths[base] += 1
    lengths |= {name: n for name, n in equation.lengths.items() if name in lengths}
    if equation.input_is_hidden:
        lengths["input_size"] = lengths["hidden_size"]
    if form == "as many sequences as units":
        lengths["batch"] = lengths["hidden_size"]
    return lengths


def _start(cell: Cell, equation: Equation, batch: tuple[int, ...]) -> tuple[Array, ...]:
    sizes = cell.__dict__["_sizes"]
    return tuple(
        np.full((sizes[shape[0]], *batch), equation.initial_state.get(name, 0.0))
        for name, shape in equation.carried.items()
    )


def _agree(trial: Trial) -> None:
    """Verify that the equation computes what the step computes, without which nothing can be
    compared."""
    run = interpret.forward(
        trial.equation, trial.cell.weights, trial.xs, trial.states, trial.named, **trial.sizes
    )
    for mine, theirs in zip((run.outputs, *run.states), trial.run(), strict=True):
        largest = np.abs(theirs).max(initial=1.0)
        if not np.abs(mine - theirs).max(initial=0.0) <= AGREE * largest:
            raise GradientError(
                f"the equation of {trial.equation.name} does not compute what its step computes: "
                f"a step must do the same each time it is called, on arrays and on symbols (no "
                f"random numbers, no counting, no test of the type of its arguments)"
            )
