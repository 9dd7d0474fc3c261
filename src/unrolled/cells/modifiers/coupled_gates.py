"""One gate instead of two."""

from __future__ import annotations

from dataclasses import dataclass

from unrolled.cells.modifiers.modifier import Modifier, statement, titled
from unrolled.equations.equation import Equation
from unrolled.equations.nodes import constant, topological
from unrolled.equations.rewriting import rewrite
from unrolled.errors import CellError


@dataclass(frozen=True)
class CoupledGates(Modifier):
    """What is forgotten makes room for what is written: the gate becomes 1 - other, and its weights
    are gone (Greff et al. 2017, among others)."""

    gate: str = "i"
    other: str = "f"

    def __call__(self, equation: Equation) -> Equation:
        gate = statement(equation, str(self), self.gate)
        other = statement(equation, str(self), self.other)
        if gate in set(topological([other])):
            raise CellError(
                f"{self}: {self.other} is made of {self.gate}, so {self.gate} cannot follow from it"
            )
        return rewrite(
            equation,
            {gate: lambda made: constant(1) - made(other)},
            name=titled(equation, self),
        )
