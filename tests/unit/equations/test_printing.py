"""Text as one types it (Python reads it back), LaTeX as one prints it."""

import itertools
from typing import Any

import numpy as np
import pytest

from tests.tolerances import EXACT, FLOAT64, assert_agrees
from unrolled import Cell, equation, eye, tanh
from unrolled.cells import LSTM, AntisymmetricRNN
from unrolled.cells.library import variants
from unrolled.equations import functions, interpret
from unrolled.equations.latex import symbol
from unrolled.equations.nodes import Constant, Node, apply, constant, topological, variable
from unrolled.equations.ops import OPS
from unrolled.equations.text import Printer, number

x, h, a = (variable(n, "input", ("hidden_size",)) for n in "xha")
INFIX = ["add", "sub", "mul", "div", "neg", "lt", "gt", "and", "or", "not"]


def terms(depth: int) -> list[Node]:
    """Every way in which infix operations stand inside one another."""
    if depth == 0:
        return [x, h, a]
    inner = terms(depth - 1)
    values = [n for n in inner if not _is_condition(n)]
    conditions = [n for n in inner if _is_condition(n)]
    found = list(inner)
    for name in INFIX:
        operands = conditions if name in ("and", "or", "not") else values
        for arguments in itertools.product(operands[:9], repeat=OPS[name].arity):
            found.append(apply(name, *arguments))
    return list(dict.fromkeys(found))


def _is_condition(node: Node) -> bool:
    return getattr(node, "op", "") in ("lt", "gt", "and", "or", "not")


def test_python_reads_a_printed_term_as_the_same_value() -> None:
    values = {name: np.array([v]) for name, v in zip("xha", (0.7, -1.3, 2.1), strict=True)}
    given = {x: values["x"], h: values["h"], a: values["a"]}
    several = terms(2)
    assert len(several) > 400
    for node in several:
        text = Printer({}).term(node)
        expected = interpret.evaluate({"it": node}, given, {})["it"]
        tolerance = EXACT if _is_condition(node) else FLOAT64
        again = eval(text, {}, values)  # noqa: S307, what unrolled has printed
        assert_agrees(again, expected, tolerance=tolerance, name=text)


@pytest.mark.parametrize(("name", "cell"), list(variants()))
def test_python_reads_a_printed_equation_as_the_step(name: str, cell: Any) -> None:
    derived = equation(cell)
    generator = np.random.default_rng(0)
    sizes = {"1": 1} | dict.fromkeys(derived.sizes, 3) | derived.lengths
    shapes = {v.name: v.shape or () for v in derived.given}
    names: dict[str, Any] = {n: getattr(functions, n) for n in OPS if hasattr(functions, n)}
    names |= {"eye": eye, "outer": None}
    names |= {node.name: node.value for node in topological(derived.locals.values())
              if isinstance(node, Constant) and node.name}  # fmt: skip
    names |= {n: array.array.reshape(len(array.array), -1)
              for n, array in derived.constants.items()}  # fmt: skip
    given = {}
    for v in derived.given:
        array = generator.normal(size=tuple(sizes[size] for size in shapes[v.name]))
        array = array[:, None] if array.ndim == 1 else array
        given[v] = array
        names[f"{v.name}_prev" if v.role == "state" else v.name] = array
    expected = interpret.evaluate(derived.locals, given, sizes)
    for line in derived.text.splitlines():
        exec(line, names)  # noqa: S102, what unrolled has printed
        result = line.split(" = ")[0]
        assert_agrees(names[result], expected[result], tolerance=FLOAT64, name=line)


@pytest.mark.parametrize(
    ("value", "text"),
    [(2.0, "2"), (-1.5, "-1.5"), (1e-6, "1e-06"), (float("inf"), "inf"), (1e20, "1e+20")],
)
def test_numbers(value: float, text: str) -> None:
    assert number(value) == text
    assert Printer({}).term(constant(value)) == text


@pytest.mark.parametrize(
    ("name", "time", "latex"),
    [
        ("h", "t", "h_{t}"),
        ("h_prev", "t", "h_{t-1}"),
        ("W", "", "W"),
        ("W_i", "", "W_{i}"),
        ("W_out", "", r"W_{\mathrm{out}}"),
        ("net_i", "t", r"\mathrm{net}_{i,t}"),
        ("gamma", "", r"\gamma"),
        ("b_gamma", "", r"b_{\gamma}"),
        ("lam", "", r"\lambda"),
        ("dt", "", r"\Delta t"),
        ("h_2", "t", "h_{2,t}"),
        ("c_next", "t", "c_{t}^{+}"),
    ],
)
def test_names_in_latex(name: str, time: str, latex: str) -> None:
    assert symbol(name, time) == latex


def test_latex_of_an_equation() -> None:
    latex = equation(LSTM).latex
    assert latex.startswith("\\begin{aligned}\n")
    assert latex.endswith("\n\\end{aligned}")
    assert r"c_{t} &= f_{t} \odot c_{t-1} + i_{t} \odot g_{t} \\" in latex
    assert equation(LSTM)._repr_latex_() == f"$\\displaystyle {latex}$"
    backward = equation(LSTM).backward.latex
    assert r"\delta c_{t-1} &= \delta c_{t} \odot f_{t}" in backward
    assert r"\delta W_{i} &= \delta \mathrm{net}_{i,t} {x_{t}}^{\top}" in backward


def test_what_is_made_of_weights_alone_has_no_time() -> None:
    assert r"A &= U - {U}^{\top} - \gamma \, I" in equation(AntisymmetricRNN).latex
    assert r"\delta U &= \delta A - {\delta A}^{\top}" in equation(AntisymmetricRNN).backward.latex


def test_braces_balance_in_every_latex() -> None:
    for _, cell in variants():
        for latex in (equation(cell).latex, equation(cell).backward.latex):
            assert latex.count("{") == latex.count("}")
            assert latex.count(r"\left") == latex.count(r"\right")


def test_powers_of_ten_in_latex() -> None:
    class Small(Cell):
        def step(self, x: Any, h: Any) -> Any:
            return tanh(self.W @ x + 1e-6 * h) * 2.5e-8

    assert r"10^{-6} \, h_{t-1}" in equation(Small).latex
    assert r"2.5 \cdot 10^{-8}" in equation(Small).latex
