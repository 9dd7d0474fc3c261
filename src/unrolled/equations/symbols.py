"""Symbols, with which a step is called while it is traced; they record, and explain errors.

In: the operators and functions of the user's step. Out: nodes, and the line of each; next: `trace`.
Python code that cannot become an equation (an `if`, an index, `np.tanh`) raises a CellError here,
which says what was written, why it does not work, and how to write it instead.
"""

from __future__ import annotations

import ast
from typing import Any, NoReturn

from numpy.typing import NDArray

from unrolled.equations import functions
from unrolled.equations.cutting import Split, split_as
from unrolled.equations.functions import Identity
from unrolled.equations.nodes import (
    Apply,
    Constant,
    Node,
    Variable,
    apply,
    constant,
    constant_array,
    eye,
    variable,
)
from unrolled.equations.ops import OPS
from unrolled.equations.where import Where, here, teach
from unrolled.spelling import SAID

NAME_AN_ARRAY = (
    "make a constant array a hyperparameter, a class attribute A = np.array(...), or return it "
    "from constants(self), and use it as self.A"
)


class Recorder:
    """The record of one tracing: the line on which each node was first written, the number of
    identity matrices, and the vectors that were split."""

    def __init__(self) -> None:
        self.lines: dict[Node, Where] = {}
        self.identities = 0
        self.splits: list[Split] = []

    def symbol(self, node: Node) -> Symbol:
        self.lines.setdefault(node, here())
        return Symbol(node, self)

    def weight(self, name: str) -> Symbol:
        return self.symbol(variable(name, "weight"))

    def array(self, name: str, value: NDArray[Any]) -> Symbol:
        return self.symbol(constant_array(name, value))

    def as_node(self, value: Any, operation: str) -> Node:
        if isinstance(value, Symbol):
            return value.node
        if isinstance(value, Identity):
            self.identities += 1
            sized_by_use = eye(f"?eye{self.identities}")
            self.lines.setdefault(sized_by_use, here())
            return sized_by_use if value.factor == 1.0 else sized_by_use * value.factor
        if isinstance(value, bool) or not _is_number(value):
            if getattr(value, "shape", ()) != ():
                teach(f"`{operation}` got an array that has no name: {NAME_AN_ARRAY}")
            teach(
                f"`{operation}` got a {type(value).__name__}, which is neither a number nor a "
                f"value of the step: make it a weight (self.name) or a hyperparameter (a class "
                f"attribute)"
            )
        return constant(float(value))


def _is_number(value: Any) -> bool:
    try:
        return getattr(value, "shape", ()) == () and float(value) is not None
    except (TypeError, ValueError):
        return False


def depends_on_step(node: Node) -> bool:
    """Whether a node depends on an input or a state, and so is a vector."""
    stack, seen = [node], set()
    while stack:
        node = stack.pop()
        if isinstance(node, Variable) and node.role in ("input", "state"):
            return True
        if isinstance(node, Apply) and node not in seen:
            seen.add(node)
            stack.extend(node.args)
    return False


