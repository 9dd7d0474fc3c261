"""A pass over an equation: the same values in a simpler form. In and out: an `Equation`.

Shared terms are shared already (nodes are interned). Here numbers are folded, what does nothing
(`+ 0`, `* 1`, `- -`) is dropped, a common factor of two terms is taken out, and in a sum with a
product the affine terms (products with a matrix, then vectors of weights) are gathered to the
front, so that an engine finds `W x + U h + b` together whatever stood between them. Named
hyperparameters are not folded: they print under their name.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np

from unrolled.equations.nodes import (
    ONE,
    Apply,
    Constant,
    Length,
    Node,
    apply,
    constant,
    is_one,
    rebuild,
    topological,
)
from unrolled.equations.ops import OPS, shape_of
from unrolled.equations.statements import S
from unrolled.equations.verify import varies


def simplify(equation: S) -> S:
    """Simplify every statement; values keep their names."""
    done = simplified([node for _, node in equation.statements])
    statements = tuple((name, done[node]) for name, node in equation.statements)
    return replace(equation, statements=statements)


def simplified(
    roots: list[Node],
    known: Collection[Node] = (),
    named: Collection[Node] = (),
    coefficients: dict[Node, tuple[float, Node]] | None = None,
) -> dict[Node, Node]:
    """Every node below the roots -> its simpler equal.

    The roots and the `named` are values with a name: they are not taken apart. The `known` stay as
    they are: they are simple already, and it matters that they remain the same nodes.
    `coefficients` is what was found before about terms that come again: who calls often keeps it.
    """
    rules = _Rules(set(named), {} if coefficients is None else coefficients)
    keep = set(roots)
    done: dict[Node, Node] = {}
    for node in topological(roots, known):
        if isinstance(node, Apply) and node not in known:
            done[node] = rules.settle(rebuild(node, tuple(done[arg] for arg in node.args)))
        else:
            done[node] = node
        if node in keep:
            rules.named.add(done[node])
    return done


MOST_TERMS = 100  # a term may be shared, and a sum of sums then has no end


class _Rules:
    """One method for each operation that has rules: the simpler node, or None."""

    def __init__(self, named: set[Node], coefficients: dict[Node, tuple[float, Node]]) -> None:
        self.named, self.coefficients = named, coefficients

    def make(self, op: str, *args: Node) -> Node:
        return self.settle(apply(op, *args))

    def settle(self, node: Node) -> Node:
        """Apply the rules until none changes the node."""
        shape = shape_of(node)
        while isinstance(node, Apply):
            rule = getattr(self, f"_{node.op}", None)
            new = _fold(node) or (rule(*node.args) if rule else None)
            # a rule may not narrow a value: 1 * (a one-unit sum) + 0 * h is as wide as h
            if new is None or new is node or shape_of(new) != shape:
                return node
            node = new
        return node

    # how a node may be taken apart ------------------------------------------------------------

    def _open(self, node: Node, *ops: str) -> tuple[Node, ...] | None:
        """The arguments of a node that is one of these operations and has no name."""
        if isinstance(node, Apply) and node.op in ops and node not in self.named:
            return node.args
        return None

    def _negated(self, node: Node) -> Node | None:
        """The operand, if the node is a negation."""
        if isinstance(node, Constant) and node.name is None and node.value < 0:
            return constant(-node.value)
        if opened := self._open(node, "mul"):
            number = self._negated(opened[0]) if isinstance(opened[0], Constant) else None
            return self.make("mul", number, opened[1]) if number else None
        opened = self._open(node, "neg")
        return opened[0] if opened else None

    def _coefficient(self, node: Node) -> tuple[float, Node]:
        """A number and what it multiplies."""
        waiting = [node]
        while waiting:  # factors before what they are factors of
            opened = self._open(waiting[-1], "mul", "div") or ()
            open_ones = [factor for factor in opened if factor not in self.coefficients]
            if open_ones:
                waiting.extend(open_ones)
                continue
            last = waiting.pop()
            if last not in self.coefficients:
                self.coefficients[last] = self._find_coefficient(last)
        return self.coefficients[node]

    def _find_coefficient(self, node: Node) -> tuple[float, Node]:
        if isinstance(node, Constant) and node.name is None:
            return node.value, constant(1)
        if opened := self._open(node, "mul", "div"):
            assert isinstance(node, Apply)
            first, second = opened
            k, rest = self._coefficient(first)
            if node.op == "div":
                return k, self.make("div", rest, second)
            other, rest_of_other = self._coefficient(second)
            return k * other, self.make("mul", rest, rest_of_other)
        return 1.0, node

    def _unspread(self, op: str, a: Node, b: Node) -> Node | None:
        """A number that is combined with a vector is broadcast anyway."""
        if opened := self._open(b, "spread"):
            return self.make(op, a, opened[0])
        if opened := self._open(a, "spread"):
            return self.make(op, opened[0], b)
        return None

    # the rules --------------------------------------------------------------------------------

    def _add(self, a: Node, b: Node) -> Node | None:
        if is_one(a, 0):
            return b
        if is_one(b, 0):
            return a
        if negated := self._negated(b):
            return self.make("sub", a, negated)
        if negated := self._negated(a):
            return self.make("sub", b, negated)
        return self._unspread("add", a, b) or self._common_factor("add", a, b) or self._gather(a, b)

    def _sub(self, a: Node, b: Node) -> Node | None:
        if is_one(b, 0):
            return a
        if is_one(a, 0):
            return self.make("neg", b)
        if negated := self._negated(b):
            return self.make("add", a, negated)
        return self._unspread("sub", a, b) or self._common_factor("sub", a, b)

    def _mul(self, a: Node, b: Node) -> Node | None:
        for one, other in ((a, b), (b, a)):
            if is_one(one, 1):
                return other
            if is_one(one, -1):
                return self.make("neg", other)
        for one, other, swapped in ((a, b, False), (b, a, True)):
            opened = self._open(one, "neg")
            if opened and (negated := opened[0]):
                pair = (other, negated) if swapped else (negated, other)
                return self.make("neg", self.make("mul", *pair))
        (k, rest), (other_k, other_rest) = self._coefficient(a), self._coefficient(b)
        if k != 1 and other_k != 1:
            return self.make("mul", constant(k * other_k), self.make("mul", rest, other_rest))
        return self._unspread("mul", a, b)

    def _div(self, a: Node, b: Node) -> Node | None:
        if is_one(b, 1):
            return a
        if negated := self._negated(a):
            return self.make("neg", self.make("div", negated, b))
        return self._mean_of(a, b) or self._unspread("div", a, b)

    def _mean_of(self, a: Node, b: Node) -> Node | None:
        """A sum, perhaps with factors, over the number of its units."""
        if not isinstance(b, Length) or not isinstance(a, Apply) or a in self.named:
            return None
        if a.op == "sum" and shape_of(a.args[0]) == (b.size,):
            return self.make("mean", a.args[0])
        if a.op in ("mul", "div") and (mean := self._mean_of(a.args[0], b)):
            return self.make(a.op, mean, a.args[1])
        return None

    def _neg(self, a: Node) -> Node | None:
        if negated := self._negated(a):
            return negated
        opened = self._open(a, "sub")
        return self.make("sub", opened[1], opened[0]) if opened else None

    def _pow(self, base: Node, exponent: Node) -> Node | None:
        return base if is_one(exponent, 1) else None

    def _transpose(self, a: Node) -> Node | None:
        if opened := self._open(a, "transpose"):
            return opened[0]
        opened = self._open(a, "neg")
        return self.make("neg", self.make("transpose", opened[0])) if opened else None

    def _spread(self, value: Node, length: Node) -> Node | None:
        return value if shape_of(value) != (ONE,) and shape_of(value) != () else None

    def _sum(self, a: Node) -> Node | None:
        return self._reduce("sum", a)

    def _mean(self, a: Node) -> Node | None:
        return self._reduce("mean", a)

    def _max(self, a: Node) -> Node | None:
        return a if shape_of(a) == (ONE,) else None

    _min = _max

    def _reduce(self, op: str, a: Node) -> Node | None:
        """One unit is its own sum; a sign and a factor that all units share go to the front."""
        if shape_of(a) == (ONE,):
            return a
        if negated := self._negated(a):
            return self.make("neg", self.make(op, negated))
        if opened := self._open(a, "mul", "div"):
            assert isinstance(a, Apply)
            x, factor = opened
            if shape_of(factor) in ((), (ONE,)):
                return self.make(a.op, self.make(op, x), factor)
            if a.op == "mul" and shape_of(x) in ((), (ONE,)):
                return self.make("mul", x, self.make(op, factor))
        return None

    def _where(self, condition: Node, a: Node, b: Node) -> Node | None:
        return a if a is b else None

    def _common_factor(self, op: str, left: Node, right: Node) -> Node | None:
        """a * b + a * c -> a * (b + c), and the same with -."""
        one, two = self._open(left, "mul"), self._open(right, "mul")
        if one and two:
            for factor in one:
                for other in two:
                    if factor is other:
                        rest = self.make(op, _other(one, factor), _other(two, factor))
                        return self.make("mul", factor, rest)
        return None

    def _gather(self, a: Node, b: Node) -> Node | None:
        """Reorder a sum that has a product: products first, then weights, then the rest."""
        whole = apply("add", a, b)
        terms = self._terms(whole)
        if len(terms) > MOST_TERMS:
            return None
        ordered = sorted(terms, key=_affinity)
        if ordered == terms or _affinity(ordered[0]) > 0 or len(shape_of(whole)) != 1:
            return None
        total = ordered[0]
        for term in ordered[1:]:
            total = total + term
        return total

    def _terms(self, node: Node) -> list[Node]:
        """The terms of a sum from left to right, as far as there are not too many."""
        stack, terms = [node], list[Node]()
        while stack and len(terms) <= MOST_TERMS:
            term = stack.pop()
            if opened := self._open(term, "add"):
                stack.extend(reversed(opened))
            else:
                terms.append(term)
        return terms


def _fold(node: Apply) -> Node | None:
    values = [a.value for a in node.args if isinstance(a, Constant) and a.name is None]
    if len(values) < len(node.args) or OPS[node.op].is_condition or node.op == "where":
        return None
    with np.errstate(all="ignore"):
        return constant(float(OPS[node.op].compute(*map(np.float64, values))))


def _other(product: tuple[Node, ...], factor: Node) -> Node:
    a, b = product
    return b if a is factor else a


def _affinity(node: Node) -> int:
    if isinstance(node, Apply) and node.op == "matmul":
        return 0
    return 2 if varies(node) else 1
