"""The functions for steps, such as `tanh`. In: arrays or symbols. Out: the same.

On a symbol (while a step is traced) a function adds a node to the equation; on NumPy arrays and
plain numbers it computes, so the same step is its own reference. Other kinds of arrays are added by
`register`, as the torch layers do when they are imported.
"""

from __future__ import annotations

import builtins
import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from unrolled.equations.ops import OPS
from unrolled.errors import ShapeError

_families: list[tuple[type, Mapping[str, Callable[..., Any]]]] = []


def register(kind: type, functions: Mapping[str, Callable[..., Any]]) -> None:
    """Compute arrays of this kind with these functions, one for each name in `OPS`."""
    _families.append((kind, functions))


def _call(name: str, *arguments: Any) -> Any:
    for argument in arguments:
        if _is_symbol(argument):
            return argument.apply_operation(name, *arguments)
    for kind, functions in _families:
        if any(isinstance(argument, kind) for argument in arguments):
            return functions[name](*arguments)
    return OPS[name].compute(*map(_as_array, arguments))


def compute(name: str, *arguments: Any) -> Any:
    """Any operation of `OPS`, on anything a step can be called with."""
    if any(isinstance(argument, Identity) for argument in arguments):
        return getattr(operator, name)(*arguments)  # `eye` meets + - * @ and nothing else
    return _call(name, *arguments)


def _as_array(value: Any) -> Any:
    # a Python number stays one, so that it does not change the dtype of an array
    return value if isinstance(value, (bool, int, float)) else np.asarray(value)


def tanh(x: Any) -> Any:
    """The hyperbolic tangent."""
    return _call("tanh", x)


def sigmoid(x: Any) -> Any:
    """The logistic function 1 / (1 + exp(-x))."""
    return _call("sigmoid", x)


def relu(x: Any) -> Any:
    """x where it is positive, else 0."""
    return _call("relu", x)


def leaky_relu(x: Any, slope: float = 0.01) -> Any:
    """x where it is positive, else slope * x."""
    return _call("leaky_relu", x, slope)


def softplus(x: Any) -> Any:
    """log(1 + exp(x)), a smooth relu."""
    return _call("softplus", x)


def exp(x: Any) -> Any:
    """The exponential function."""
    return _call("exp", x)


def log(x: Any) -> Any:
    """The natural logarithm."""
    return _call("log", x)


def sqrt(x: Any) -> Any:
    """The square root."""
    return _call("sqrt", x)


def abs(x: Any) -> Any:
    """The absolute value; its derivative at 0 is 0."""
    return _call("abs", x)


def sign(x: Any) -> Any:
    """-1, 0 or 1; its derivative is 0."""
    return _call("sign", x)


def floor(x: Any) -> Any:
    """The largest integer not above x; its derivative is 0."""
    return _call("floor", x)


def sin(x: Any) -> Any:
    """The sine."""
    return _call("sin", x)


def cos(x: Any) -> Any:
    """The cosine."""
    return _call("cos", x)


def maximum(a: Any, b: Any) -> Any:
    """The greater of a and b, unit by unit."""
    return _call("maximum", a, b)


def minimum(a: Any, b: Any) -> Any:
    """The smaller of a and b, unit by unit."""
    return _call("minimum", a, b)


def where(condition: Any, a: Any, b: Any) -> Any:
    """a where the condition holds, else b, unit by unit."""
    return _call("where", condition, a, b)


def sum(v: Any) -> Any:
    """The sum over the units; the axis stays, so that the result broadcasts against them."""
    return _call("sum", v)


def mean(v: Any) -> Any:
    """The mean over the units; the axis stays, so that the result broadcasts against them."""
    return _call("mean", v)


def max(v: Any) -> Any:
    """The largest of the units; the axis stays. Units that tie share the derivative, as in
    torch.amax."""
    return _call("max", v)


def min(v: Any) -> Any:
    """The smallest of the units; the axis stays. Units that tie share the derivative."""
    return _call("min", v)


def softmax(v: Any) -> Any:
    """exp(v) divided by its sum over the units; the results add up to 1."""
    return _call("softmax", v)


def concat(a: Any, b: Any, *more: Any) -> Any:
    """Concatenate vectors: self.W @ concat(x, h) uses one matrix for both."""
    result = _call("concat", a, b)
    for other in more:
        result = _call("concat", result, other)
    return result


