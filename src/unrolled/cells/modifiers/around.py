"""Modifiers of a layer rather than its step: between layers, and before the first step."""

from __future__ import annotations

from dataclasses import dataclass

from unrolled.cells.modifiers.modifier import Modifier
from unrolled.equations.equation import Equation
from unrolled.errors import ArgumentError


@dataclass(frozen=True)
class Around(Modifier):
    """A change of a layer, which `Recurrent(cell, ..., modifiers=[...])` applies."""

    def __call__(self, equation: Equation) -> Equation:
        raise ArgumentError(
            f"{self} changes a layer and not the step of {equation.name}: give it to "
            f"Recurrent(cell, ..., modifiers=[{self}])"
        )


@dataclass(frozen=True)
class Residual(Around):
    """Every layer but the first adds its input to its output (He et al. 2016)."""


@dataclass(frozen=True)
class Highway(Around):
    """Every layer but the first mixes its output with its input (Srivastava et al. 2015).

    y = t * h + (1 - t) * x with t = sigmoid(W_t @ x + b_t). b_t starts at -1, so that at first most
    of x is carried on. Of layer k the parameters are `W_t_l1`, `b_t_l1` and so on.
    """


@dataclass(frozen=True)
class LearnedState(Around):
    """The state before the first step is a parameter, `h_0_l0`, that starts at 0 or where the cell
    says: used where no states are given."""
