"""Units that keep their old value at random."""

from __future__ import annotations

import math
from dataclasses import dataclass

from unrolled.cells.modifiers.modifier import Modifier, new_input, share, titled
from unrolled.equations.equation import Equation
from unrolled.equations.nodes import Node, Variable, constant
from unrolled.equations.rewriting import Made, Rule, rewrite
from unrolled.errors import CellError


@dataclass(frozen=True)
class Zoneout(Modifier):
    """Zoneout (Krueger et al. 2017): in training each unit of a state keeps its old value with this
    probability, drawn independently at each step; in evaluation the state is the mean of both.

    `state` names one state: `Zoneout(0.5, "c"), Zoneout(0.05, "h")` gives each its own probability.
    Within the step, the output is still computed from the new value, as in the paper.
    """

    rate: float
    state: str = ""

    def __call__(self, equation: Equation) -> Equation:
        share(str(self), "rate", self.rate)
        names = [self.state] if self.state else list(equation.states)
        states: dict[str, Rule] = {}
        noise = {}
        for name in names:
            if name not in equation.states:
                raise CellError(
                    f"{self}: {equation.name} has no state {name!r}; it has "
                    f"{', '.join(equation.states)}"
                )
            if not math.isfinite(equation.initial_state.get(name, 0.0)):
                raise CellError(
                    f"{self}: the state {name} of {equation.name} begins at "
                    f"{equation.initial_state[name]}, which has no mean with another value: name a "
                    f'state that is to be zoned out, Zoneout({self.rate}, "h")'
                )
            old = next(v for v in equation.given if v.name == name and v.role == "state")
            keep = new_input(equation, f"keep_{name}", old)
            noise[keep.name] = (self.rate, "step", self.rate)
            states[name] = _mean(old, keep, equation.locals[name])
        noise = {name: how for name, how in noise.items() if self.rate}
        if not noise:
            return equation
        return rewrite(equation, {}, name=titled(equation, self), noise=noise, states=states)


def _mean(old: Variable, keep: Variable, new: Node) -> Rule:
    def rule(made: Made) -> Node:
        return keep * old + (constant(1) - keep) * made(new)

    return rule
