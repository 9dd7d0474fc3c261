"""Random equations: what is traced is what was written, and every pass leaves it so."""

from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.tolerances import EXACT, FLOAT64, assert_agrees
from unrolled import (
    Cell,
    Equation,
    abs,
    check_gradients,
    concat,
    cos,
    elu,
    equation,
    floor,
    gelu,
    hardsigmoid,
    hardtanh,
    max,
    maximum,
    mean,
    min,
    minimum,
    relu,
    sigmoid,
    silu,
    sin,
    softmax,
    softplus,
    split,
    sqrt,
    sum,
    tanh,
    where,
)
from unrolled.cells.library import variants
from unrolled.equations import interpret

CELLS = dict(variants())
SLOWLY = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)

# A term is a nested tuple: a function of the cell, the input and the states, built by `value`.
ONE = {"tanh": tanh, "sigmoid": sigmoid, "relu": relu, "softplus": softplus, "abs": abs,
       "sin": sin, "cos": cos, "neg": lambda a: -a, "square": lambda a: a**2,
       "root": lambda a: sqrt(1 + a * a), "sum": lambda a: tanh(sum(a)) + 0 * a,
       "mean": lambda a: a - mean(a), "softmax": softmax, "max": lambda a: max(a) - a,
       "min": lambda a: min(a) * sin(a), "floor": lambda a: a - floor(a), "silu": silu,
       "gelu": gelu, "elu": elu, "hardsigmoid": hardsigmoid,
       "hardtanh": lambda a: hardtanh(2 * a)}  # fmt: skip
TWO = {"add": lambda a, b: a + b, "sub": lambda a, b: a - b, "mul": lambda a, b: a * b,
       "div": lambda a, b: a / (2 + sin(b)), "maximum": maximum, "minimum": minimum,
       "where": lambda a, b: where((a > b) | (b < 0.5), a, sin(b)),
       "number": lambda a, b: 2 * a + 0.5 * b - 1}  # fmt: skip
LEAVES = ["Wx", "Uh", "Vc", "h", "c", "b", "Ab"]


def leaf(cell: Any, name: str, x: Any, h: Any, c: Any) -> Any:
    return {
        "Wx": lambda: cell.W @ x,
        "Uh": lambda: cell.U @ h,
        "Vc": lambda: cell.V.T @ c,
        "h": lambda: h,
        "c": lambda: c,
        "b": lambda: cell.b + 0 * h,
        "Ab": lambda: (cell.A - cell.A.T) @ (cell.b * c),
    }[name]()


def value(cell: Any, term: Any, x: Any, h: Any, c: Any) -> Any:
    if isinstance(term, str):
        return leaf(cell, term, x, h, c)
    name, *parts = term
    return (ONE | TWO)[name](*(value(cell, part, x, h, c) for part in parts))


terms = st.recursive(
    st.sampled_from(LEAVES),
    lambda inner: st.one_of(
        st.tuples(st.sampled_from(list(ONE)), inner),
        st.tuples(st.sampled_from(list(TWO)), inner, inner),
    ),
    max_leaves=8,
)


def made_of(first: Any, second: Any) -> type[Cell]:
    """A cell of two states whose new values are these terms; the second uses the first's."""

    class Random(Cell):
        def step(self, x: Any, h: Any, c: Any) -> Any:
            inner = value(self, first, x, h, c)
            c = tanh(value(self, second, x, inner, c) + self.U @ c + self.W @ x)
            return tanh(inner) + 0.1 * c, c

    return Random