class Symbol:
    """A value of the step while it is traced."""

    __slots__ = ("node", "recorder")

    def __init__(self, node: Node, recorder: Recorder) -> None:
        self.node = node
        self.recorder = recorder

    def apply_operation(self, name: str, *arguments: Any) -> Symbol:
        nodes = tuple(self.recorder.as_node(argument, name) for argument in arguments)
        for position, node in enumerate(nodes):
            wants = name in ("and", "or", "not") or (name == "where" and position == 0)
            if wants != _is_condition(node):
                self._wrong_kind(name, wants)
        if name == "pow" and not isinstance(nodes[1], Constant):
            teach("the exponent of ** is not a constant: write exp(exponent * log(base)) instead")
        if name == "leaky_relu" and not isinstance(nodes[1], Constant):
            teach("the slope of leaky_relu is not a constant: write where(x > 0, x, slope * x)")
        if name == "clip_gradient" and not (isinstance(nodes[1], Constant) and nodes[1].value > 0):
            teach("the bound of clip_gradient is not a positive constant: write a number, such "
                  "as clip_gradient(c, 1.0)")  # fmt: skip
        return self.recorder.symbol(apply(name, *nodes))

    @staticmethod
    def _wrong_kind(name: str, wants: bool) -> NoReturn:
        if wants:
            teach(
                f"`{OPS[name].text}` takes a condition here, but got a value: "
                f"write a comparison, such as h > 0"
            )
        teach(
            f"`{OPS[name].text}` takes values, but got a condition: "
            f"turn it into a value with where(condition, 1.0, 0.0)"
        )

    def split(self, parts: tuple[Any, ...]) -> list[Symbol]:
        """The parts of a vector, from first to last; the size of equal parts is not known yet."""
        cut = split_as(self.node, parts)
        nodes = cut.parts(len(self.recorder.splits))
        self.recorder.splits.append(cut)
        return [self.recorder.symbol(node) for node in nodes]

    # arithmetic -----------------------------------------------------------------------------

    def __add__(self, other: Any) -> Symbol:
        return self.apply_operation("add", self, other)

    def __radd__(self, other: Any) -> Symbol:
        return self.apply_operation("add", other, self)

    def __sub__(self, other: Any) -> Symbol:
        return self.apply_operation("sub", self, other)

    def __rsub__(self, other: Any) -> Symbol:
        return self.apply_operation("sub", other, self)

    def __mul__(self, other: Any) -> Symbol:
        return self.apply_operation("mul", self, other)

    def __rmul__(self, other: Any) -> Symbol:
        return self.apply_operation("mul", other, self)

    def __truediv__(self, other: Any) -> Symbol:
        return self.apply_operation("div", self, other)

    def __rtruediv__(self, other: Any) -> Symbol:
        return self.apply_operation("div", other, self)

    def __pow__(self, exponent: Any) -> Symbol:
        return self.apply_operation("pow", self, exponent)

    def __rpow__(self, base: Any) -> NoReturn:
        teach("the exponent of ** is not a constant: write exp(exponent * log(base)) instead")

    def __neg__(self) -> Symbol:
        return self.apply_operation("neg", self)

    def __pos__(self) -> Symbol:
        return self

    def __abs__(self) -> Symbol:
        return self.apply_operation("abs", self)

    def __matmul__(self, other: Any) -> Symbol:
        if depends_on_step(self.node):
            if isinstance(other, Symbol) and depends_on_step(other.node):
                teach("`@` between two vectors is not supported: for their dot product write "
                      "sum(a * b)")  # fmt: skip
            teach("the matrix must be on the left of `@`: write self.W @ x, not "
                  "x @ self.W")  # fmt: skip
        right = self.recorder.as_node(other, "@")
        if isinstance(self.node, Apply) and self.node.op == "matmul":
            first, second = self.node.args  # (A @ B) @ v is A @ (B @ v): two cheap products
            inner = self.recorder.symbol(apply("matmul", second, right))
            return self.recorder.symbol(apply("matmul", first, inner.node))
        return self.recorder.symbol(apply("matmul", self.node, right))

    def __rmatmul__(self, other: Any) -> Symbol:  # noqa: RET503, the last line raises
        if isinstance(other, Identity):
            return self * other.factor if other.factor != 1.0 else self
        teach(f"`@` has a {type(other).__name__} on its left: name the matrix as a weight, self.W; "
              f"{NAME_AN_ARRAY}")  # fmt: skip

    @property
    def T(self) -> Symbol:
        if depends_on_step(self.node):
            teach("`.T` of a vector: vectors are always columns; only matrices of weights can be "
                  "transposed")  # fmt: skip
        return self.apply_operation("transpose", self)

    # comparisons and conditions -----------------------------------------------------------------

    def __lt__(self, other: Any) -> Symbol:
        return self.apply_operation("lt", self, other)

    def __le__(self, other: Any) -> Symbol:
        return self.apply_operation("le", self, other)

    def __gt__(self, other: Any) -> Symbol:
        return self.apply_operation("gt", self, other)

    def __ge__(self, other: Any) -> Symbol:
        return self.apply_operation("ge", self, other)

    def __and__(self, other: Any) -> Symbol:
        return self.apply_operation("and", self, other)

    def __or__(self, other: Any) -> Symbol:
        return self.apply_operation("or", self, other)

    def __invert__(self) -> Symbol:
        return self.apply_operation("not", self)

    def __eq__(self, other: object) -> Any:
        teach("`==` compares numbers that are almost never equal: compare with < or >, such as "
              "where(abs(a - b) < 1e-6, ...)")  # fmt: skip

    def __ne__(self, other: object) -> Any:
        teach("`!=` compares numbers that are almost never equal: compare with < or >, such as "
              "where(abs(a - b) > 1e-6, ...)")  # fmt: skip

    __hash__ = object.__hash__

    def __bool__(self) -> bool:  # noqa: RET503, the last line raises
        known = _number(self.node)
        if known is not None:
            return bool(known)
        teach(_why_no_truth(here()))

    # numbers are their own value; a value of the step has none yet -----------------------------

    def __float__(self) -> float:
        known = _number(self.node)
        if known is None:
            teach("a function for plain numbers (float, or one of the module math) got a value of "
                  "the step, which has no numeric value yet: use a function of unrolled, such as "
                  "`from unrolled import exp`")  # fmt: skip
        return float(known)

    def __call__(self, *_: Any) -> NoReturn:
        teach("a weight, or a value of the step, is called like a function: to multiply by a "
              "matrix, write self.W @ x")  # fmt: skip

    def __index__(self) -> int:
        known = _number(self.node)
        if known is None:
            teach("a value of the step has no numeric value yet, so it cannot count or index")
        teach(f"{known} is not an integer: write a hyperparameter that counts as an integer "
              f"(depth = 3)")  # fmt: skip

    def __array_ufunc__(  # noqa: RET503, the last line raises
        self, ufunc: Any, method: str, *arguments: Any, **_: Any
    ) -> Symbol:
        infix = {"subtract": "sub", "multiply": "mul", "divide": "div", "add": "add"}
        if ufunc.__name__ in infix and method == "__call__":  # np.float64(0.5) * h, say
            return self.apply_operation(infix[ufunc.__name__], *arguments)
        if ufunc.__name__ == "matmul":
            self.__rmatmul__(arguments[0])
        teach(f"`np.{ufunc.__name__}` got a value of the step, which has no numeric value yet: use "
              f"{_cure(ufunc.__name__)} instead, which works on arrays, too")  # fmt: skip

    @classmethod
    def __torch_function__(cls, function: Any, *_: Any) -> NoReturn:
        name = getattr(function, "__name__", "function")
        teach(f"`torch.{name}` got a value of the step, which is not a tensor: use "
              f"{_cure(name)} instead, which works on tensors, too")  # fmt: skip

    def __array__(self, *_: Any, **__: Any) -> NoReturn:
        teach("NumPy got a value of the step, which has no numeric value yet: use a function of "
              "unrolled, such as `from unrolled import tanh`, which works on arrays")  # fmt: skip

    # what the vectors of a step do not support ----------------------------------------------------

    def __iter__(self) -> NoReturn:
        teach("a loop over the units of a vector is not supported: write the equation for the "
              "whole vector; `h * x` multiplies unit by unit, and for a sum use "
              "`from unrolled import sum`")  # fmt: skip

    def __getitem__(self, key: Any) -> NoReturn:
        teach("a value of the step cannot be indexed: write the equation for the whole vector, or "
              "split it, a, b = split(h, 2)")  # fmt: skip

    def __setitem__(self, key: Any, value: Any) -> NoReturn:
        teach("a value of the step is changed in place: give the new value a name, such as "
              "h_new = where(condition, a, h)")  # fmt: skip

    def __len__(self) -> int:
        teach("the number of units is not known while the step is traced: use mean(v) or sum(v), "
              "which know it when they run")  # fmt: skip

    def _no_such_operation(self, other: Any) -> NoReturn:
        teach("this operation is not supported in a step: use + - * / ** @, comparisons, & | ~, "
              "and the functions of unrolled")  # fmt: skip

    __mod__ = __rmod__ = __floordiv__ = __rfloordiv__ = __xor__ = __rxor__ = _no_such_operation
    __lshift__ = __rshift__ = __divmod__ = __rdivmod__ = _no_such_operation

    def _in_place(self, other: Any) -> NoReturn:
        teach("an in-place change (`+=`, `*=` ...) would alter the caller's array: write "
              "`h = h + ...`")  # fmt: skip

    __iadd__ = __isub__ = __imul__ = __itruediv__ = __ipow__ = __imatmul__ = _in_place
    __iand__ = __ior__ = _in_place

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        if name in OPS:
            teach(f"`.{name}` is not an attribute of a value of the step: use the function, "
                  f"{name}(...), from unrolled")  # fmt: skip
        if name in ("shape", "size", "ndim", "dtype"):
            teach(f"`.{name}` is not known while the step is traced: sizes are inferred from use "
                  f"(self.W @ x makes W hidden x input)")  # fmt: skip
        teach(f"a value of the step has no attribute `{name}`: use + - * / ** @, comparisons, and "
              f"the functions of unrolled")  # fmt: skip

    def __repr__(self) -> str:
        return f"<a value of the step: {type(self.node).__name__}>"


