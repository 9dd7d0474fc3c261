"""A bound on the gradient of a state."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from unrolled.cells.modifiers.modifier import Modifier, titled
from unrolled.equations.equation import Equation
from unrolled.equations.nodes import Apply, Node, apply, constant
from unrolled.equations.rewriting import Made, Rule, rewrite
from unrolled.errors import ArgumentError, CellError


@dataclass(frozen=True)
class GradientBound(Modifier):
    """A bound on the gradient of the state (Graves 2013): at each step of the backward pass, each
    number of the derivative of the loss with respect to the state is clipped to -bound ... bound.

    `state` names one state; by default all states are bounded. Values do not change, nor do
    derivatives within the bound. Second derivatives, and forward mode, are those of the step
    without the bound.
    """

    bound: float
    state: str = ""

    def __call__(self, equation: Equation) -> Equation:
        is_number = isinstance(self.bound, int | float) and not isinstance(self.bound, bool)
        if not is_number or not 0 < self.bound < math.inf:
            raise ArgumentError(f"{self}: bound must be a positive number, not {self.bound!r}")
        names = [self.state] if self.state else list(equation.carried)
        rules: dict[Node, Rule] = {}
        states: dict[str, Rule] = {}
        for name in names:
            if name not in equation.carried:
                raise CellError(
                    f"{self}: {equation.name} has no state {name!r}; it has "
                    f"{', '.join(equation.carried)}"
                )
            node = equation.locals[name]
            if isinstance(node, Apply):
                rules[node] = partial(_bounded, node, self.bound)
            else:
                states[name] = _renamed(node, self.bound)
        return rewrite(equation, rules, name=titled(equation, self), states=states)


def _bounded(node: Apply, bound: float, made: Made) -> Node:
    return apply("clip_gradient", apply(node.op, *map(made, node.args)), constant(bound))


def _renamed(node: Node, bound: float) -> Callable[[Made], Node]:
    def rule(made: Made) -> Node:
        return apply("clip_gradient", made(node), constant(bound))

    return rule
