"""Normalized pre-activations, with trained gains."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from unrolled.cells.modifiers.modifier import (
    Modifier,
    is_product,
    new_weight,
    pre_activations,
    titled,
)
from unrolled.equations.equation import Equation
from unrolled.equations.nodes import Apply, Node, Variable, apply, constant, rebuild
from unrolled.equations.ops import shape_of
from unrolled.equations.rewriting import Made, rewrite, summands_of
from unrolled.errors import CellError

EPSILON = 1e-5  # added to the variance, as torch.nn.LayerNorm has it


@dataclass(frozen=True)
class LayerNorm(Modifier):
    """Layer normalization of every pre-activation (Ba, Kiros & Hinton 2016).

    The products of `W_i @ x + U_i @ h + b_i` become gain_i * (p - mean(p)) / sqrt(var(p) + 1e-5),
    over the units; the bias is added afterwards. Gains start at 1.
    """

    def __call__(self, equation: Equation) -> Equation:
        return normalized(equation, self, centred)


@dataclass(frozen=True)
class RMSNorm(Modifier):
    """Root mean square normalization of every pre-activation (Zhang & Sennrich 2019): like
    `LayerNorm`, without subtracting the mean."""

    def __call__(self, equation: Equation) -> Equation:
        return normalized(equation, self, scaled)


def centred(products: Node) -> Node:
    return scaled(products - apply("mean", products))


def scaled(products: Node) -> Node:
    return products / apply("sqrt", apply("mean", products**2) + constant(EPSILON))


def normalized(equation: Equation, modifier: Modifier, norm: Callable[[Node], Node]) -> Equation:
    """The products of each pre-activation, normalized, times a gain."""
    sums, taken = pre_activations(equation), set[str]()
    if not sums:
        raise CellError(
            f"{modifier}: {equation.name} has no pre-activation, a sum with a product of a matrix "
            f"that a function such as tanh is taken of"
        )
    gains = {node: new_weight(equation, f"gain_{name}", taken, shape_of(node)[0])
             for node, name in sums.items()}  # fmt: skip
    rules = {node: partial(_rule, node, gain, norm) for node, gain in gains.items()}
    first = {gain.name: 1.0 for gain in gains.values()}
    return rewrite(equation, rules, name=titled(equation, modifier), initial=first)


def _rule(total: Node, gain: Variable, norm: Callable[[Node], Node], made: Made) -> Node:
    terms = summands_of(total)
    products = [
        # a single product is the sum itself, whose rule this is
        rebuild(term, tuple(map(made, term.args)))
        if term is total and isinstance(term, Apply)
        else made(term)
        for term in terms
        if is_product(term)
    ]
    together = products[0]
    for product in products[1:]:
        together = together + product
    result: Node = gain * norm(together)
    for term in terms:
        if not is_product(term):
            result = result + made(term)
    return result
