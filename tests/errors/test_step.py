"""Every mistake in a step is answered by what was written, the cure, and the file and line."""

import re
from pathlib import Path
from typing import Any

import pytest

from unrolled import CellError, equation
from unrolled.cells.library import find_cell

HEADER = """\
import math
import numpy as np
import torch
from unrolled import *
from unrolled import abs, sum


class Mine(Cell):
"""

# The step (or the whole body of the class), and what the answer must say. The line that must be
# named is marked with `# here`.
MISTAKES: dict[str, tuple[str, list[str]]] = {
    "if": (
        """
        if h > 0:  # here
            return h
        return x
        """,
        ["`if`", "but each unit has its own", "where(h > 0, a, b)"],
    ),
    "chained comparison": (
        "return where(0 < h < 1, x, h)  # here",
        ["a chained comparison", "(a < h) & (h < b)"],
    ),
    "and": ("return where((h > 0) and (h < 1), x, h)  # here", ["`and`", "(a > 0) & (b > 0)"]),
    "or": ("return where((h > 0) or (x < 1), x, h)  # here", ["`or`", "(a > 0) | (b > 0)"]),
    "not": ("return where(not h > 0, x, h)  # here", ["`not`", "~(a > 0)"]),
    "max": ("return max(h, x)  # here", ["maximum(a, b)"]),
    "==": ("return where(h == 0, x, h)  # here", ["`==`", "abs(a - b) < 1e-6"]),
    "!=": ("return where(h != 0, x, h)  # here", ["`!=`", "abs(a - b) > 1e-6"]),
    "numpy function": (
        "return np.tanh(self.W @ x + h)  # here",
        ["`np.tanh`", "`from unrolled import tanh`"],
    ),
    "numpy function under another name": (
        "return np.absolute(h)  # here",
        ["`np.absolute`", "`from unrolled import abs`"],
    ),
    "torch function that a step says otherwise": (
        "return torch.cat([x, h])  # here",
        ["`torch.cat`", "`from unrolled import concat`"],
    ),
    "torch function that is made of others": (
        "return torch.nn.functional.silu(self.W @ x) + h  # here",
        ["`torch.silu`", "`from unrolled import silu`"],
    ),
    "numpy function that there is not": (
        "return np.arctan(h)  # here",
        ["`np.arctan`", "unrolled's functions"],
    ),
    "numpy array function": ("return np.dot(self.U, h)  # here", ["NumPy got a value of the step"]),
    "math function": (
        "return math.exp(h)  # here",
        ["the module math", "`from unrolled import exp`"],
    ),
    "torch function": (
        "return torch.tanh(h)  # here",
        ["`torch.tanh`", "which is not a tensor", "`from unrolled import tanh`"],
    ),
    "torch module": (
        "return torch.nn.functional.relu(h)  # here",
        ["`torch.relu`", "`from unrolled import relu`"],
    ),
    "a weight that is called": (
        "return tanh(self.W(x) + h)  # here",
        ["called like a function", "self.W @ x"],
    ),
    "remainder": ("return h % 2  # here", ["is not supported", "+ - * / ** @"]),
    "whole division": ("return 7 // h  # here", ["is not supported"]),
    "a vector as a number of turns": (
        """
        for _ in range(h):  # here
            h = tanh(h)
        return h
        """,
        ["cannot count"],
    ),
    "float": ("return h * float(h)  # here", ["a function for plain numbers"]),
    "matrix on the right": (
        "return x @ self.W  # here",
        ["the matrix must be on the left of `@`", "self.W @ x, not x @ self.W"],
    ),
    "dot product": ("return h * (h @ h)  # here", ["between two vectors", "sum(a * b)"]),
    "array times vector": (
        "return np.ones((3, 3)) @ h  # here",
        ["`@` has a ndarray on its left", "name the matrix as a weight"],
    ),
    "an array beside a vector": (
        "return h + np.ones(3)  # here",
        ["got an array that has no name", "a class attribute A = np.array(...)"],
    ),
    "text beside a vector": ('return h + "one"  # here', ["got a str", "hyperparameter"]),
    "shape": ("return h * x.shape[0]  # here", ["`.shape` is not known", "inferred from use"]),
    "len": ("return h / len(h)  # here", ["the number of units is not known", "mean(v)"]),
    "method": ("return h.tanh()  # here", ["`.tanh` is not an attribute", "tanh(...)"]),
    "unknown attribute": ("return h.clone()  # here", ["no attribute `clone`"]),
    "transposed vector": ("return self.U @ h.T  # here", ["`.T` of a vector"]),
    "index": ("return h[0] * h  # here", ["cannot be indexed"]),
    "change in place": (
        """
        h[0] = 0  # here
        return h
        """,
        ["changed in place", "where(condition, a, h)"],
    ),
    "augmented assignment": (
        """
        h += self.W @ x  # here
        return h
        """,
        ["an in-place change", "`h = h + ...`"],
    ),
    "loop over units": (
        """
        total = 0
        for unit in h:  # here
            total = total + unit
        return total
        """,
        ["a loop over the units", "`from unrolled import sum`"],
    ),
    "weight assigned": (
        """
        self.W = h  # here
        return h
        """,
        ["self.W is assigned in the step", "a local name"],
    ),
    "varying exponent": ("return h**x  # here", ["the exponent of ** is not a constant", "exp("]),
    "exponential by **": ("return 2**h  # here", ["the exponent of ** is not a constant"]),
    "varying slope": (
        "return leaky_relu(h, self.a)  # here",
        ["the slope of leaky_relu is not a constant", "where(x > 0, x, slope * x)"],
    ),
    "a condition as a value": (
        "return h * (h > 0)  # here",
        ["got a condition", "where(condition, 1.0, 0.0)"],
    ),
    "a value as a condition": ("return where(h, x, h)  # here", ["takes a condition", "h > 0"]),
    "~ of a value": ("return where(~h, x, h)  # here", ["takes a condition"]),
    "matrix and vector": (
        """
        a = self.W * h  # here
        return self.W @ x + a
        """,
        ["self.W is used as a matrix", "a name of its own"],
    ),
    "matrix added to a vector": (
        "return (self.U + self.U.T) + h  # here",
        ["a matrix", "only through @"],
    ),
    "a name of Cell's own": (
        "return self.weights @ h  # here",
        ["self.weights is a name that Cell uses itself"],
    ),
    "a private weight": (
        "return self._W @ h  # here",
        ["self._W is not a valid name for a weight"],
    ),
    "a weight called d_": ("return self.d_W @ h  # here", ["`d_W` is reserved", "derivative"]),
    "a local called _prev": (
        """
        h_prev = self.W @ x + h
        return tanh(h_prev)
        """,
        ["`h_prev` is reserved"],
    ),
    "a local called like a weight": (
        """
        W = tanh(self.W @ x + h)
        return W * h
        """,
        ["`W` is also the name of", "a name of its own"],
    ),
    "a state that is a matrix": ("return self.U + self.U.T  # here", ["is a matrix"]),
    "sum of a matrix": ("return h * sum(self.U + self.U.T)  # here", ["matrix"]),
}

