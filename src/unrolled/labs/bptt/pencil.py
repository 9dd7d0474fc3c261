"""Backpropagation through time with a pencil. In: a seed. Out: every line of one training step.

The network has one input, one unit and one output; there are three time steps, and all numbers have
one decimal. Each line is computed from the numbers *as printed*, and its result is rounded to four
decimals, half up, before it is used. So a reader with a pencil and a calculator gets the same
digits. The arithmetic is decimal, because binary numbers cannot represent all halves exactly.
Next: `worked`, which prints the lines and compares them with the unrounded run.
"""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal

import numpy as np

STEPS = 3
PLACES = Decimal("0.0001")
LIMIT = 1.0  # of the norm of the gradient
RATE = 0.1
WEIGHTS = ("W", "U", "b", "V", "c")

_OPERATORS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
_FUNCTIONS = {"tanh": math.tanh, "sqrt": math.sqrt}


@dataclass(frozen=True)
class Line:
    """`name = rule`, the rule with numbers in place of names, and the result."""

    name: str
    rule: str
    numbers: str
    value: Decimal

    @property
    def row(self) -> tuple[str, str, str, str]:
        """The line as a table row, with the signs used in handwriting."""
        text = re.sub(r"\( (?=\S)|(?<=\S) \)", lambda found: found[0].strip(), self.numbers)
        text = text.replace(" ** 2", "²").replace(" * ", " · ").replace(" - ", " − ")
        # a negative number that is first in brackets needs none of its own, unless it is squared
        text = re.sub(r"\(\((-[\d.]+)\)(?!²)", r"(\1", text)
        return self.name, text, written(self.value), self.rule


@dataclass
class Sheet:
    """The sheet of paper: the known values, and the lines in the order of writing."""

    known: dict[str, Decimal] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)

    def write(self, name: str, rule: str, latex: str, text: str) -> None:
        """Append a line; `rule` refers to known values by name, e.g. `W * x_1 + U * h_0 + b`."""
        numbers = " ".join(_as_number(word, self.known) for word in rule.split())
        value = evaluate(numbers).quantize(PLACES, ROUND_HALF_UP)
        self.known[name] = value
        self.lines.append(Line(latex, text, numbers, value))


def evaluate(expression: str) -> Decimal:
    """The value of an expression with numbers, + - * / **, tanh and sqrt."""
    return _value(ast.parse(expression, mode="eval").body)


def _value(node: ast.expr) -> Decimal:
    if isinstance(node, ast.Constant):
        return Decimal(repr(node.value))
    if isinstance(node, ast.UnaryOp):
        return -_value(node.operand)
    if isinstance(node, ast.BinOp):
        return Decimal(_OPERATORS[type(node.op)](_value(node.left), _value(node.right)))
    assert isinstance(node, ast.Call), f"{ast.dump(node)} is not a part of a line"
    assert isinstance(node.func, ast.Name)
    return Decimal(_FUNCTIONS[node.func.id](_value(node.args[0])))


def _as_number(word: str, known: Mapping[str, Decimal]) -> str:
    if word not in known:
        return word
    number = written(known[word])
    return f"({number})" if number.startswith("-") else number


def written(value: Decimal) -> str:
    """With one decimal if that is exact, else with four."""
    places = 1 if value == round(value, 1) else 4
    return f"{value + 0:.{places}f}".replace("-0.0", "0.0") if value == 0 else f"{value:.{places}f}"


def draw(seed: int) -> dict[str, Decimal]:
    """Weights, inputs and targets: numbers with one decimal, none of them zero."""
    random = np.random.default_rng(seed)

    def number(largest: int) -> Decimal:
        return Decimal(int(random.choice([-1, 1]) * random.integers(1, largest + 1))) / 10

    given = {name: number(9) for name in WEIGHTS} | {"h_0": Decimal(0)}
    for t in range(1, STEPS + 1):
        given[f"x_{t}"], given[f"t_{t}"] = number(10), number(9)
    return given


def solve(given: Mapping[str, Decimal]) -> dict[str, list[Line]]:
    """One training step, part by part: forward, backward, sums, update."""
    sheet = Sheet(dict(given))
    parts = {}
    for title, work in (
        ("forward", _forward),
        ("backward", _backward),
        ("sums", _sums),
        ("update", _update),
    ):
        done = len(sheet.lines)
        work(sheet)
        parts[title] = sheet.lines[done:]
    return parts


