"""An equation as users see it: how it prints, and what is derived from it.

In: what `statements` holds. Out: `.text`, `.latex`, `.backward`, `.tangent`, `.json`; next:
`interpret`, the engines, the exports.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from unrolled.equations.derive import derive
from unrolled.equations.latex import to_latex
from unrolled.equations.plain import from_json, to_json
from unrolled.equations.statements import Statements
from unrolled.equations.tangent import tangent
from unrolled.equations.text import to_text


@dataclass(frozen=True, eq=False)
class Equation(Statements):
    """One time step. Two equations are equal when they are the same as plain data."""

    @cached_property
    def text(self) -> str:
        """The equation as one would type it, a line for each named value."""
        return to_text(self)

    @cached_property
    def latex(self) -> str:
        """The equation as one would print it: a LaTeX `aligned` block."""
        return to_latex(self)

    @cached_property
    def backward(self) -> Equation:
        """Backpropagation through this step, derived: an equation of the same kind."""
        return derive(self)

    @cached_property
    def tangent(self) -> Equation:
        """The step together with its derivative in a direction (x_dot, h_dot, W_dot), derived: an
        equation of the same kind, whose output is the derivative of the output."""
        return tangent(self)

    @cached_property
    def json(self) -> str:
        """This equation as plain data, in one line of text: what tells it from others."""
        return to_json(self)

    def to_json(self) -> str:
        """This equation as plain data; `Equation.from_json` reads it back and verifies it."""
        return self.json

    @staticmethod
    def from_json(text: str) -> Equation:
        """Read what `to_json` wrote. Data from a stranger are safe: nothing in them is run."""
        return from_json(text, Equation)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Equation) and self.json == other.json

    def __hash__(self) -> int:
        return hash(self.json)

    def __reduce__(self) -> tuple[Any, ...]:
        return Equation.from_json, (self.json,)

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"<Equation {self.name}: {len(self.statements)} statements>"

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex}$"
