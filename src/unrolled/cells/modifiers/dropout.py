"""Dropout of values, states and weights."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

from unrolled.cells.modifiers.modifier import (
    Modifier,
    is_product,
    new_input,
    recurrent_matrices,
    share,
    statement,
    titled,
)
from unrolled.equations.equation import Equation
from unrolled.equations.nodes import Apply, Node, Variable, apply, arguments, topological
from unrolled.equations.ops import shape_of
from unrolled.equations.rewriting import Made, Rule, rewrite
from unrolled.errors import CellError


@dataclass(frozen=True)
class RecurrentDropout(Modifier):
    """Dropout of the candidate, the value that is written into the memory (Semeniuta et al. 2016):
    different units are dropped at each step, and the memory itself is never lost.

    `value` names the candidate: "g" in the LSTM, "n" in the GRU.
    """

    rate: float
    value: str = "g"

    def __call__(self, equation: Equation) -> Equation:
        share(str(self), "rate", self.rate)
        node = statement(equation, str(self), self.value)
        drop = new_input(equation, f"drop_{self.value}", node)

        def rule(made: Made) -> Node:
            assert isinstance(node, Apply)
            return apply(node.op, *map(made, node.args)) * drop

        return rewrite(
            equation, {node: rule}, name=titled(equation, self),
            noise={drop.name: (1.0, "step", 1 - self.rate)},
        )  # fmt: skip


@dataclass(frozen=True)
class VariationalDropout(Modifier):
    """Variational dropout (Gal & Ghahramani 2016): in training one mask for each sequence, the same
    at every step, on the states that are multiplied by matrices, and another one on the input.

    `input_rate` is the rate of the input, by default `rate`. Each layer of a stack has its own
    masks, so `VariationalDropout(0.0, 0.3)` is locked dropout on the input and between layers.
    """

    rate: float
    input_rate: float | None = None

    def __call__(self, equation: Equation) -> Equation:
        of_input = self.rate if self.input_rate is None else self.input_rate
        share(str(self), "rate", self.rate)
        share(str(self), "input_rate", of_input)
        masks: dict[str, Variable] = {}
        rules: dict[Node, Rule] = {}
        for node in recurrent_products(equation) if self.rate else ():
            size = shape_of(node.args[1])[0]
            if size not in masks:
                states = [name for name, shape in equation.states.items() if shape == (size,)]
                name = f"drop_{states[0] if states else size}"
                masks[size] = new_input(equation, name, node.args[1])
            rules[node] = partial(_masked, node, masks[size])
        if self.rate and not rules:
            raise CellError(f"{self}: {equation.name} multiplies no state with a matrix")
        noise = {mask.name: (1.0, "sequence", 1 - self.rate) for mask in masks.values()}
        changed = rewrite(equation, rules, name=titled(equation, self), noise=noise)
        x = next(iter(equation.inputs))
        return replace(changed, noise={**changed.noise, x: ("sequence", 1 - of_input)})


def _masked(node: Apply, mask: Variable, made: Made) -> Node:
    matrix, operand = node.args
    return apply("matmul", made(matrix), made(operand) * mask)


def recurrent_products(equation: Equation) -> list[Apply]:
    """Products of a matrix with a value that depends on a state other than through a product."""
    found = []
    for node in topological(node for _, node in equation.statements):
        if isinstance(node, Apply) and is_product(node) and not is_product(arguments(node)[1]):
            below = topological([node.args[1]])
            if any(isinstance(v, Variable) and v.role == "state" for v in below):
                found.append(node)
    return found


@dataclass(frozen=True)
class WeightDrop(Modifier):
    """Weight drop (Merity et al. 2018): in training single entries of the recurrent matrices are
    dropped, the same ones at all steps of a call."""

    rate: float

    def __call__(self, equation: Equation) -> Equation:
        share(str(self), "rate", self.rate)
        matrices = [v.name for v in recurrent_matrices(equation)]
        if not matrices:
            raise CellError(f"{self}: {equation.name} multiplies no state with a matrix")
        noise = dict.fromkeys(matrices, ("call", 1 - self.rate))
        return replace(equation, name=titled(equation, self), noise={**equation.noise, **noise})
