"""The operations: one row each. In: nodes. Out: `OPS`; next: `functions`, `trace`, `derive`.

A row holds all that is known about an operation: how many arguments, the shape of its result, the
NumPy function (the reference for every engine), the derivative, how it prints. `tests/architecture`
walks this table and asks every engine for each row.

**The derivative** of y = f(a, b) takes `d`, the derivative of the loss by y, then y itself and the
arguments, and returns the derivative of the loss by each argument, or None where it is zero
everywhere. A result that is wider than its argument (an argument was broadcast) is summed by
`derive`, so no rule needs to think of it. At a kink the value is torch's: 0 for relu and abs at 0,
the slope for leaky_relu at 0, one half each for a tie of maximum and minimum.

`tangent` reads the same rows. An operation whose shape rule is `elementwise` works unit by unit, so
its derivative says how it moves; where that is not so, and the operation is not linear in each of
its arguments either, the row has a rule for the movement, which takes the movements of the
arguments in the place of `d`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from unrolled.equations.joining import block_diagonal, concat, diagonal_blocks, pad, part
from unrolled.equations.lengths import block_of, rest_of, sum_of
from unrolled.equations.nodes import (
    ONE,
    Apply,
    Constant,
    ConstantArray,
    Eye,
    Length,
    Node,
    Shape,
    Variable,
    apply,
    constant,
    length,
    topological,
)

Array = NDArray[Any]
Derivative = Callable[..., tuple[Node | None, ...]]
ShapeRule = Callable[..., Shape]


class ShapeMismatch(Exception):
    """Two sizes that cannot be one; `trace` turns it into a taught error with the user's line."""


FUNCTION = 9  # the precedence of what is written with brackets: tanh(...)


@dataclass(frozen=True, slots=True)
class Op:
    """One row. `text` is an infix symbol (with Python's precedence) or the name of a function."""

    name: str
    arity: int
    shape: ShapeRule
    compute: Callable[..., Any]
    derivative: Derivative | None
    movement: Derivative | None
    text: str
    latex: str
    precedence: int = FUNCTION
    is_condition: bool = False


# ---------------------------------------------------------------------------------------- shapes


def elementwise(*shapes: Shape) -> Shape:
    """Numbers and one-unit vectors broadcast; everything else must agree."""
    wide = {shape for shape in shapes if shape not in ((), (ONE,))}
    if len(wide) > 1:
        raise ShapeMismatch(" and ".join(sorted(map(str, wide))))
    if wide:
        return wide.pop()
    return (ONE,) if (ONE,) in shapes else ()


def product(left: Shape, right: Shape) -> Shape:
    if len(left) != 2 or not right or left[1] != right[0]:
        raise ShapeMismatch(f"{left} @ {right}")
    return (left[0], *right[1:])


def reduced(shape: Shape) -> Shape:
    if len(shape) != 1:
        raise ShapeMismatch(f"a sum over the units of {shape}")
    return (ONE,)


def one_vector(shape: Shape) -> Shape:
    """Of what takes all units of one vector, and gives as many."""
    if len(shape) != 1:
        raise ShapeMismatch(f"all units of {shape}")
    return shape


def joined(a: Shape, b: Shape) -> Shape:
    if len(a) != 1 or len(b) != 1:
        raise ShapeMismatch(f"{a} beside {b}")
    return (sum_of(a[0], b[0]),)


def only_special(*shapes: Shape) -> Shape:
    """Of what `shape_of` knows by more than the shapes of its arguments."""
    raise ShapeMismatch("a shape that follows from a number")


def bounded(value: Shape, bound: Shape) -> Shape:
    return value


def widened(value: Shape, units: Shape) -> Shape:
    """Of `spread`, whose result is as wide as the length that it is given: see `shape_of`."""
    return value


