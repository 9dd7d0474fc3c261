r"""How an equation prints in LaTeX. In: an `Equation`. Out: one `aligned` block, a row a statement.

Values of this step carry the time as an index (`x_t`, `h_{t-1}`, `i_t`), weights carry what their
name says (`W_i` is W with the index i), unit by unit is \odot, and the derivative of the loss by a
value is \delta and the value. Greek names (`gamma`) become Greek letters.
"""

from __future__ import annotations

import math
from collections import Counter

from unrolled.equations.lengths import terms_of
from unrolled.equations.nodes import Apply, Constant, ConstantArray, Eye, Length, Node, Variable
from unrolled.equations.ops import FUNCTION, OPS, shape_of
from unrolled.equations.statements import Statements
from unrolled.equations.text import cut, number, statements_of
from unrolled.equations.verify import varies

GREEK = frozenset((
    "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa",
    "lambda", "mu", "nu", "xi", "pi", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi",
    "omega", "Gamma", "Delta", "Theta", "Lambda", "Xi", "Pi", "Sigma", "Upsilon", "Phi", "Psi",
    "Omega",
))  # fmt: skip
LATEX_NAMES = {"dt": "Delta t", "lam": "lambda", "Lam": "Lambda", "eps": "epsilon"}


def to_latex(equation: Statements) -> str:
    names: dict[Node, str] = {}
    rows = []
    for name, node in statements_of(equation):
        printed = _result(name, node, equation)
        rows.append(f"{printed} &= {_Printer(names).term(node)}")
        if not isinstance(node, Constant):
            names.setdefault(node, printed)
    body = " \\\\\n".join(rows)
    return f"\\begin{{aligned}}\n{body}\n\\end{{aligned}}"


def _result(name: str, node: Node, equation: Statements) -> str:
    if name.startswith("d_"):
        of = name.removeprefix("d_")
        return f"\\delta {symbol(of, 't' if _has_time(of, equation) else '')}"
    return symbol(name, "t" if varies(node) else "")


def _has_time(name: str, equation: Statements) -> bool:
    """Weights, and what is made of them alone (A = U - U.T), are the same at every step."""
    node = equation.values.get(name)
    return node is None or varies(node)


def symbol(name: str, time: str) -> str:
    """A name as LaTeX: base letter, index, and the time step ('' for what has none)."""
    if name.endswith("_next"):
        name = name.removesuffix("_next")
        return symbol(name, time) + "^{+}"
    if name.endswith("_prev"):
        name, time = name.removesuffix("_prev"), "t-1"
    is_dot = name.endswith("_dot")
    base, _, index = name.removesuffix("_dot").partition("_")
    indices = [_letter(part) for part in index.split("_") if part]
    if time:
        indices.append(time)
    subscript = ",".join(indices)
    letter = f"\\dot{{{_letter(base)}}}" if is_dot else _letter(base)
    return f"{letter}_{{{subscript}}}" if subscript else letter


def _letter(name: str) -> str:
    name = LATEX_NAMES.get(name, name)
    if name.partition(" ")[0] in GREEK:
        return f"\\{name}"
    return name if len(name) == 1 or name.isdigit() else f"\\mathrm{{{name}}}"


def _number(value: float) -> str:
    if math.isinf(value):
        return "\\infty" if value > 0 else "-\\infty"
    mantissa, _, exponent = number(value).partition("e")
    if not exponent:
        return mantissa
    factor = "" if mantissa == "1" else f"{mantissa} \\cdot "
    return f"{factor}10^{{{int(exponent)}}}"


def _size(size: str) -> str:
    """H / 4 + I: a size, or what it is made of."""
    terms = []
    counts = Counter(terms_of(size))
    for (base, blocks), count in counts.items():
        letter = {"hidden_size": "H", "input_size": "I"}.get(base, symbol(base, ""))
        share = letter if blocks == 1 else f"{letter} / {blocks}"
        terms.append(share if count == 1 else f"{count} {share}")
    return " + ".join(terms)


class _Printer:
    def __init__(self, names: dict[Node, str]) -> None:
        self.names = names

    def term(self, node: Node, above: int = 0) -> str:
        if node in self.names and not isinstance(node, Variable):
            return self.names[node]
        if isinstance(node, Variable):
            return self._variable(node)
        if isinstance(node, Constant):
            return symbol(node.name, "") if node.name else _number(node.value)
        if isinstance(node, ConstantArray):
            return symbol(node.name, "")
        if isinstance(node, Length):
            return _size(node.size)
        if isinstance(node, Eye):
            return "I"
        assert isinstance(node, Apply)
        text, precedence = self._operation(node)
        return f"\\left({text}\\right)" if precedence < above else text

    def _part(self, node: Apply) -> str:
        """The third of four equal parts is [v]_{3/4}, and the part of size m is [v]_{m}."""
        sizes, number, is_equal = cut(node)
        index = f"{number + 1}/{len(sizes)}" if is_equal else _size(sizes[number])
        return f"\\left[{self.term(node.args[0])}\\right]_{{{index}}}"

    @staticmethod
    def _variable(node: Variable) -> str:
        if node.role == "weight":
            return symbol(node.name, "")
        if node.role == "cotangent":
            return f"\\delta {symbol(node.name.removeprefix('d_'), 't')}"
        return symbol(node.name, "t-1" if node.role == "state" else "t")

    def _is_product(self, node: Node) -> bool:
        return isinstance(node, Apply) and node.op == "mul" and node not in self.names

    def _operation(self, node: Apply) -> tuple[str, int]:
        row = OPS[node.op]
        if node.op == "mul" and () in map(shape_of, node.args):
            left, right = (self.term(argument, row.precedence) for argument in node.args)
            # a number times a value is not said with \odot; two numbers need a dot between them
            dot = " \\cdot " if isinstance(node.args[1], Constant | Length) else " \\, "
            return f"{left}{dot}{right}", row.precedence
        if node.op == "part":
            return self._part(node), row.precedence
        if row.precedence == FUNCTION or node.op == "div":  # brackets or a fraction bar hold these
            return row.latex.format(*(self.term(argument) for argument in node.args)), 9
        if node.op == "transpose":
            return row.latex.format(self.term(node.args[0], 9)), row.precedence
        if node.op == "neg" and self._is_product(node.args[0]):
            times = OPS["mul"].precedence
            return row.latex.format(self.term(node.args[0], times)), times
        tight = node.op in ("sub", "matmul") or row.is_condition
        first = self.term(node.args[0], row.precedence + (node.op == "pow" or row.is_condition))
        rest = [self.term(a, 0 if node.op == "pow" else row.precedence + tight)
                for a in node.args[1:]]  # fmt: skip
        return row.latex.format(first, *rest), row.precedence
