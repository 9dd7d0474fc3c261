"""Equations of a size that nobody writes: shared terms, long chains. Each pass ends."""

import json

import pytest

from unrolled.equations.equation import Equation
from unrolled.equations.plain import MOST_NODES
from unrolled.errors import EquationError

INPUT, STATE = ["input", "x", ["hidden_size"]], ["state", "h", ["hidden_size"]]


def equation_of(rows):
    """A step h = the last of the rows, which follow x (number 0) and h (number 1)."""
    nodes = [INPUT, STATE, *rows]
    data = {
        "unrolled_equation": 1, "name": "Large", "nodes": nodes, "given": [0, 1],
        "statements": [["h", len(nodes) - 1]], "results": ["h"], "initial_state": {}, "initial": {},
    }  # fmt: skip
    return Equation.from_json(json.dumps(data))


def doubled(count):
    """x + h added to itself, again and again: 2 ** count terms when written out."""
    yield ["mul", 0, 1]
    for number in range(count):
        yield ["add" if number % 2 else "mul", 2 + number, 2 + number]


def chain(op, count):
    yield ["add", 0, 1]
    for number in range(count):
        yield [op, 2 + number]


def alternating(count):
    yield ["add", 0, 1]
    for number in range(count):
        yield [("mul", "div", "sub", "add")[number % 4], 2 + number, 1]


LARGE = {
    "doubled": doubled(60),
    "tanh of tanh": chain("tanh", 3000),
    "minus minus": chain("neg", 3001),
    "alternating": alternating(1000),
}


@pytest.mark.parametrize("name", LARGE)
def test_passes_and_printers_end(name):
    equation = equation_of(LARGE[name])
    nodes = len(json.loads(equation.json)["nodes"])
    for one in (equation, equation.backward):
        assert len(one.text) < 10_000 + 300 * nodes
        assert len(one.latex) < 10_000 + 2_000 * nodes
        assert Equation.from_json(equation.json) == equation
    assert "term" in equation.text


def test_beyond_the_bound_is_a_sentence():
    with pytest.raises(EquationError, match=f"more than {MOST_NODES:,} nodes"):
        equation_of(chain("tanh", MOST_NODES))
