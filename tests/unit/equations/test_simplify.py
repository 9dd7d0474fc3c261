"""Each rule: the same value, said shorter."""

from typing import Any

import pytest

from unrolled.equations.nodes import (
    Node,
    apply,
    constant,
    length,
    topological,
    variable,
)
from unrolled.equations.ops import shape_of
from unrolled.equations.simplify import simplified
from unrolled.equations.text import Printer

H = ("hidden_size",)
x, h = variable("x", "input", H), variable("h", "state", H)
W = variable("W", "weight", ("hidden_size", "hidden_size"))
b, s = variable("b", "weight", H), variable("s", "weight", ())
one, two, zero = constant(1), constant(2), constant(0)
gamma = constant(1.0, "gamma")
units = length("hidden_size")
m = apply("mean", h)


def op(name: str, *arguments: Node) -> Node:
    return apply(name, *arguments)


RULES: list[tuple[Node, str]] = [
    (x + zero, "x"),
    (op("add", zero, x), "x"),
    (x - zero, "x"),
    (op("sub", zero, x), "-x"),
    (x * one, "x"),
    (x * constant(-1), "-x"),
    (x / one, "x"),
    (x**1, "x"),
    (op("neg", -x), "x"),
    (x + -h, "x - h_prev"),
    (-x + h, "h_prev - x"),
    (x - -h, "x + h_prev"),
    (-(x - h), "h_prev - x"),
    (-x * h, "-x * h_prev"),
    (x * -h, "-x * h_prev"),
    (-x / h, "-x / h_prev"),
    (x + constant(-2), "x - 2"),
    (x - constant(-2) * h, "x + 2 * h_prev"),
    (two + constant(3), "5"),
    (x * two * (h * constant(0.5)), "x * h_prev"),
    (x * two * (two * h), "4 * x * h_prev"),
    (x * two, "x * 2"),
    (x * h + x * b, "x * (h_prev + b)"),
    (x * h - b * x, "x * (h_prev - b)"),
    (op("transpose", op("transpose", W)), "W"),
    (op("transpose", -W), "-W.T"),
    (op("where", op("gt", x, h), b, b), "b"),
    (op("sum", -x), "-sum(x)"),
    (op("sum", x * s), "sum(x) * s"),
    (op("sum", s * x), "s * sum(x)"),
    (op("sum", x / m), "sum(x) / mean(h_prev)"),
    (op("sum", op("sum", x)), "sum(x)"),
    (op("sum", x) / units, "mean(x)"),
    (op("sum", x) / m / units, "mean(x) / mean(h_prev)"),
    (x * op("spread", m, units), "x * mean(h_prev)"),
    (op("add", op("spread", m, units), x), "mean(h_prev) + x"),
    (op("spread", x, units), "x"),
    (b + x + op("matmul", W, h), "W @ h_prev + b + x"),
    (x * gamma, "x * gamma"),
    (gamma + zero, "gamma"),
]


@pytest.mark.parametrize(("node", "text"), RULES, ids=[text for _, text in RULES])
def test_a_rule(node: Node, text: str) -> None:
    simple = simplified([node])[node]
    assert Printer({}).term(simple) == text
    assert shape_of(simple) == shape_of(node)


@pytest.mark.parametrize(
    "node",
    [
        b + x,  # no product: the sum stays as it was written
        x + b + h,
        x * h + b,
        op("exp", gamma),
        zero * x,  # not 0: it is as wide as x, and NaN where x is infinite
        one * m + zero * h,
        op("spread", m, units) + op("spread", m, units),
    ],
)
def test_what_has_no_shorter_form_keeps_its_shape(node: Node) -> None:
    simple = simplified([node])[node]
    assert shape_of(simple) == shape_of(node)


@pytest.mark.parametrize("node", [b + x, x + b + h, x * h + b, zero * x])
def test_what_has_no_shorter_form_stays(node: Node) -> None:
    assert simplified([node])[node] is node


def test_a_value_with_a_name_is_not_taken_apart() -> None:
    product = x * h
    done = simplified([product, product + x * b])
    assert done[product] is product
    assert done[product + x * b] is product + x * b


def test_what_is_known_stays_the_same_node() -> None:
    known = op("add", b, op("matmul", W, h))
    root = op("tanh", known)
    assert simplified([root], {known})[root] is root
    assert simplified([root])[root] is not root


@pytest.mark.parametrize("name", ["mul", "add", "sub", "div", "maximum"])
def test_a_long_chain_of_shared_terms_takes_no_long_time(name: str) -> None:
    node: Any = x
    for _ in range(60):
        node = op(name, node, op("tanh", node) if name in ("sub", "div") else node)
    assert sum(1 for _ in topological([simplified([node])[node]])) <= 121
