"""The grammar: what an equation is made of. In: nothing. Out: the six kinds of node; next: `ops`.

A node says *what* is computed, never when or where. Nodes are interned: two nodes that are built
alike are the same object, so a shared term is shared by construction, `is` compares two terms in
no time, and a set of nodes is a graph without duplicates.

Axes are named by sizes. A vector over the hidden units has the shape `("hidden_size",)`, a matrix
from inputs to hidden units `("hidden_size", "input_size")`, the sum of a vector keeps its axis,
`("1",)`, and a number has no axis, `()`. The batch is not an axis here: every vector is a column,
and a batch is many columns side by side.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from threading import RLock
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
from numpy.typing import NDArray

Shape = tuple[str, ...]
ONE = "1"

_interned: WeakValueDictionary[tuple[Any, ...], Node] = WeakValueDictionary()
_interning = RLock()


class Node:
    """A term of an equation. Made through `variable`, `constant`, `length`, `eye`, `apply`.

    The operators build terms, so that a rule of differentiation reads as in a table of formulas.
    What users write goes through `trace.Symbol`, which also teaches.
    """

    __slots__ = ("__weakref__",)

    def __add__(self, other: Term) -> Apply:
        return apply("add", self, as_node(other))

    def __sub__(self, other: Term) -> Apply:
        return apply("sub", self, as_node(other))

    def __rsub__(self, other: Term) -> Apply:
        return apply("sub", as_node(other), self)

    def __mul__(self, other: Term) -> Apply:
        return apply("mul", self, as_node(other))

    def __truediv__(self, other: Term) -> Apply:
        return apply("div", self, as_node(other))

    def __pow__(self, exponent: Term) -> Apply:
        return apply("pow", self, as_node(exponent))

    def __neg__(self) -> Apply:
        return apply("neg", self)

    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError("a node is not pickled by itself: store its equation with to_json()")


@dataclass(frozen=True, eq=False, slots=True)
class Variable(Node):
    """A name with a value from outside. `role` is input, state, weight, value or cotangent.

    A state of the step is the one *before* it; a value is what the forward step has left for the
    backward one; a cotangent is a derivative of the loss that comes from outside.
    """

    name: str
    role: str
    shape: Shape | None


@dataclass(frozen=True, eq=False, slots=True)
class Constant(Node):
    """A number; a hyperparameter of the cell keeps its name."""

    value: float
    name: str | None


@dataclass(frozen=True, eq=False, slots=True)
class ConstantArray(Node):
    """A hyperparameter of the cell that is an array: its numbers, row by row, as float64.

    `lengths` are its axes in numbers, `shape` the names of the sizes that they are (None until use
    has told them).
    """

    name: str
    data: bytes
    lengths: tuple[int, ...]
    shape: Shape | None

    @property
    def array(self) -> NDArray[np.float64]:
        """The numbers, not to be written to."""
        return np.frombuffer(self.data).reshape(self.lengths)

    def with_shape(self, shape: Shape) -> ConstantArray:
        """The same numbers, along axes that are known by name."""
        return _interned_array(self.name, self.data, self.lengths, shape)


@dataclass(frozen=True, eq=False, slots=True)
class Length(Node):
    """The number of units along a size, known when the equation runs."""

    size: str


@dataclass(frozen=True, eq=False, slots=True)
class Eye(Node):
    """The identity matrix over a size (None until use has told it)."""

    size: str | None


@dataclass(frozen=True, eq=False, slots=True)
class Apply(Node):
    """An operation of the table in `ops` on other nodes."""

    op: str
    args: tuple[Node, ...]


Term = Node | float


def as_node(term: Term) -> Node:
    return term if isinstance(term, Node) else constant(term)


def _intern(kind: type[Node], *fields: Any, key: tuple[Any, ...] = ()) -> Any:
    key = key or (kind, *fields)
    with _interning:  # two threads that built one term twice would never find it equal again
        node = _interned.get(key)
        if node is None:
            node = _interned[key] = kind(*fields)
    return node


def variable(name: str, role: str, shape: Shape | None = None) -> Variable:
    node: Variable = _intern(Variable, name, role, shape)
    return node


def constant(value: float, name: str | None = None) -> Constant:
    # repr tells 0.0 from -0.0 and lets NaN equal itself, which float's own == does not
    value = float(value)
    node: Constant = _intern(Constant, value, name, key=(Constant, repr(value), name))
    return node


def constant_array(name: str, array: NDArray[Any], shape: Shape | None = None) -> ConstantArray:
    numbers = np.ascontiguousarray(array, np.float64)
    return _interned_array(name, numbers.tobytes(), numbers.shape, shape)


def _interned_array(
    name: str, data: bytes, lengths: tuple[int, ...], shape: Shape | None
) -> ConstantArray:
    node: ConstantArray = _intern(ConstantArray, name, data, lengths, shape)
    return node


def length(size: str) -> Length:
    node: Length = _intern(Length, size)
    return node


def eye(size: str | None = None) -> Eye:
    node: Eye = _intern(Eye, size)
    return node


def apply(op: str, *args: Node) -> Apply:
    node: Apply = _intern(Apply, op, args)
    return node


def arguments(node: Node) -> tuple[Node, ...]:
    return node.args if isinstance(node, Apply) else ()


def is_one(node: Node, value: float) -> bool:
    """Whether a node is the unnamed number `value`."""
    return isinstance(node, Constant) and node.name is None and node.value == value


def topological(roots: Iterable[Node], leaves: Collection[Node] = ()) -> Iterator[Node]:
    """Every node below the roots, each once, arguments before what uses them.

    Nodes below one of the `leaves` are left out.
    """
    seen: set[Node] = set()
    for root in roots:
        stack: list[tuple[Node, bool]] = [(root, False)]
        while stack:
            node, ready = stack.pop()
            if ready:
                yield node
            elif node not in seen:
                seen.add(node)
                stack.append((node, True))
                if node not in leaves:
                    stack.extend((argument, False) for argument in reversed(arguments(node)))


def rebuild(node: Apply, args: tuple[Node, ...]) -> Node:
    """The same operation on other arguments."""
    return node if args == node.args else apply(node.op, *args)