# The same terms over declared sizes: leaf -> over the hidden units, and over a state's own ones.
# e, f are weights of one row; what stands beside c may have one column; R and L go by way of m.
SIZED_LEAVES: dict[str, tuple[Any, Any]] = {
    "Wx": (lambda s, x, h, c: s.W @ x, lambda s, x, h, c: s.Y @ x),
    "Uh": (lambda s, x, h, c: s.U @ h, lambda s, x, h, c: s.Z @ h),
    "Vc": (lambda s, x, h, c: s.V @ c, lambda s, x, h, c: s.Q @ c),
    "h": (lambda s, x, h, c: h, lambda s, x, h, c: s.S @ h),
    "c": (lambda s, x, h, c: s.T @ c, lambda s, x, h, c: c),
    "b": (lambda s, x, h, c: s.b + 0 * h, lambda s, x, h, c: s.d + 0 * c),
    "Ab": (lambda s, x, h, c: (s.A - s.A.T) @ (s.b * h), lambda s, x, h, c: s.P @ (s.d * c)),
    "eh": (lambda s, x, h, c: (s.e @ h) * h, lambda s, x, h, c: (s.e @ h) * c),
    "fx": (lambda s, x, h, c: tanh(s.f @ x) * s.b, lambda s, x, h, c: s.f @ x + c),
    "RLh": (lambda s, x, h, c: s.L @ (s.R @ h), lambda s, x, h, c: s.K @ (s.R @ h)),
    "cut": (
        lambda s, x, h, c: gated(split(s.G @ concat(x, h) + s.g, 2)) + 0 * h,
        lambda s, x, h, c: gated(split(s.I @ concat(tanh(c), h), 2)) + 0 * c,
    ),
    "sums": (lambda s, x, h, c: sum(c) * h - mean(x), lambda s, x, h, c: c / (2 + sin(sum(h)))),
}


def gated(parts: Any) -> Any:
    """Of a vector in two parts: one opens the other."""
    return parts[0] * sigmoid(parts[1])


OWN_SIZES = ["1", "one", "less", "more"]
OF_OWN_SIZE = "YZQSPKd"

sized_terms = st.recursive(
    st.sampled_from(list(SIZED_LEAVES)),
    lambda inner: st.one_of(
        st.tuples(st.sampled_from(list(ONE)), inner),
        st.tuples(st.sampled_from(list(TWO)), inner, inner),
    ),
    max_leaves=6,
)


def sized_value(cell: Any, term: Any, which: int, *values: Any) -> Any:
    if isinstance(term, str):
        return SIZED_LEAVES[term][which](cell, *values)
    name, *parts = term
    return (ONE | TWO)[name](*(sized_value(cell, part, which, *values) for part in parts))


def leaves_of(term: Any) -> set[str]:
    if isinstance(term, str):
        return {term}
    return set().union(*map(leaves_of, term[1:]))


def sized_of(first: Any, second: Any, own: str, inner: str) -> type[Cell]:
    """A cell with a state of a size of its own, weights of one row, and a detour by `inner`."""
    used = leaves_of(first) | leaves_of(second)
    declared = {"c": own}
    declared |= {"e": "1"} if "eh" in used else {}
    declared |= {"f": "1"} if "fx" in used else {}
    declared |= {"R": inner} if "RLh" in used else {}
    names = {"Wx": "Y", "Uh": "Z", "Vc": "Q", "h": "S", "b": "d", "Ab": "Pd", "RLh": "K"}
    ours = {"Y", "Z"}.union(*(names.get(leaf, "") for leaf in leaves_of(second)))
    declared |= {name: own for name in OF_OWN_SIZE if name in ours}

    class Sized(Cell):
        sizes: ClassVar = declared

        def step(self, x: Any, h: Any, c: Any) -> Any:
            inside = sized_value(self, first, 0, x, h, c)
            more = self.Y @ x + self.Z @ inside
            c = tanh(sized_value(self, second, 1, x, inside, c) + more) + 0.3 * c
            return tanh(inside + self.W @ x) + 0.1 * h, c

    return Sized


sized_cells = st.builds(
    sized_of, sized_terms, sized_terms, st.sampled_from(OWN_SIZES), st.sampled_from(OWN_SIZES)
)


def run_both(made: Any, seed: int, batch: int = 3) -> tuple[Any, ...]:
    """A cell with sizes, its equation, a sequence, and the equation run over it."""
    generator = np.random.default_rng(seed)
    derived = equation(made)
    cell_type, own = (made, {}) if isinstance(made, type) else (type(made), made.__dict__["_own"])
    sizes = {name: 2 + place for place, name in enumerate(derived.sizes)}
    sizes |= derived.lengths
    sizes.setdefault("hidden_size", 3)
    if derived.input_is_hidden:
        sizes["input_size"] = sizes["hidden_size"]
    cell = cell_type(seed=seed, **sizes, **own)
    xs = generator.normal(size=(5, cell.input_size, batch))
    run = interpret.forward(derived, cell.weights, xs, **cell.__dict__["_sizes"])
    return cell, derived, xs, run


