"""Walk an equation and write its terms in another language. In: nodes and a `Dialect`. Out: text.

Next: `numpy_script`, which writes whole vectors, and `loops`, which writes unit by unit.
"""

from __future__ import annotations

import keyword
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from unrolled.equations.nodes import Apply, Constant, Eye, Length, Node, Variable
from unrolled.equations.ops import FUNCTION
from unrolled.equations.text import number
from unrolled.errors import EquationError

UNARY = 6  # the precedence of a minus sign, in Python, C and JavaScript alike


@dataclass(frozen=True)
class Way:
    """How a language writes one operation: a template, its precedence, and the precedence that each
    argument needs to be written without brackets."""

    template: str
    precedence: int
    inside: tuple[int, ...]


def infix(symbol: str, precedence: int, *, tight: bool = False) -> Way:
    """`a + b`; `tight` where the right argument needs brackets if it is of the same kind."""
    return Way(f"{{0}} {symbol} {{1}}", precedence, (precedence, precedence + tight))


def call(name: str, arity: int = 1) -> Way:
    """`name(a, b)`."""
    places = ", ".join(f"{{{place}}}" for place in range(arity))
    return Way(f"{name}({places})", FUNCTION, (0,) * arity)


@dataclass(frozen=True)
class Dialect:
    """A language: how it writes operations and numbers, and which names it keeps for itself."""

    name: str
    ways: Mapping[str, Way]
    number: Callable[[float], str]
    reserved: frozenset[str]


class Names:
    """Names for values, as close to the user's own as the language allows."""

    def __init__(self, dialect: Dialect, taken: Iterable[str] = ()) -> None:
        self.taken = {*dialect.reserved, *taken}

    def take(self, wanted: str) -> str:
        """The name itself, or, if it is used, the name with the first unused number."""
        name, count = wanted, 1
        while name in self.taken:
            count += 1
            name = f"{wanted}_{count}"
        self.taken.add(name)
        return name


class Formulas:
    """Writes terms; `leaf` gives the text of a node that has a name, or None."""

    def __init__(self, dialect: Dialect, leaf: Callable[[Node], str | None]) -> None:
        self.dialect, self.leaf = dialect, leaf

    def term(self, node: Node, above: int = 0) -> str:
        """The text of a node, in brackets if its context binds more tightly."""
        said = self.leaf(node)
        if said is not None:
            return said
        if isinstance(node, Constant):
            text = self.dialect.number(node.value)
            return f"({text})" if text.startswith("-") and above > UNARY - 1 else text
        if not isinstance(node, Apply):
            raise AssertionError(f"{describe(node)} has no name here")
        way = self.dialect.ways.get(node.op)
        if way is None:
            raise EquationError(f"{self.dialect.name} has no way to write {node.op}")
        parts = [self.term(a, least) for a, least in zip(node.args, way.inside, strict=True)]
        text = way.template.format(*parts)
        return f"({text})" if way.precedence < above else text


def describe(node: Node) -> str:
    """A description of a node for a message."""
    if isinstance(node, Variable):
        return f"{node.role} {node.name}"
    if isinstance(node, Length | Eye):
        return f"{type(node).__name__.lower()} {node.size}"
    return str(node)


def python_number(value: float) -> str:
    """A number as Python reads it."""
    text = number(value)
    return {"inf": "np.inf", "-inf": "-np.inf", "nan": "np.nan"}.get(text, text)


ARITHMETIC: dict[str, Way] = {
    "add": infix("+", 4),
    "sub": infix("-", 4, tight=True),
    "mul": infix("*", 5),
    "div": infix("/", 5, tight=True),
    "neg": Way("-{0}", UNARY, (UNARY + 1,)),
}

COMPARISONS: dict[str, Way] = {
    name: Way(f"{{0}} {symbol} {{1}}", 1, (4, 4))
    for name, symbol in {"lt": "<", "le": "<=", "gt": ">", "ge": ">="}.items()
}

# The value itself: an export computes no derivative, or has the bound in it.
UNCHANGED = {"clip_gradient": Way("{0}", FUNCTION, (FUNCTION, 0))}

# What is called by the same name and with the same arguments in a step.
FUNCTIONS = {"tanh": 1, "sigmoid": 1, "relu": 1, "leaky_relu": 2, "softplus": 1, "exp": 1,
             "log": 1, "sqrt": 1, "abs": 1, "floor": 1, "sign": 1, "sin": 1, "cos": 1, "maximum": 2,
             "minimum": 2, "where": 3}  # fmt: skip

IN_NUMPY = (
    "tanh",
    "exp",
    "log",
    "sqrt",
    "abs",
    "floor",
    "sign",
    "sin",
    "cos",
    "maximum",
    "minimum",
    "where",
)

NUMPY = Dialect(
    "NumPy",
    ARITHMETIC
    | COMPARISONS
    | UNCHANGED
    | {
        name: call(f"np.{name}" if name in IN_NUMPY else name, arity)
        for name, arity in FUNCTIONS.items()
    }
    | {
        "pow": Way("{0}**{1}", 7, (8, 7)),
        "matmul": infix("@", 5, tight=True),
        "transpose": Way("{0}.T", FUNCTION, (FUNCTION,)),
        "outer": Way("{0} @ {1}.T", 5, (5, FUNCTION)),
        "sum": call("sum_units"),
        "mean": call("mean_units"),
        "max": call("max_units"),
        "min": call("min_units"),
        "softmax": call("softmax"),
        "concat": call("concat", 2),
        "part": call("part", 3),
        "pad": call("pad", 3),
        "block_diagonal": call("block_diagonal", 2),
        "diagonal_blocks": call("diagonal_blocks", 2),
        "spread": call("spread", 2),
        "total": call("np.sum"),
        "and": infix("&", 3),
        "or": infix("|", 2),
        "not": Way("~{0}", UNARY, (UNARY + 1,)),
    },
    python_number,
    frozenset(
        {*keyword.kwlist, *FUNCTIONS, "sum_units", "mean_units", "max_units", "min_units",
         "softmax", "block_diagonal", "diagonal_blocks", "concat", "part", "pad", "spread",
         "np", "len", "weights", "states", "cache"}
    ),
)  # fmt: skip
