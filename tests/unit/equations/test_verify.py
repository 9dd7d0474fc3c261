"""Every invariant is checked, and the statement that breaks it is named."""

from dataclasses import replace
from typing import Any

import pytest

from unrolled import EquationError, equation
from unrolled.cells import LSTM
from unrolled.cells.library import variants
from unrolled.equations.equation import Equation
from unrolled.equations.nodes import Node, apply, constant, length, variable
from unrolled.equations.verify import verify

H, HI = ("hidden_size",), ("hidden_size", "input_size")
x, h = variable("x", "input", ("input_size",)), variable("h", "state", H)
W, b = variable("W", "weight", HI), variable("b", "weight", H)
U = variable("U", "weight", ("hidden_size", "hidden_size"))
condition = apply("gt", h, b)


def op(name: str, *arguments: Any) -> Node:
    return apply(name, *arguments)


def of(node: Node, name: str = "h", **changes: Any) -> Equation:
    statements = {"statements": ((name, node),), **changes}
    return replace(Equation("Test", (x, h, W, b, U), (), ("h",)), **statements)


BROKEN = {
    "an unknown operation": (of(op("cosh", h)), "'cosh' is not an operation"),
    "too few arguments": (of(op("add", h)), "add takes 2 arguments, not 1"),
    "a condition as a value": (of(op("add", h, condition)), "add mixes a condition and a value"),
    "a value as a condition": (of(op("where", h, h, h)), "where mixes a condition and a value"),
    "a value among conditions": (of(op("where", op("and", condition, h), h, h)), "and mixes"),
    "a varying exponent": (of(op("pow", h, b)), "second argument of pow is not a constant"),
    "a varying slope": (of(op("leaky_relu", h, b)), "of leaky_relu is not a constant"),
    "a spread of no length": (of(op("spread", op("sum", h), constant(3))), "needs a length"),
    "shapes": (of(op("add", h, x)), "statement of h"),
    "a product of the wrong width": (of(op("matmul", U, x)), "statement of h"),
    "a matrix that varies": (of(op("matmul", op("outer", h, x), x)), "varies from step to step"),
    "what is not given": (of(op("add", h, variable("q", "weight", H))), "q is not given"),
    "no name": (of(op("tanh", h), "a b"), "'a b' is not a name"),
    "an unknown role": (of(op("tanh", h), given=(variable("q", "thing", H),)), "role 'thing'"),
    "no statement": (of(op("tanh", h), "a"), "the result h has no statement"),
    "a state of another shape": (of(op("sum", h)), "the new h has another shape"),
    "one name twice": (
        of(h, statements=(("a", op("tanh", h)), ("a", h), ("h", h))),
        "more than once",
    ),
    "a name that is a weight's": (
        of(h, statements=(("W", op("tanh", h)), ("h", h))),
        "more than once",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_is_refused(name: str) -> None:
    broken, words = BROKEN[name]
    with pytest.raises(EquationError, match=r"^Test") as caught:
        verify(broken)
    assert words in str(caught.value)


def test_what_is_whole_is_not() -> None:
    verify(of(op("tanh", op("add", op("matmul", W, x), op("mul", h, b)))))
    verify(of(op("spread", op("sum", h), length("hidden_size"))))
    for _, cell in variants():
        verify(equation(cell))
        verify(equation(cell).backward)


def test_a_pass_that_loses_a_result_is_caught() -> None:
    derived = equation(LSTM)
    with pytest.raises(EquationError, match="the result h has no statement"):
        verify(replace(derived, statements=derived.statements[:-1]))