BODIES: dict[str, tuple[str, list[str]]] = {
    "too few states": (
        """
        def step(self, x, h, c):  # here
            return h + c
        """,
        ["takes 2 states (h, c) and returns 1"],
    ),
    "too many states": (
        """
        def step(self, x, h):  # here
            return h, x
        """,
        ["takes 1 state (h) and returns 2"],
    ),
    "nothing returned": (
        """
        def step(self, x, h):  # here
            h = tanh(h)
        """,
        ["returns nothing", "end it with `return`"],
    ),
    "a number returned": (
        """
        def step(self, x, h):  # here
            return 1.0
        """,
        ["the new h is a float"],
    ),
    "a constant state": (
        """
        gamma = 0.5
        def step(self, x, h, c):  # here
            return h + c, self.gamma
        """,
        ["is the same at every step"],
    ),
    "an unused state": (
        """
        def step(self, x, h, c):  # here
            return tanh(self.W @ x + h), h
        """,
        ["the state c is never used", "take it out"],
    ),
    "no state": (
        """
        def step(self, x):  # here
            return x
        """,
        ["def step(self, x, h)"],
    ),
    "a default": (
        """
        def step(self, x, h=None):  # here
            return x
        """,
        ["takes the input and then its states, by name"],
    ),
    "a star": (
        """
        def step(self, *states):  # here
            return states[0]
        """,
        ["takes the input and then its states, by name"],
    ),
    "a state called d_": (
        """
        def step(self, x, d_h):  # here
            return x
        """,
        ["`d_h` is reserved"],
    ),
    "sizes that cannot agree": (
        """
        sizes = {"h": "proj_size"}
        def step(self, x, h, c):
            c = self.W @ x + c
            return h + c, c  # here
        """,
        ["sizes that cannot agree", "proj_size and hidden_size", "a matrix between them"],
    ),
    "a state of another size": (
        """
        sizes = {"P": "rank"}
        def step(self, x, h):
            return self.P @ (self.W @ x + self.U @ h)  # here
        """,
        ["sizes that cannot agree", "the returned h"],
    ),
    "a number of turns that is not whole": (
        """
        depth = 3.0
        def step(self, x, h):
            for _ in range(self.depth):  # here
                h = tanh(self.W @ x + h)
            return h
        """,
        ["3.0 is not an integer", "depth = 3"],
    ),
    "a function as a method": (
        """
        activation = tanh
        def step(self, x, h):
            return self.activation(self.W @ x + h)  # here
        """,
        ["self.activation is the function tanh", "activation = staticmethod(tanh)"],
    ),
    "an open size": (
        """
        def step(self, x, h):
            return self.V @ tanh(self.U @ h) + self.W @ x  # here
        """,
        ["columns of self.V cannot be inferred", 'sizes = {"U": "hidden_size"}'],
    ),
    "a scalar used as a matrix": (
        """
        scalars = ("U",)
        def step(self, x, h):
            return self.U @ h + self.W @ x  # here
        """,
        ["declared in `scalars`", "take it out"],
    ),
    "a named input that nobody uses": (
        """
        def step(self, x, h, *, dt):  # here
            return tanh(self.W @ x + self.U @ h)
        """,
        ["the input dt is never used"],
    ),
    "a named input of a layer's name": (
        """
        def step(self, x, h, *, lengths):  # here
            return tanh(self.W @ x + self.U @ h) * lengths
        """,
        ["`lengths` has the name of an argument of every layer"],
    ),
    "a named input that is nothing by default": (
        """
        def step(self, x, h, *, dt=None):  # here
            return tanh(self.W @ x + self.U @ h) * dt
        """,
        ["the default of the input `dt` is None", "dt=1.0"],
    ),
    "a named input of no size": (
        """
        def step(self, x, h, *, context):  # here
            return tanh(self.W @ x + self.U @ h + self.V @ context)
        """,
        ["the size of the input context cannot be inferred", 'sizes = {"context": "1"}'],
    ),
    "a number as a matrix": (
        """
        gamma = 0.1
        def step(self, x, h):
            return self.gamma @ h  # here
        """,
        ["matrix"],
    ),
}


