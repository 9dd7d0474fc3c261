"""A recurrence in blocks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from unrolled.cells.modifiers.modifier import Modifier, recurrent_matrices, titled
from unrolled.equations.equation import Equation
from unrolled.equations.lengths import block_of
from unrolled.equations.nodes import Node, apply, constant, variable
from unrolled.equations.ops import shape_of
from unrolled.equations.rewriting import Made, Rule, rewrite
from unrolled.errors import ArgumentError, CellError


@dataclass(frozen=True)
class Heads(Modifier):
    """A recurrence in `heads` blocks, as in the sLSTM (Beck et al. 2024) and FlashRNN (Poeppel et
    al. 2024): the units are split into heads of equal size, and each head sees only its own state.

    The recurrent matrices become block diagonal. Only the blocks are stored, one above the other:
    hidden x (hidden / heads) numbers, and as many multiplications.
    """

    heads: int

    def __call__(self, equation: Equation) -> Equation:
        if isinstance(self.heads, bool) or self.heads != int(self.heads) or self.heads < 1:
            raise ArgumentError(f"{self}: heads must be a positive integer, not {self.heads!r}")
        heads = int(self.heads)  # a word of the command line is a float
        if heads == 1:
            return equation
        rules: dict[Node, Rule] = {}
        for matrix in recurrent_matrices(equation):
            rows, columns = shape_of(matrix)
            if rows != columns or "/" in rows:
                raise CellError(
                    f"{self}: {matrix.name} of {equation.name} is {rows} x {columns}, and only a "
                    f"square matrix has blocks along its diagonal"
                )
            if matrix.name in equation.initial:
                _refuse_rule(str(self), equation, matrix.name)
            rules[matrix] = _blocks(matrix.name, rows, heads)
        if not rules:
            raise CellError(f"{self}: {equation.name} multiplies no state with a matrix")
        return rewrite(equation, rules, name=titled(equation, self))


def _refuse_rule(modifier: str, equation: Equation, name: str) -> None:
    rule = equation.initial[name]
    is_plain = isinstance(rule, int | float) or (isinstance(rule, tuple) and rule[0] == "uniform")
    if not is_plain:
        raise CellError(
            f"{modifier}: {name} of {equation.name} begins as {rule!r}, which is a rule for a "
            f"whole matrix and not for blocks: declare a number or a range for it in `initial`"
        )


def _blocks(name: str, size: str, heads: int) -> Callable[[Made], Node]:
    matrix = variable(name, "weight", (size, block_of(size, heads)))

    def rule(made: Made) -> Node:
        return apply("block_diagonal", matrix, constant(heads))

    return rule
