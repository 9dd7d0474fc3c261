"""First values of weights. In: a rule, a shape, a generator. Out: an array; next: `base`, layers.

A cell names its rules in `initial = {"b_f": 1.0, "U": "orthogonal"}`; a weight without a rule is
uniform in +-1/sqrt(hidden_size), as in torch.nn.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unrolled.errors import CellError

RULES = ("orthogonal", "identity", "glorot")


def draw(
    rule: Any, shape: tuple[int, ...], hidden_size: int, generator: np.random.Generator
) -> NDArray[np.float64]:
    """An array by one rule: None, a number, ("uniform", low, high), or a name of `RULES`."""
    if rule is None:
        bound = 1 / math.sqrt(hidden_size)
        return generator.uniform(-bound, bound, shape)
    if isinstance(rule, int | float):
        return np.full(shape, float(rule))
    if isinstance(rule, tuple):
        _, low, high = rule
        return generator.uniform(low, high, shape)
    if rule == "identity":
        rows, columns = shape
        return np.eye(rows, columns)
    if rule == "glorot":  # Glorot & Bengio 2010: the same variance forward and backward
        bound = math.sqrt(6 / sum(shape))
        return generator.uniform(-bound, bound, shape)
    return _orthogonal(shape, generator)


def check_rule(cell: str, weight: str, rule: Any, axes: int) -> None:
    """Refuse a rule that does not exist, or that wants a matrix and got a vector."""
    is_range = isinstance(rule, tuple | list) and len(rule) == 3 and rule[0] == "uniform"
    if is_range or (isinstance(rule, int | float) and not isinstance(rule, bool)):
        return
    if rule not in RULES:
        raise CellError(
            f'{cell}: initial["{weight}"] is {rule!r}: it is a number, ("uniform", low, high), or '
            f"one of {', '.join(RULES)}"
        )
    if axes != 2:
        raise CellError(
            f'{cell}: initial["{weight}"] is "{rule}", which is a rule for matrices; '
            f"{weight} is a vector: give it a number"
        )


def _orthogonal(shape: tuple[int, ...], generator: np.random.Generator) -> NDArray[np.float64]:
    """Rows (or columns, where there are fewer) of length one, at right angles (Saxe 2013)."""
    rows, columns = shape
    q, r = np.linalg.qr(generator.normal(size=(max(shape), min(shape))))
    q = q * np.sign(np.diag(r))  # makes the draw uniform over the orthogonal matrices
    return q if rows >= columns else q.T