def answer(tmp_path: Path, body: str) -> tuple[str, str]:
    """What the mistake is answered by, and where it is."""
    lines = [*HEADER.splitlines(), *body.splitlines()]
    path = tmp_path / "cell.py"
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(CellError) as caught:
        equation(find_cell(f"{path}:Mine"))
    marked = [number for number, line in enumerate(lines, 1) if "# here" in line]
    return str(caught.value), f"{path}, line {marked[0]}" if marked else str(path)


def indented(text: str, by: int) -> str:
    lines = text.strip("\n").splitlines()
    margin = min(len(line) - len(line.lstrip()) for line in lines if line.strip())
    return "\n".join(" " * by + line[margin:] for line in lines)


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_in_a_step(name: str, tmp_path: Path) -> None:
    step, words = MISTAKES[name]
    found, where = answer(tmp_path, "    def step(self, x, h):\n" + indented(step, 8))
    for word in words:
        assert word in found
    assert where in found
    assert re.search(r"line \d+: `.+`\)$", found), "the line itself is shown"


@pytest.mark.parametrize("name", BODIES)
def test_a_mistake_in_a_cell(name: str, tmp_path: Path) -> None:
    body, words = BODIES[name]
    found, where = answer(tmp_path, indented(body, 4))
    for word in words:
        assert word in found
    assert where in found


def test_every_answer_is_one_sentence(tmp_path: Path) -> None:
    for step, _ in MISTAKES.values():
        found, _ = answer(tmp_path, "    def step(self, x, h):\n" + indented(step, 8))
        assert "\n" not in found
        assert found[0] not in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" or found.startswith("NumPy")


def declared(**attributes: Any) -> type:
    from unrolled import Cell, tanh

    def step(self: Any, x: Any, h: Any) -> Any:
        return tanh(self.W @ x + self.U @ h + self.b)

    return type("Mine", (Cell,), {"step": step, **attributes})


@pytest.mark.parametrize(
    ("attributes", "words"),
    [
        ({"initial": {"bias": 1.0}}, ["initial names 'bias'", "does not use"]),
        ({"initial": {"B": 1.0}}, ["did you mean 'b'?"]),
        ({"initial": {"U": "orthogonl"}}, ['initial["U"]', "orthogonal"]),
        ({"initial": {"b": "orthogonal"}}, ["a rule for matrices", "give it a number"]),
        ({"initial": {"b": True}}, ['initial["b"]']),
        ({"initial": {"b": ("uniform", 1.0)}}, ['("uniform", low, high)']),
        ({"initial": {"b": ("minus", "W")}}, ["'W' is not another weight of the same"]),
        ({"initial": {"W": ("spectral", 0.9)}}, ["only a square matrix has a spectral radius"]),
        ({"initial": {"b": ("chrono", 1)}}, ['("chrono", longest)']),
        ({"fixed": ("V",)}, ["fixed names 'V'"]),
        ({"fixed": "U"}, ["fixed is 'U', but must be a tuple of names", '("U",)']),
        ({"sizes": {"c": "proj_size"}}, ["sizes names 'c'"]),
        ({"sizes": {"U": "n * n"}}, ["declares 'n * n' for U", "a name of its own"]),
        ({"sizes": {"U": 3}}, ["declares 3 for U", "a size is a name"]),
        ({"scalars": ("beta",)}, ["scalars names 'beta'"]),
        ({"initial_state": {"m": 1.0}}, ["initial_state names 'm'"]),
        ({"initial_state": {"h": "zero"}}, ['initial_state["h"]', "must be a number"]),
    ],
)
def test_a_mistake_in_a_declaration(attributes: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(CellError) as caught:
        equation(declared(**attributes))
    for word in ["Mine", *words]:
        assert word in str(caught.value)