@SLOWLY
@given(terms, terms, st.integers(0, 99))
def test_the_equation_computes_what_the_step_computes(first: Any, second: Any, seed: int) -> None:
    cell, _, xs, run = run_both(made_of(first, second), seed)
    outputs, states = cell.unroll(xs)
    assert_agrees(run.outputs, outputs, tolerance=FLOAT64)
    for mine, expected in zip(run.states, states, strict=True):
        assert_agrees(mine, expected, tolerance=FLOAT64)


@pytest.mark.exhaustive
@settings(SLOWLY, max_examples=8)
@given(terms, terms, st.integers(0, 99))
def test_the_gradient_is_the_slope(first: Any, second: Any, seed: int) -> None:
    assert check_gradients(made_of(first, second), seed=seed, kernels=False).passed


@SLOWLY
@given(sized_cells, st.integers(0, 99))
def test_declared_sizes_are_what_the_step_computes(made: Any, seed: int) -> None:
    cell, _, xs, run = run_both(made, seed)
    outputs, states = cell.unroll(xs)
    assert_agrees(run.outputs, outputs, tolerance=FLOAT64)
    for mine, expected in zip(run.states, states, strict=True):
        assert_agrees(mine, expected, tolerance=FLOAT64)


@pytest.mark.exhaustive
@settings(SLOWLY, max_examples=5)
@given(sized_cells, st.integers(0, 99))
def test_the_gradient_of_declared_sizes_is_the_slope(made: Any, seed: int) -> None:
    assert check_gradients(made, seed=seed, kernels=False).passed


@SLOWLY
@given(terms, terms)
def test_an_equation_survives_plain_data(first: Any, second: Any) -> None:
    derived = equation(made_of(first, second))
    for one in (derived, derived.backward):
        again = Equation.from_json(one.to_json())
        assert again == one
        assert again.text == one.text
        assert again.latex == one.latex
    assert Equation.from_json(derived.to_json()).backward.text == derived.backward.text


@pytest.mark.parametrize("name", CELLS)
def test_a_split_sequence_is_the_whole(name: str) -> None:
    cell, derived, xs, whole = run_both(CELLS[name], 3)
    sizes = cell.__dict__["_sizes"]
    first = interpret.forward(derived, cell.weights, xs[:2], **sizes)
    second = interpret.forward(derived, cell.weights, xs[2:], first.states, **sizes)
    both = np.concatenate([first.outputs, second.outputs])
    assert_agrees(both, whole.outputs, tolerance=EXACT)

    generator = np.random.default_rng(4)
    d_ys = generator.normal(size=whole.outputs.shape)
    d_final = tuple(generator.normal(size=state.shape) for state in whole.states)
    expected = interpret.backward(whole, d_ys, d_final)
    late = interpret.backward(second, d_ys[2:], d_final)
    early = interpret.backward(first, d_ys[:2], late.states)
    assert_agrees(np.concatenate([early.inputs, late.inputs]), expected.inputs, tolerance=FLOAT64)
    for weight, d in expected.weights.items():
        assert_agrees(early.weights[weight] + late.weights[weight], d, tolerance=FLOAT64)


@pytest.mark.parametrize("name", CELLS)
def test_the_order_of_a_batch_does_not_matter(name: str) -> None:
    cell, derived, xs, run = run_both(CELLS[name], 5, batch=4)
    order = [2, 0, 3, 1]
    turned = interpret.forward(derived, cell.weights, xs[:, :, order], **cell.__dict__["_sizes"])
    assert_agrees(turned.outputs, run.outputs[:, :, order], tolerance=FLOAT64)
    alone, _ = cell.unroll(xs[:, :, 1])
    assert_agrees(alone, run.outputs[:, :, 1], tolerance=FLOAT64)
