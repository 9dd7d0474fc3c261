"""The functions on arrays: exact where it matters, nothing lost, NaN seen."""

import inspect

import numpy as np
import pytest
import torch

from tests.tolerances import EXACT, FLOAT64, assert_agrees
from unrolled import equation, eye, leaky_relu, mean, relu, sigmoid, softplus, sum, tanh, where
from unrolled.cells import LSTM
from unrolled.equations import functions
from unrolled.equations.nodes import apply, constant, topological, variable
from unrolled.equations.nodes import eye as identity
from unrolled.equations.ops import OPS, ShapeMismatch, shape_of

x = np.array([-1000.0, -40.0, -1.0, -0.0, 0.0, 1.0, 40.0, 1000.0])


def test_sigmoid_does_not_overflow_and_keeps_small_numbers() -> None:
    y = sigmoid(x)
    assert (y[0], y[3], y[4], y[7]) == (0.0, 0.5, 0.5, 1.0)
    assert_agrees(y[1], np.exp(np.float64(-40)), tolerance=FLOAT64)
    assert_agrees(y + sigmoid(-x), np.ones(8), tolerance=FLOAT64)


def test_softplus_does_not_overflow() -> None:
    y = softplus(x)
    assert (y[0], y[7]) == (0.0, 1000.0)
    assert_agrees(y - softplus(-x), x, tolerance=FLOAT64)


@pytest.mark.parametrize("name", ["tanh", "sigmoid", "relu", "leaky_relu", "softplus", "abs"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_type_and_nan_come_through(name: str, dtype: type) -> None:
    y = getattr(functions, name)(np.array([np.nan, 1.0], dtype))
    assert y.dtype == dtype
    assert np.isnan(y[0])
    assert np.isfinite(y[1])


def test_sums_keep_their_axis() -> None:
    columns = np.arange(6.0).reshape(3, 2)
    assert_agrees(sum(columns), np.array([[6.0, 9.0]]), tolerance=EXACT)
    assert_agrees(mean(columns), np.array([[2.0, 3.0]]), tolerance=EXACT)


def test_numbers_are_taken_as_numbers() -> None:
    assert relu(-2) == 0
    assert leaky_relu(-2, 0.5) == -1
    assert tanh(0) == 0
    assert where(True, 1, 2) == 1


def test_eye_takes_the_size_of_the_matrix_it_meets() -> None:
    matrix = np.ones((3, 3))
    for result in (matrix - 0.5 * eye, matrix - eye * 0.5, -(0.5 * eye - matrix)):
        assert_agrees(result, matrix - 0.5 * np.eye(3), tolerance=EXACT)
    assert_agrees(matrix + (eye + eye), matrix + 2 * np.eye(3), tolerance=EXACT)
    assert_agrees((-eye) @ np.ones(3), -np.ones(3), tolerance=EXACT)
    assert (np.ones((2, 2), np.float32) + eye).dtype == np.float32
    assert (repr(eye), repr(2 * eye)) == ("eye", "2.0 * eye")


MADE_OF_OTHERS = ("silu", "gelu", "elu", "hardsigmoid", "hardtanh")


@pytest.mark.parametrize("name", MADE_OF_OTHERS)
def test_what_is_made_of_others_is_what_torch_has(name: str) -> None:
    x = torch.linspace(-5, 5, 23, dtype=torch.float64)
    theirs = getattr(torch.nn.functional, name)
    expected = theirs(x, approximate="tanh") if name == "gelu" else theirs(x)
    assert_agrees(getattr(functions, name)(x.numpy()), expected.numpy(), tolerance=FLOAT64)
    single = getattr(functions, name)(x.numpy().astype(np.float32))
    assert single.dtype == np.float32


def test_every_function_is_in_the_table_and_documented() -> None:
    for name, function in vars(functions).items():
        if (
            inspect.isfunction(function)
            and not name.startswith("_")
            and name not in ("register", "compute")
        ):
            assert name in OPS or name in (*MADE_OF_OTHERS, "split")  # which gives each `part`
            assert function.__doc__


def test_every_operation_prints() -> None:
    for name, row in OPS.items():
        assert row.text
        assert row.latex.count("{0}") == 1, name
        assert row.arity < 2 or "{1}" in row.latex or name == "spread", name


@pytest.mark.parametrize(
    ("op", "shapes"),
    [
        ("add", [("a",), ("b",)]),
        ("matmul", [("a", "b"), ("a",)]),
        ("matmul", [("a",), ("a",)]),
        ("sum", [("a", "b")]),
        ("mul", [("a", "b"), ("a",)]),
    ],
)
def test_shapes_that_disagree(op: str, shapes: list[tuple[str, ...]]) -> None:
    arguments = [variable(f"v{i}", "weight", shape) for i, shape in enumerate(shapes)]
    with pytest.raises(ShapeMismatch):
        shape_of(apply(op, *arguments))


def test_terms_that_are_built_alike_are_the_same() -> None:
    a, b = variable("a", "input", ("n",)), variable("b", "input", ("n",))
    assert apply("add", a, b) is apply("add", a, b)
    assert a + b is not b + a
    assert constant(0.0) is not constant(-0.0)
    assert constant(float("nan")) is constant(float("nan"))
    assert constant(1, "gamma") is not constant(1)
    assert identity("n") is identity("n")
    with pytest.raises(TypeError, match="store its equation"):
        (a + b).__reduce__()


def test_topological_order_and_its_leaves() -> None:
    a, b = variable("a", "input", ("n",)), variable("b", "input", ("n",))
    inner = a + b
    root = inner * b
    assert list(topological([root])) == [a, b, inner, root]
    assert list(topological([root], {inner})) == [inner, b, root]


def test_counts() -> None:
    derived = equation(LSTM)
    assert derived.weight_count(input_size=3, hidden_size=5) == 4 * (5 * 3 + 5 * 5 + 5)
    # four gates: two products of 2 n operations, two sums, a function; then c (3) and h (2)
    expected = 4 * (5 * (2 * 3 + 2 * 5) + 5 * 3) + 5 * 3 + 5 * 2
    assert derived.operation_count(input_size=3, hidden_size=5) == expected
