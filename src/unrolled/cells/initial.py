"""Initial values of weights. In: rules, shapes, a generator. Out: arrays; next: `base`, layers.

A cell declares rules in `initial = {"b_f": 1.0, "U": "orthogonal"}`; a weight without a rule is
uniform in +-1/sqrt(hidden_size), as in torch.nn. A custom rule is a function,

    def first(shape, random, sizes):      # (4, 4), a NumPy generator, {"hidden_size": 4, ...}
        return random.laplace(size=shape)

An equation stored as data keeps only the name of a function. In a layer of such an equation the
weight is NaN until its values are loaded.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unrolled.errors import CellError

Array = NDArray[np.float64]

RULES = ("orthogonal", "identity", "glorot")
# Rules with numbers: name -> how it is written
WITH_NUMBERS = {
    "uniform": '("uniform", low, high)',
    "chrono": '("chrono", longest)',
    "minus": '("minus", "b_f")',
    "spectral": '("spectral", radius) or ("spectral", radius, share)',
    "function": "a function (shape, random, sizes) -> array",
}
SQUARE = ("spectral",)


def draw(
    rule: Any,
    shape: tuple[int, ...],
    hidden_size: int,
    generator: np.random.Generator,
    sizes: Mapping[str, int] | None = None,
    known: Mapping[str, Any] | None = None,
) -> Array:
    """An array by one rule: None, a number, a name of `RULES`, a tuple of `WITH_NUMBERS`, or a
    function. `known`: the weights drawn before, by name."""
    if rule is None:
        bound = 1 / math.sqrt(hidden_size)
        return generator.uniform(-bound, bound, shape)
    if callable(rule):
        return _of_function(rule, shape, generator, sizes or {})
    if isinstance(rule, int | float):
        return np.full(shape, float(rule))
    if isinstance(rule, tuple | list):
        name, *numbers = rule
        return _with_numbers(name, numbers, shape, generator, known or {})
    if rule == "identity":
        rows, columns = shape
        return np.eye(rows, columns)
    if rule == "glorot":  # Glorot & Bengio 2010: the same variance forward and backward
        bound = math.sqrt(6 / sum(shape))
        return generator.uniform(-bound, bound, shape)
    return _orthogonal(shape, generator)


def in_order(rules: Mapping[str, Any], weights: Mapping[str, Any]) -> list[str]:
    """The names of the weights; one that depends on another comes after it."""
    later = [name for name in weights if _source(rules.get(name)) is not None]
    return [*(name for name in weights if name not in later), *later]


def check_rule(cell: str, weight: str, rule: Any, weights: Mapping[str, tuple[str, ...]]) -> None:
    """Refuse a rule that does not exist, or that does not fit the weight's shape."""
    is_number = isinstance(rule, int | float) and not isinstance(rule, bool)
    if is_number or callable(rule):
        return
    said = f'{cell}: initial["{weight}"] is {rule!r}'
    if not _is_rule(rule):
        raise CellError(
            f"{said}: use a number, one of {', '.join(RULES)}, {', '.join(WITH_NUMBERS.values())}"
        )
    source, shape = _source(rule), weights[weight]
    if source is not None and (weights.get(source) != shape or source == weight):
        raise CellError(f"{said}: {source!r} is not another weight of the same shape {shape}")
    if (isinstance(rule, str) or rule[0] in SQUARE) and len(shape) != 2:
        raise CellError(
            f"{said}, which is a rule for matrices; {weight} is a vector: give it a number"
        )
    if not isinstance(rule, str) and rule[0] in SQUARE and shape[0] != shape[1]:
        raise CellError(f"{said}: only a square matrix has a spectral radius, not one of {shape}")


def _is_rule(rule: Any) -> bool:
    if isinstance(rule, str):
        return rule in RULES
    if not isinstance(rule, tuple | list) or not rule:
        return False
    name, *values = rule
    if name in ("minus", "function"):
        return len(values) == 1 and isinstance(values[0], str)
    counts = {"uniform": (2,), "chrono": (1,), "spectral": (1, 2)}
    are_numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in values)
    if not are_numbers or len(values) not in counts.get(name, ()):
        return False
    if name == "chrono":
        return bool(values[0] > 2)
    return name == "uniform" or (values[0] > 0 and all(0 < share <= 1 for share in values[1:]))


def _source(rule: Any) -> str | None:
    """The weight on which a rule depends."""
    is_minus = isinstance(rule, tuple | list) and len(rule) == 2 and rule[0] == "minus"
    return str(rule[1]) if is_minus else None


def _with_numbers(
    name: str,
    numbers: list[Any],
    shape: tuple[int, ...],
    generator: np.random.Generator,
    known: Mapping[str, Any],
) -> Array:
    if name == "minus":
        return -np.asarray(known[numbers[0]], np.float64)
    if name == "chrono":  # Tallec & Ollivier 2018: memories of 1 to `longest` steps
        return np.log(generator.uniform(1, numbers[0] - 1, shape))
    if name == "spectral":
        return _spectral(shape[0], *numbers, generator=generator)
    if name == "function":
        return np.full(shape, np.nan)
    low, high = numbers
    return generator.uniform(low, high, shape)


def _of_function(
    rule: Any, shape: tuple[int, ...], generator: np.random.Generator, sizes: Mapping[str, int]
) -> Array:
    found = np.array(rule(shape, generator, dict(sizes)), dtype=np.float64)
    if found.shape != shape:
        raise CellError(
            f"the function {getattr(rule, '__qualname__', rule)} of `initial` was asked for an "
            f"array of the shape {shape}, and returned one of {found.shape}"
        )
    return found


def _spectral(
    units: int, radius: float, share: float = 1.0, *, generator: np.random.Generator
) -> Array:
    """A random matrix whose largest eigenvalue has this modulus; each row has the same number of
    nonzero entries, at least one, so that the largest eigenvalue is never 0."""
    count = max(1, round(share * units))
    matrix = np.zeros((units, units))
    for row in matrix:
        row[generator.choice(units, count, replace=False)] = generator.normal(size=count)
    largest = float(np.abs(np.linalg.eigvals(matrix)).max())
    return matrix * (radius / largest)


def _orthogonal(shape: tuple[int, ...], generator: np.random.Generator) -> Array:
    """A matrix with orthonormal rows, or columns if there are fewer (Saxe 2013)."""
    rows, columns = shape
    q, r = np.linalg.qr(generator.normal(size=(max(shape), min(shape))))
    q = q * np.sign(np.diag(r))  # makes the draw uniform over the orthogonal matrices
    return q if rows >= columns else q.T
