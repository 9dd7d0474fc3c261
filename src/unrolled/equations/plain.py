"""An equation as plain data. In: an `Equation`, or JSON text. Out: the other; nothing is executed.

The graph is a list in which each node comes after its arguments and refers to them by position:
`["state", "h", ["hidden_size"]]`, `["tanh", 7]`, and a constant array with its sizes, form and
numbers: `["array", "A", ["order", "order"], [2, 2], [0.0, 1.0, -1.0, 0.0]]`; all of them together
have at most 65,536 numbers. Infinite numbers are written as text. What is read
is verified before anyone sees it, so a damaged or invented file ends in an EquationError.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from unrolled.equations.nodes import (
    Apply,
    Constant,
    ConstantArray,
    Eye,
    Length,
    Node,
    Variable,
    apply,
    constant,
    constant_array,
    eye,
    length,
    topological,
    variable,
)
from unrolled.equations.ops import OPS
from unrolled.equations.statements import S, Statements
from unrolled.equations.verify import MOST_NUMBERS, ROLES, verify
from unrolled.errors import EquationError
from unrolled.literal import because

FORMAT = 1
MOST_NODES = 5_000  # of what is read: the deepest cells of papers have some hundreds


def to_json(equation: Statements) -> str:
    roots: list[Node] = [*equation.given, *(node for _, node in equation.statements)]
    position: dict[Node, int] = {}
    rows: list[list[Any]] = []
    for node in topological(roots):
        position[node] = len(rows)
        rows.append(_row(node, position))
    data = {
        "unrolled_equation": FORMAT,
        "name": equation.name,
        "nodes": rows,
        "given": [position[v] for v in equation.given],
        "statements": [[name, position[node]] for name, node in equation.statements],
        "results": list(equation.results),
        "initial_state": {name: repr(v) for name, v in equation.initial_state.items()},
        "initial": {name: _stored(rule) for name, rule in equation.initial.items()},
    }  # fmt: skip
    if equation.output is not None:
        data["output"] = equation.output
    if equation.fixed:
        data["fixed"] = list(equation.fixed)
    if equation.defaults:
        data["defaults"] = {name: repr(v) for name, v in equation.defaults.items()}
    if equation.noise:
        data["noise"] = {name: [per, repr(share)] for name, (per, share) in equation.noise.items()}
    return json.dumps(data, separators=(",", ":"))


def _row(node: Node, position: dict[Node, int]) -> list[Any]:
    if isinstance(node, Variable):
        return [node.role, node.name, list(node.shape or ())]
    if isinstance(node, Constant):
        return ["constant", repr(node.value), node.name]
    if isinstance(node, ConstantArray):
        numbers = [*map(float, node.array.ravel())]
        return ["array", node.name, list(node.shape or ()), list(node.lengths), numbers]
    if isinstance(node, Length):
        return ["length", node.size]
    if isinstance(node, Eye):
        return ["eye", node.size]
    assert isinstance(node, Apply)
    return [node.op, *(position[argument] for argument in node.args)]


def from_json(text: str, kind: type[S]) -> S:
    try:
        equation = _read(json.loads(text), kind)
    except (
        KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError, RecursionError
    ) as error:  # fmt: skip
        raise EquationError(
            f"this is not an equation that unrolled has written, or it is damaged "
            f"({type(error).__name__}: {because(error)}): write it again with equation.to_json()"
        ) from None
    verify(equation)
    return equation


def _read(data: dict[str, Any], kind: type[S]) -> S:
    if data["unrolled_equation"] != FORMAT:
        raise ValueError(f"format {data['unrolled_equation']!r}; this version reads {FORMAT}")
    if len(data["nodes"]) > MOST_NODES:
        raise ValueError(f"it has more than {MOST_NODES:,} nodes")
    nodes: list[Node] = []
    for row in data["nodes"]:
        nodes.append(_node(row, nodes))
    given = tuple(_at(nodes, index) for index in data["given"])
    variables = tuple(v for v in given if isinstance(v, Variable))
    if len(variables) != len(given):
        raise ValueError("something given is not a variable")
    return kind(
        _string(data["name"]),
        variables,
        tuple((_string(name), _at(nodes, index)) for name, index in data["statements"]),
        tuple(map(_string, data["results"])),
        {_string(name): float(value) for name, value in data["initial_state"].items()},
        {_string(name): _initial(value) for name, value in data["initial"].items()},
        {_string(name): float(value) for name, value in data.get("defaults", {}).items()},
        {
            _string(name): (_string(per), float(share))
            for name, (per, share) in data.get("noise", {}).items()
        },
        tuple(map(_string, data.get("fixed", []))),
        _string(data["output"]) if "output" in data else None,
    )


def _stored(rule: Any) -> Any:
    """A rule for first values. A function is code, and data are not: its name is kept alone."""
    if callable(rule):
        return ["function", getattr(rule, "__qualname__", type(rule).__name__)]
    return list(rule) if isinstance(rule, tuple) else rule


def _initial(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not a name")
    return value


def _at(nodes: list[Node], index: Any) -> Node:
    if isinstance(index, bool) or not isinstance(index, int) or not 0 <= index < len(nodes):
        raise ValueError(f"there is no node {index!r}")
    return nodes[index]


def _node(row: list[Any], before: list[Node]) -> Node:
    kind, *rest = row
    if kind in ROLES:
        name, shape = rest
        return variable(_string(name), kind, tuple(map(_string, shape)))
    if kind == "constant":
        value, name = rest
        return constant(float(value), None if name is None else _string(name))
    if kind == "array":
        return _array(*rest)
    if kind == "length":
        return length(_string(*rest))
    if kind == "eye":
        return eye(_string(*rest))
    if kind not in OPS:
        raise ValueError(f"{kind!r} is not an operation")
    return apply(kind, *(_at(before, index) for index in rest))


def _array(name: Any, shape: Any, lengths: Any, numbers: Any) -> Node:
    if len(numbers) > MOST_NUMBERS:
        raise ValueError(f"{name!r} has more than {MOST_NUMBERS:,} numbers")
    array = np.array([float(number) for number in numbers]).reshape([_length(n) for n in lengths])
    return constant_array(_string(name), array, tuple(map(_string, shape)))


def _length(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"{value!r} is not a length")
    return value