def _cure(name: str) -> str:
    """What to use instead of a function of another package."""
    if name in SAID:
        return SAID[name]
    word = getattr(functions, name, None)
    has = callable(word) and getattr(word, "__module__", "") == functions.__name__
    return f"`from unrolled import {name}`" if has else "unrolled's functions and + - * /"


def _is_condition(node: Node) -> bool:
    return isinstance(node, Apply) and OPS[node.op].is_condition


def _number(node: Node) -> Any:
    """The value of a term that contains only constants, else None."""
    if isinstance(node, Constant):
        return node.value
    if not isinstance(node, Apply):
        return None
    values = [_number(argument) for argument in node.args]
    return None if any(value is None for value in values) else OPS[node.op].compute(*values)


def _why_no_truth(where: Where) -> str:
    """Find out from the line itself why Python needs the truth value of a condition."""
    choose = "but each unit has its own"
    try:
        tree = ast.parse(where.text.rstrip(":") + (":\n pass" if where.text.endswith(":") else ""))
    except SyntaxError:
        tree = ast.Module([], [])
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare) and len(node.ops) > 1:
            return f"a chained comparison needs one truth value, {choose}: write (a < h) & (h < b)"
        if isinstance(node, ast.BoolOp):
            word, sign = ("and", "&") if isinstance(node.op, ast.And) else ("or", "|")
            return f"`{word}` needs one truth value, {choose}: write (a > 0) {sign} (b > 0)"
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return f"`not` needs one truth value, {choose}: write ~(a > 0)"
    return (
        f"`if` (or `while`, or `max`) needs one truth value, {choose}: "
        f"write where(h > 0, a, b), maximum(a, b) or minimum(a, b)"
    )