def split(v: Any, *parts: Any) -> tuple[Any, ...]:
    """Split a vector, the inverse of `concat`: into a number of equal parts,
    `i, f, g, o = split(self.W @ x + self.U @ h + self.b, 4)`, or into parts of declared sizes,
    `a, b = split(h, self.memory, self.rest)`."""
    if _is_symbol(v):
        return tuple(v.split(parts))
    units = len(v)
    if len(parts) == 1 and isinstance(parts[0], int) and parts[0] > 0 and units % parts[0] == 0:
        lengths = [units // parts[0]] * parts[0]
    else:
        lengths = [int(length) for length in parts]
    if not lengths or builtins.sum(lengths) != units:
        raise ShapeError(
            f"split cuts a vector of {units} units into parts of {', '.join(map(repr, parts))}: "
            f"give a number of equal parts, split(v, 4), or lengths that add up to {units}"
        )
    starts = [builtins.sum(lengths[:number]) for number in range(len(lengths))]
    return tuple(v[start : start + n] for start, n in zip(starts, lengths, strict=True))


def clip_gradient(x: Any, bound: float) -> Any:
    """x itself; the derivative of the loss with respect to it is clipped to -bound ... bound."""
    return _call("clip_gradient", x, bound)


# -------------------------------------------- functions composed of others, and printed as those


def silu(x: Any) -> Any:
    """x * sigmoid(x), also called swish (Elfwing et al. 2018)."""
    return x * sigmoid(x)


def gelu(x: Any) -> Any:
    """x times the normal distribution function at x, in the tanh approximation of Hendrycks &
    Gimpel (2016): torch's gelu with approximate="tanh"."""
    return 0.5 * x * (1 + tanh(0.7978845608028654 * (x + 0.044715 * x**3)))  # sqrt(2 / pi)


def elu(x: Any, alpha: float = 1.0) -> Any:
    """x where it is positive, else alpha * (exp(x) - 1) (Clevert et al. 2016)."""
    return where(x > 0, x, alpha * (exp(minimum(x, 0.0)) - 1))


def hardsigmoid(x: Any) -> Any:
    """0 up to -3, 1 from 3 on, and a straight line between."""
    return where(x >= 3, 1.0, where(x <= -3, 0.0, x / 6 + 0.5))


def hardtanh(x: Any) -> Any:
    """-1 up to -1, 1 from 1 on, and x between."""
    return where(x >= 1, 1.0, where(x <= -1, -1.0, x))


class Identity:
    """`eye`, and `factor * eye`: the identity matrix, whose size follows from its use."""

    __array_ufunc__ = None  # NumPy then leaves `array + eye` to the methods below

    def __init__(self, factor: Any = 1.0) -> None:
        self.factor = factor

    def __repr__(self) -> str:
        return "eye" if self.factor == 1.0 else f"{self.factor} * eye"

    def __mul__(self, factor: Any) -> Any:
        return NotImplemented if _is_symbol(factor) else Identity(self.factor * factor)

    __rmul__ = __mul__

    def __neg__(self) -> Identity:
        return Identity(-self.factor)

    def __add__(self, matrix: Any) -> Any:
        if isinstance(matrix, Identity):
            return Identity(self.factor + matrix.factor)
        return NotImplemented if _is_symbol(matrix) else matrix + self._like(matrix)

    __radd__ = __add__

    def __sub__(self, matrix: Any) -> Any:
        if isinstance(matrix, Identity):
            return Identity(self.factor - matrix.factor)
        return NotImplemented if _is_symbol(matrix) else self._like(matrix) - matrix

    def __rsub__(self, matrix: Any) -> Any:
        return matrix - self._like(matrix)

    def __matmul__(self, vector: Any) -> Any:
        return NotImplemented if _is_symbol(vector) else self.factor * vector

    def _like(self, matrix: Any) -> Any:
        for kind, functions in _families:
            if isinstance(matrix, kind):
                return self.factor * functions["eye"](matrix)
        return self.factor * np.eye(np.shape(matrix)[0], dtype=np.result_type(matrix))


def _is_symbol(value: Any) -> bool:
    return hasattr(value, "apply_operation")


eye = Identity()
