"""These tests turn red: for a flipped sign in any derivative, and for swapped gates."""

from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import pytest

from tests.gradients.one_operation import OPERATIONS
from tests.tolerances import SLOPE, assert_agrees
from unrolled import Cell, GradientError, check_gradients, equation
from unrolled.cells import GRU, LSTM
from unrolled.equations import interpret
from unrolled.equations.equation import Equation
from unrolled.equations.nodes import apply, constant, length, variable
from unrolled.equations.ops import OPS, Op

DIFFERENTIABLE = [(name, place) for name, row in OPS.items() if row.derivative is not None
                  for place in range(row.arity)]  # fmt: skip
# Zero everywhere: sign, floor; exponents, slopes, lengths are constants; conditions have none.
ZERO = {("sign", 0), ("floor", 0), ("pow", 1), ("leaky_relu", 1), ("spread", 1), ("where", 0),
        ("clip_gradient", 1), ("part", 1), ("part", 2), ("pad", 1),
        ("pad", 2), ("block_diagonal", 1)}  # fmt: skip
# What no step says: `spread` has a test of its own below, the rest is made by passes.
MADE = {"spread", "pad", "block_diagonal"}
FLIPPED = [pair for pair in DIFFERENTIABLE if pair not in ZERO and pair[0] not in MADE]


def flipped(row: Op, place: int) -> Op:
    """The row with the sign of one derivative turned round."""
    rule = row.derivative
    assert rule is not None

    def wrong(*arguments: Any) -> tuple[Any, ...]:
        found = list(rule(*arguments))
        found[place] = -found[place]
        return tuple(found)

    return replace(row, derivative=wrong)


def fresh(cell: type[Cell]) -> type[Cell]:
    """The same cell as a new class, which nobody has derived yet."""
    return type(cell.__name__, (cell,), {})


@pytest.mark.exhaustive
@pytest.mark.parametrize(("name", "place"), FLIPPED)
def test_a_flipped_sign_is_found(name: str, place: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(OPS, name, flipped(OPS[name], place))
    with pytest.raises(GradientError, match="is wrong"):
        check_gradients(fresh(OPERATIONS[name]), seed=2, kernels=False)


@pytest.mark.parametrize("pair", sorted(ZERO))
def test_a_derivative_that_is_zero_says_so(pair: tuple[str, int]) -> None:
    name, place = pair
    row = OPS[name]
    v = variable("x", "input", ("hidden_size",))
    arguments = {"spread": (v, length("hidden_size")), "pow": (v, constant(2))}.get(
        name, (v,) * row.arity
    )
    assert row.derivative is not None
    assert row.derivative(v, v, *arguments)[place] is None


def spreading() -> Equation:
    """h = spread(mean(x h)): what a cell cannot say, and a derivative can."""
    x, h = (variable(n, r, ("hidden_size",)) for n, r in (("x", "input"), ("h", "state")))
    wide = apply("spread", apply("mean", apply("mul", x, h)), length("hidden_size"))
    return Equation("Spreading", (x, h), (("h", apply("tanh", wide)),), ("h",))


def slope_by_x(step: Equation) -> tuple[float, float]:
    """The derived slope of a weighed sum of outputs by one input, and a central difference."""
    generator = np.random.default_rng(3)
    xs, h, d = generator.normal(size=(3, 2, 4))
    sizes = {"hidden_size": 4, "input_size": 4}

    def loss(change: float) -> float:
        moved = xs + change * np.eye(4)[1]
        return float(np.sum(d * interpret.forward(step, {}, moved, (h[0],), **sizes).outputs))

    run = interpret.forward(step, {}, xs, (h[0],), **sizes)
    derived = interpret.backward(run, d).inputs[:, 1].sum()
    return float(derived), (loss(6e-6) - loss(-6e-6)) / 1.2e-5


def test_spread_and_its_flipped_sign(monkeypatch: pytest.MonkeyPatch) -> None:
    derived, difference = slope_by_x(spreading())
    assert_agrees(np.float64(derived), np.float64(difference), tolerance=SLOPE)
    monkeypatch.setitem(OPS, "spread", flipped(OPS["spread"], 0))
    derived, difference = slope_by_x(spreading())
    with pytest.raises(AssertionError):
        assert_agrees(np.float64(derived), np.float64(difference), tolerance=SLOPE)


GATES = [(GRU, pair) for pair in combinations("rzn", 2)]
GATES += [(LSTM, pair) for pair in combinations("ifgo", 2)]


def swapping(source: Equation, rename: Callable[[str], str]) -> Equation:
    """The same statements in the same order, but for the names of two."""
    statements = {rename(name): node for name, node in source.statements}
    return replace(source, statements=tuple((name, statements[name]) for name in source.locals))


@pytest.mark.exhaustive
@pytest.mark.parametrize(("cell", "gates"), GATES)
@pytest.mark.parametrize("kind", ["W", "U", "b"])
def test_swapped_gates_are_found(cell: type[Cell], gates: tuple[str, str], kind: str) -> None:
    mutant = fresh(cell)
    derived = equation(mutant)
    names = [f"d_{kind}_{gate}" for gate in gates]
    swap = {names[0]: names[1], names[1]: names[0]}
    derived.__dict__["backward"] = swapping(derived.backward, lambda name: swap.get(name, name))
    with pytest.raises(GradientError, match=rf"weight {kind}_[{''.join(gates)}] is wrong"):
        check_gradients(mutant, kernels=False)


@pytest.mark.parametrize("gates", list(combinations("ifo", 2)))
def test_an_equation_with_swapped_gates_is_not_the_step(gates: tuple[str, str]) -> None:
    mutant = fresh(LSTM)
    swap = dict(zip(gates, reversed(gates), strict=True))

    def wrong(self: Cell, x: Any, h: Any, c: Any) -> Any:
        weights = {
            f"{kind}_{swap.get(gate, gate)}": self.weights[f"{kind}_{gate}"]
            for kind in "WUb"
            for gate in "ifgo"
        }
        return LSTM.step.__wrapped__(self.bind(weights), x, h, c)

    derived = equation(mutant)  # before the step is another one
    mutant.step = wrong
    cell = mutant()
    assert equation(cell) is derived
    with pytest.raises(GradientError, match="does not compute what its step computes"):
        check_gradients(cell, kernels=False)