def _forward(sheet: Sheet) -> None:
    for t in range(1, STEPS + 1):
        p = t - 1
        sheet.write(
            f"net_{t}", f"W * x_{t} + U * h_{p} + b",
            rf"$\mathrm{{net}}_{{{t}}}$", f"$W x_{{{t}}} + U h_{{{p}}} + b$",
        )  # fmt: skip
        sheet.write(
            f"h_{t}", f"tanh( net_{t} )", f"$h_{{{t}}}$", rf"$\tanh \mathrm{{net}}_{{{t}}}$"
        )
        sheet.write(f"y_{t}", f"V * h_{t} + c", f"$y_{{{t}}}$", f"$V h_{{{t}}} + c$")
        sheet.write(
            f"L_{t}", f"( y_{t} - t_{t} ) ** 2", f"$L_{{{t}}}$",
            rf"$(y_{{{t}}} - y^{{\ast}}_{{{t}}})^2$",
        )  # fmt: skip
    sheet.write("L", "L_1 + L_2 + L_3", "$L$", "$L_{1} + L_{2} + L_{3}$")


def _backward(sheet: Sheet) -> None:
    for t in range(STEPS, 0, -1):
        p, net = t - 1, rf"\delta \mathrm{{net}}_{{{t}}}"
        sheet.write(
            f"dy_{t}", f"2 * ( y_{t} - t_{t} )", rf"$\delta y_{{{t}}}$",
            rf"$2 (y_{{{t}}} - y^{{\ast}}_{{{t}}})$",
        )  # fmt: skip
        later = "" if t == STEPS else f" + back_{t}"
        name = rf"$V \, \delta y_{{{t}}}$" if t == STEPS else (
            rf"$V \, \delta y_{{{t}}} + U \, \delta \mathrm{{net}}_{{{t + 1}}}$"
        )  # fmt: skip
        sheet.write(f"dh_{t}", f"V * dy_{t}{later}", rf"$\delta h_{{{t}}}$", name)
        sheet.write(
            f"dnet_{t}", f"dh_{t} * ( 1 - h_{t} ** 2 )", f"${net}$",
            rf"$\delta h_{{{t}}} (1 - h_{{{t}}}^2)$",
        )  # fmt: skip
        sheet.write(f"back_{p}", f"U * dnet_{t}", f"$U \\, {net}$", f"to step {p}")
        for weight, rule, text in (
            ("W", f"dnet_{t} * x_{t}", f"${net} \\, x_{{{t}}}$"),
            ("U", f"dnet_{t} * h_{p}", f"${net} \\, h_{{{p}}}$"),
            ("V", f"dy_{t} * h_{t}", rf"$\delta y_{{{t}}} \, h_{{{t}}}$"),
        ):
            sheet.write(f"d{weight}_{t}", rule, rf"$\delta {weight}^{{({t})}}$", text)


def _sums(sheet: Sheet) -> None:
    for weight, share in (("W", "dW"), ("U", "dU"), ("b", "dnet"), ("V", "dV"), ("c", "dy")):
        rule = " + ".join(f"{share}_{t}" for t in range(1, STEPS + 1))
        text = {
            "b": r"$\sum_{t} \delta \mathrm{net}_{t}$",
            "c": r"$\sum_{t} \delta y_{t}$",
        }.get(weight, rf"$\sum_{{t}} \delta {weight}^{{(t)}}$")
        sheet.write(f"d{weight}", rule, rf"$\delta {weight}$", text)


def _update(sheet: Sheet) -> None:
    squares = " + ".join(f"d{weight} ** 2" for weight in WEIGHTS)
    sheet.write("norm", f"sqrt( {squares} )", "norm", "root of the sum of all squares")
    too_long = float(sheet.known["norm"]) > LIMIT
    sheet.write(
        "scale", f"{LIMIT} / norm" if too_long else "1.0", "scale",
        f"limit / norm, because the norm is over {LIMIT}"
        if too_long else f"1, because the norm is not over {LIMIT}",
    )  # fmt: skip
    for weight in WEIGHTS:
        sheet.write(
            f"new_{weight}", f"{weight} - {RATE} * scale * d{weight}", f"new ${weight}$",
            rf"${weight} - {RATE} \cdot \mathrm{{scale}} \cdot \delta {weight}$",
        )  # fmt: skip
