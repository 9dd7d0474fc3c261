"""Modify a cell. In: a cell, modifiers. Out: a cell with the modified equation; next: anything that
takes a cell.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from unrolled.cells.base import Cell, equation
from unrolled.cells.modifiers.modifier import Modifier
from unrolled.equations.equation import Equation
from unrolled.equations.functions import compute, eye
from unrolled.equations.nodes import Apply, Constant, Eye, Length, Node, topological
from unrolled.errors import ArgumentError


def modify(cell: Any, *modifiers: Modifier) -> type[Cell]:
    """The given cell, changed by each modifier in order.

        from unrolled.cells.modifiers import LayerNorm, CoupledGates
        Cell = unrolled.modify(LSTM, CoupledGates("i", "f"), LayerNorm())
        print(unrolled.equation(Cell))

    The cell is a class, or an instance with its own hyperparameters and declared sizes. The result
    is a class like that of any other cell; its step computes the modified equation.
    """
    found = modified(equation(cell), modifiers)
    own = dict(cell._own_sizes) if isinstance(cell, Cell) else {}
    if isinstance(cell, type):
        own |= {name: vars(cell)[name] for name in found.sizes if name in vars(cell)}
    kind = cell if isinstance(cell, type) else type(cell)
    name = "Modified" if isinstance(cell, Equation) else kind.__name__
    doc = f"{found.name}\n\n{inspect.cleandoc(kind.__doc__ or '')}"
    return type(name, (Written,), {"_written": found, "__doc__": doc, **own})


def modified(found: Equation, modifiers: Sequence[Any]) -> Equation:
    """An equation, changed by each modifier in order."""
    for modifier in modifiers:
        if not isinstance(modifier, Modifier):
            named = getattr(modifier, "__name__", repr(modifier))
            raise ArgumentError(
                f"a modifier must be one of unrolled.cells.modifiers, such as LayerNorm(), not "
                f"{named}"
            )
        found = modifier(found)
    return found


class Written(Cell):
    """A cell that is defined by its equation."""

    _written: ClassVar[Equation]

    def constants(self) -> dict[str, Any]:
        """The constants of the equation."""
        return {name: node.array for name, node in self._written.constants.items()}

    def step(self, x: Any, *states: Any, **named: Any) -> Any:
        """Compute the equation."""
        found, sizes = self._written, self.__dict__["_sizes"]
        outer = {next(iter(found.inputs)): x, **named}
        old = dict(zip(found.carried, states, strict=True))
        sources = {"input": outer, "state": old, "weight": self.weights}
        known: dict[Node, Any] = {v: sources[v.role][v.name] for v in found.given}
        known |= {node: getattr(self, name) for name, node in found.constants.items()}
        for node in topological(found.locals.values()):
            if node not in known:
                known[node] = _value(node, known, sizes)
        results = tuple(known[found.locals[state]] for state in found.results)
        return results if len(results) > 1 else results[0]


def _value(node: Node, known: Mapping[Node, Any], sizes: Mapping[str, int]) -> Any:
    if isinstance(node, Constant):
        return node.value
    if isinstance(node, Length):
        return sizes[node.size]
    if isinstance(node, Eye):
        return eye
    assert isinstance(node, Apply)
    return compute(node.op, *(known[argument] for argument in node.args))