# ---------------------------------------------------------------------------- NumPy, on columns


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)) without overflow on either side, and without loss where it is small."""
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + small), small / (1 + small)).astype(
        np.result_type(x), copy=False
    )


def softplus(x: Array) -> Any:
    """log(1 + exp(x)) without overflow."""
    return relu(x) + np.log1p(np.exp(-np.abs(x)))


def relu(x: Array) -> Any:
    return np.maximum(x, np.zeros((), np.result_type(x)))


def leaky_relu(x: Array, slope: float = 0.01) -> Array:
    return np.where(x > 0, x, x * slope)


def sum_units(x: Array) -> Any:
    return np.sum(x, axis=0, keepdims=True)


def mean_units(x: Array) -> Any:
    return np.mean(x, axis=0, keepdims=True)


def max_units(x: Array) -> Any:
    return np.max(x, axis=0, keepdims=True)


def min_units(x: Array) -> Any:
    return np.min(x, axis=0, keepdims=True)


def softmax(x: Array) -> Any:
    """exp(x) over its sum, without overflow."""
    raised = np.exp(x - max_units(x))
    return raised / sum_units(raised)


def clip_gradient(x: Array, bound: float) -> Array:
    """The value itself: only the derivative is bounded."""
    return x


def spread(x: Array, units: int) -> Array:
    return np.broadcast_to(x, (units, x.shape[-1] if np.ndim(x) else 1))


def outer(a: Array, b: Array) -> Array:
    return a @ b.T


def where(condition: Array, a: Array, b: Array) -> Array:
    return np.where(condition, a, b)


# ------------------------------------------------------------------------------------ derivatives


def _tie(first: str, d: Node, a: Node, b: Node) -> Node:
    """The derivative of maximum ("gt") or minimum ("lt") by its argument a."""
    second = {"gt": "lt", "lt": "gt"}[first]
    half = apply("where", apply(second, a, b), constant(0), d * 0.5)
    return apply("where", apply(first, a, b), d, half)


def _power(d: Node, y: Node, x: Node, n: Node) -> tuple[Node | None, ...]:
    if n is constant(0):
        return None, None
    return d * (n * x ** (n - 1)), None


def _product(d: Node, y: Node, a: Node, b: Node) -> tuple[Node | None, ...]:
    # y = A b: dA is the outer product of d and b (for a matrix b that is d b^T, the same formula)
    return apply("outer", d, b), apply("matmul", apply("transpose", a), d)


def _units(x: Node) -> Length:
    return length(shape_of(x)[0])


ZERO = constant(0)


def _extreme(compare: str) -> tuple[Derivative, Derivative]:
    """Derivative and movement of the largest ("ge") or smallest ("le") unit: units that tie for it
    share them."""

    def tied(y: Node, x: Node) -> tuple[Node, Node]:
        chosen = apply(compare, x, y)
        return chosen, apply("sum", apply("where", chosen, _ONE, ZERO))

    def derivative(d: Node, y: Node, x: Node) -> tuple[Node]:
        chosen, count = tied(y, x)
        return (_gate(chosen, d / count),)

    def movement(moved: Node, y: Node, x: Node) -> tuple[Node]:
        chosen, count = tied(y, x)
        return (apply("sum", _gate(chosen, moved)) / count,)

    return derivative, movement


def _softmax(d: Node, y: Node, x: Node) -> tuple[Node]:
    return (y * (d - apply("sum", d * y)),)  # a symmetric matrix: the movement is the same


def _clipped(d: Node, y: Node, x: Node, bound: Node) -> tuple[Node, None]:
    return apply("maximum", apply("minimum", d, bound), -bound), None


def _gate(condition: Node, d: Node) -> Node:
    return apply("where", condition, d, ZERO)


def _row(
    name: str,
    arity: int,
    compute: Callable[..., Any],
    derivative: Derivative | None,
    latex: str,
    *,
    movement: Derivative | None = None,
    shape: ShapeRule = elementwise,
    text: str = "",
    precedence: int = FUNCTION,
    is_condition: bool = False,
) -> Op:
    text = text or name
    return Op(
        name, arity, shape, compute, derivative, movement, text, latex, precedence, is_condition
    )


_ONE = constant(1)
MAX, MIN = _extreme("ge"), _extreme("le")

_ROWS = (
    # name, arity, NumPy, derivative, LaTeX, how it prints
    _row("add", 2, np.add, lambda d, y, a, b: (d, d), "{0} + {1}", text="+", precedence=4),
    _row("sub", 2, np.subtract, lambda d, y, a, b: (d, -d), "{0} - {1}", text="-", precedence=4),
    _row("mul", 2, np.multiply, lambda d, y, a, b: (d * b, d * a), r"{0} \odot {1}", text="*",
         precedence=5),
    _row("div", 2, np.divide, lambda d, y, a, b: (d / b, -(d * y / b)), r"\frac{{{0}}}{{{1}}}",
         text="/", precedence=5),
    _row("neg", 1, np.negative, lambda d, y, a: (-d,), "-{0}", text="-", precedence=6),
    _row("pow", 2, np.power, _power, "{{{0}}}^{{{1}}}", text="**", precedence=7),
    _row("matmul", 2, np.matmul, _product, "{0} {1}", shape=product, text="@", precedence=5),
    _row("transpose", 1, np.transpose, lambda d, y, a: (apply("transpose", d),),
         r"{{{0}}}^{{\top}}", shape=lambda shape: shape[::-1], text=".T", precedence=8),
    _row("outer", 2, outer, None, r"{0} {{{1}}}^{{\top}}",
         shape=lambda a, b: (a[0], b[0])),
    _row("tanh", 1, np.tanh, lambda d, y, x: (d * (1 - y**2),), r"\tanh({0})"),
    _row("sigmoid", 1, sigmoid, lambda d, y, x: (d * (y * (1 - y)),), r"\sigma({0})"),
    _row("relu", 1, relu, lambda d, y, x: (_gate(apply("gt", x, ZERO), d),),
         r"\operatorname{{relu}}({0})"),
    _row("leaky_relu", 2, leaky_relu,
         lambda d, y, x, s: (apply("where", apply("gt", x, ZERO), d, d * s), None),
         r"\operatorname{{leaky\,relu}}({0}, {1})"),
    _row("softplus", 1, softplus, lambda d, y, x: (d * apply("sigmoid", x),),
         r"\operatorname{{softplus}}({0})"),
    _row("exp", 1, np.exp, lambda d, y, x: (d * y,), r"\exp({0})"),
    _row("log", 1, np.log, lambda d, y, x: (d / x,), r"\log({0})"),
    _row("sqrt", 1, np.sqrt, lambda d, y, x: (d * 0.5 / y,), r"\sqrt{{{0}}}"),
    _row("abs", 1, np.abs, lambda d, y, x: (d * apply("sign", x),), r"\left|{0}\right|"),
    _row("sign", 1, np.sign, lambda d, y, x: (None,), r"\operatorname{{sign}}({0})"),
    _row("floor", 1, np.floor, lambda d, y, x: (None,), r"\left\lfloor {0} \right\rfloor"),
    _row("sin", 1, np.sin, lambda d, y, x: (d * apply("cos", x),), r"\sin({0})"),
    _row("cos", 1, np.cos, lambda d, y, x: (-(d * apply("sin", x)),), r"\cos({0})"),
    _row("maximum", 2, np.maximum,
         lambda d, y, a, b: (_tie("gt", d, a, b), _tie("gt", d, b, a)), r"\max({0}, {1})"),
    _row("minimum", 2, np.minimum,
         lambda d, y, a, b: (_tie("lt", d, a, b), _tie("lt", d, b, a)), r"\min({0}, {1})"),
    _row("where", 3, where,
         lambda d, y, c, a, b: (None, _gate(c, d), apply("where", c, ZERO, d)),
         r"\begin{{cases}} {1} & {0} \\ {2} & \text{{else}} \end{{cases}}"),
    _row("sum", 1, sum_units, lambda d, y, x: (apply("spread", d, _units(x)),),
         r"\operatorname{{sum}}({0})", shape=reduced),
    _row("mean", 1, mean_units, lambda d, y, x: (apply("spread", d / _units(x), _units(x)),),
         r"\operatorname{{mean}}({0})", shape=reduced),
    _row("max", 1, max_units, MAX[0], r"\max({0})", shape=reduced, movement=MAX[1]),
    _row("min", 1, min_units, MIN[0], r"\min({0})", shape=reduced, movement=MIN[1]),
    _row("softmax", 1, softmax, _softmax, r"\operatorname{{softmax}}({0})", shape=one_vector,
         movement=_softmax),
    _row("clip_gradient", 2, clip_gradient, _clipped, r"\operatorname{{clip}}'({0}, {1})",
         shape=bounded, movement=lambda moved, y, x, bound: (moved, None)),
    _row("concat", 2, concat,
         lambda d, y, a, b: (apply("part", d, ZERO, _units(a)), apply("part", d, _units(a),
                                                                     _units(b))),
         r"\begin{{bmatrix}} {0} \\ {1} \end{{bmatrix}}", shape=joined,
         movement=lambda moved, y, a, b: (apply("pad", moved, ZERO, _units(y)),
                                          apply("pad", moved, _units(a), _units(y)))),
    _row("part", 3, part, lambda d, y, x, start, n: (apply("pad", d, start, _units(x)), None, None),
         r"\operatorname{{part}}({0}, {1}, {2})", shape=only_special),
    _row("pad", 3, pad, lambda d, y, x, start, n: (apply("part", d, start, _units(x)), None, None),
         r"\operatorname{{pad}}({0}, {1}, {2})", shape=only_special),
    _row("block_diagonal", 2, block_diagonal,
         lambda d, y, x, n: (apply("diagonal_blocks", d, n), None),
         r"\operatorname{{diag}}_{{{1}}}({0})", shape=only_special),
    _row("diagonal_blocks", 2, diagonal_blocks, None, r"\operatorname{{blocks}}_{{{1}}}({0})",
         shape=only_special),
    _row("spread", 2, spread, lambda d, y, x, units: (apply("sum", d), None),
         r"\mathbf{{1}}\,{0}", shape=widened),
    _row("total", 1, np.sum, None, r"\operatorname{{sum}}({0})", shape=lambda shape: ()),
    _row("lt", 2, np.less, None, "{0} < {1}", text="<", precedence=1, is_condition=True),
    _row("le", 2, np.less_equal, None, r"{0} \le {1}", text="<=", precedence=1, is_condition=True),
    _row("gt", 2, np.greater, None, "{0} > {1}", text=">", precedence=1, is_condition=True),
    _row("ge", 2, np.greater_equal, None, r"{0} \ge {1}", text=">=", precedence=1,
         is_condition=True),
    _row("and", 2, np.logical_and, None, r"{0} \wedge {1}", text="&", precedence=3,
         is_condition=True),
    _row("or", 2, np.logical_or, None, r"{0} \vee {1}", text="|", precedence=2,
         is_condition=True),
    _row("not", 1, np.logical_not, None, r"\neg {0}", text="~", precedence=6, is_condition=True),
)  # fmt: skip

OPS: dict[str, Op] = {row.name: row for row in _ROWS}

# Over the units: their result has one unit.
REDUCTIONS = frozenset(row.name for row in _ROWS if row.shape is reduced)
# What needs whole vectors, and not one unit of each.
WHOLE = REDUCTIONS | {"matmul", "softmax"}


# ------------------------------------------------------------------------------ the shape of a node

_shapes: WeakKeyDictionary[Node, Shape] = WeakKeyDictionary()


def shape_of(node: Node) -> Shape:
    """The shape that the rules above give; raises ShapeMismatch where two sizes disagree."""
    shape = _shapes.get(node)
    if shape is None:
        for below in topological([node], _shapes):
            if below not in _shapes:
                _shapes[below] = _shape_of(below)
        shape = _shapes[node]
    return shape


def _shape_of(node: Node) -> Shape:
    if isinstance(node, Variable | ConstantArray):
        if node.shape is None:
            raise ShapeMismatch(f"{node.name} has no size yet")
        return node.shape
    if isinstance(node, Eye):
        if node.size is None:
            raise ShapeMismatch("eye has no size yet")
        return (node.size, node.size)
    if not isinstance(node, Apply):
        return ()
    if node.op == "spread":
        units = node.args[1]
        assert isinstance(units, Length)
        return (units.size,)
    if node.op in ("block_diagonal", "diagonal_blocks"):
        return _blocks(node)
    if node.op in ("part", "pad"):
        units, shape = node.args[2], shape_of(node.args[0])
        if not isinstance(units, Length) or not shape or not _is_place(node.args[1]):
            raise ShapeMismatch(f"{node.op} needs a vector, where it begins, and its length")
        whole, part = (shape[0], units.size) if node.op == "part" else (units.size, shape[0])
        before = node.args[1].size if isinstance(node.args[1], Length) else ""
        if rest_of(whole, before, part) is None:
            raise ShapeMismatch(f"{part} of {whole}, from {before or 0} on")
        return (units.size, *shape[1:])
    return OPS[node.op].shape(*map(shape_of, node.args))


def _is_place(node: Node) -> bool:
    return isinstance(node, Length) or node is ZERO


def _blocks(node: Apply) -> Shape:
    """Of a square matrix and its blocks; which of the two the operation gives."""
    matrix, number = shape_of(node.args[0]), node.args[1]
    if not isinstance(number, Constant) or number.value != int(number.value) or number.value < 2:
        raise ShapeMismatch(f"{node.op} needs a number of blocks, 2 or more")
    rows = matrix[0] if matrix else ""
    square, blocks = (rows, rows), (rows, block_of(rows, int(number.value)))
    given, result = (blocks, square) if node.op == "block_diagonal" else (square, blocks)
    if matrix != given:
        raise ShapeMismatch(f"{node.op} of {matrix}, and not of {given}")
    return result
