"""Backpropagation through one step, derived. In: an `Equation`. Out: its backward `Equation`.

How the derivative comes about, in three lines:

1. Each new state has a derivative of the loss with respect to it (`d_h`): from the output of this
   step and from the next step.
2. Go through the step backward, from results to operands. Each operation passes its derivative on
   to its arguments by the rule in its row of the table (`ops`); contributions to the same value are
   added up.
3. The derivatives of the input, the old states and the weights are the result. Over a sequence,
   `d_h_prev` is passed to the previous step, and the derivatives of the weights are summed.

The backward equation refers to the forward step's named values (which are stored), the old states
and the incoming derivatives, and can be printed, run and compiled like any other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import replace

from unrolled.equations.nodes import (
    ONE,
    Apply,
    Node,
    Shape,
    Variable,
    apply,
    arguments,
    constant,
    rebuild,
    topological,
    variable,
)
from unrolled.equations.ops import FUNCTION, OPS, WHOLE, shape_of
from unrolled.equations.simplify import simplified
from unrolled.equations.statements import S, Statements
from unrolled.equations.verify import is_condition, varies, verify


def cotangents(equation: Statements) -> dict[str, Variable]:
    """State -> the derivative of the loss with respect to its new value, as it enters this step.

    If the step itself uses the new value, more is added here: then the incoming derivative is
    called `d_c_next`, and `d_c` is the sum. Otherwise it is called `d_c`.
    """
    values = equation.locals
    used = Counter(values[state] for state in equation.results)
    below = topological(values[state] for state in equation.results)
    used.update(argument for node in below for argument in arguments(node))
    return {
        state: variable(
            f"d_{state}" if used[values[state]] == 1 else f"d_{state}_next",
            "cotangent",
            shape_of(values[state]),
        )
        for state in equation.results
    }


def adjoints(equation: Statements) -> dict[Node, Node]:
    """Each value of the step -> the derivative of the loss with respect to it, last value first."""
    values = equation.locals
    arriving: dict[Node, list[Node]] = {}
    for state, cotangent in cotangents(equation).items():
        arriving.setdefault(values[state], []).append(cotangent)
    order = list(topological(values[state] for state in equation.results))
    varying = varying_nodes(order, equation.without_derivative)
    # the forward step's values are what it has kept: they stay the nodes that they are
    own = set(values.values())
    known, named = set(order), set(own)
    result: dict[Node, Node] = {}
    coefficients: dict[Node, tuple[float, Node]] = {}
    for node in reversed(order):
        if node not in arriving or node not in varying:
            continue
        total = _sum(arriving[node])
        d = result[node] = simplified([total], known, named, coefficients)[total]
        known.add(d)
        if node in own:
            named.add(d)
        if not isinstance(node, Apply):
            continue
        rule = OPS[node.op].derivative
        assert rule is not None, f"{node.op} has no derivative"
        for argument, term in zip(node.args, rule(d, node, *node.args), strict=True):
            if term is not None and argument in varying:
                arriving.setdefault(argument, []).append(_fit(term, shape_of(argument)))
    return result


def varying_nodes(order: Iterable[Node], constant_names: Collection[str] = ()) -> set[Node]:
    """The nodes that contain a variable other than constant ones: only they have a derivative."""
    varying: set[Node] = set()
    for node in order:
        is_value = isinstance(node, Apply) and not OPS[node.op].is_condition
        is_variable = isinstance(node, Variable) and node.name not in constant_names
        if is_variable or (is_value and any(argument in varying for argument in arguments(node))):
            varying.add(node)
    return varying


def _sum(terms: list[Node]) -> Node:
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


def _fit(term: Node, shape: Shape) -> Node:
    """Sum over broadcast units, so that a derivative has the shape of its value."""
    if len(shape_of(term)) == 2 and shape == ():
        return apply("total", term)
    if shape in ((), (ONE,)) and shape_of(term) not in ((), (ONE,)):
        return apply("sum", term)
    return term


# --------------------------------------------------------------------- as an equation, with names


def derive(equation: S) -> S:
    """The backward step: derivatives with respect to the input, the old states and the weights."""
    found = adjoints(equation)
    names = _Names(equation, found)
    # what is made of weights alone (A = U - U.T), and a condition, is not kept but said again
    used = set(topological(found.values()))
    statements = [
        (name, node)
        for name, node in equation.statements
        if node in used and (is_condition(node) or not varies(node))
    ]
    for node, d in found.items():
        name = names.of(node, d)
        if name is not None and d is not names.arriving.get(name):
            statements.append((name, d))
    results = []
    for v in equation.given:
        result = f"d_{v.name}_prev" if v.role == "state" else f"d_{v.name}"
        statements.append((result, found.get(v, constant(0))))
        results.append(result)
    backward = replace(
        equation,
        name=f"{equation.name}, backward",
        given=_given(equation, [d for _, d in statements]),
        statements=tuple(_keep_names(equation, statements)),
        results=tuple(results),
        initial_state={},
        initial={},
        defaults={},
        output=None,
        noise={},
    )
    verify(backward)
    return backward


class _Names:
    """The names of derivatives: d_i for a value named i, otherwise by its place."""

    def __init__(self, equation: Statements, found: dict[Node, Node]) -> None:
        self.words = _Words(equation)
        self.arriving = {v.name: v for v in cotangents(equation).values()}
        self.uses = Counter(
            argument for node in topological(found.values()) for argument in arguments(node)
        )
        self.uses.update(d for node, d in found.items() if isinstance(node, Variable))
        # where a value without a name shares its derivative with one that has a name, that is it
        self.names: dict[Node, str] = {}
        for node, d in found.items():
            if node in self.words.names and isinstance(node, Apply):
                self.names.setdefault(d, f"d_{self.words.names[node]}")
        self.taken = {f"d_{name}" for name in equation.values} | set(equation.values)
        self.said: set[str] = set()

    def of(self, node: Node, d: Node) -> str | None:
        """The name for `d`, the derivative with respect to `node`; None if it needs or has one."""
        if isinstance(node, Variable):
            return None
        if node in self.words.names:
            name = f"d_{self.words.names[node]}"
        elif d in self.names:
            name = self.names[d]
        elif self.uses[d] < 2 or not isinstance(d, Apply):
            return None
        else:
            name = self.names[d] = fresh(f"d_{self.words.of(node)}", self.taken)
        if name in self.said:
            return None
        self.said.add(name)
        return name


class _Words:
    """Names for values that the user did not name, from their place in the equation."""

    def __init__(self, equation: Statements) -> None:
        self.names: dict[Node, str] = {v: v.name for v in equation.given}
        self.owners: dict[Node, str] = {}
        self.nets: set[Node] = set()
        for name, node in equation.statements:
            self.names.setdefault(node, name)
            for below in list(topological([node], self.owners)):
                if below in self.owners:
                    continue
                self.owners[below] = name
                if isinstance(below, Apply) and OPS[below.op].precedence == FUNCTION:
                    self.nets.update(below.args)
        self.statements = equation.locals
        self.named = set(self.statements.values())

    def of(self, node: Node) -> str:
        """net_i for the argument of the function of i; rh for r * h; else product_h or similar."""
        assert isinstance(node, Apply)
        if node.op == "mul" and all(len(self.names.get(a, "long")) == 1 for a in node.args):
            return "".join(self.names[a] for a in node.args)
        is_affine = _costly(node, self.named) == {"matmul"} or node in self.nets
        if is_affine and OPS[node.op].precedence < FUNCTION:
            return f"net_{self._base(self.owners[node])}"
        return f"{WORDS.get(node.op, node.op)}_{self.owners[node]}"

    def _base(self, owner: str) -> str:
        """h for tanh_h, where that is a name given here: what goes into it is net_h."""
        root = self.statements[owner]
        prefix = f"{root.op}_" if isinstance(root, Apply) else ""
        return owner.removeprefix(prefix)


WORDS = {
    "add": "sum",
    "sub": "difference",
    "mul": "product",
    "div": "ratio",
    "neg": "negative",
    "pow": "power",
}


def _kept(equation: Statements) -> dict[Node, Variable]:
    """The forward step's named values, which are given to the backward step."""
    kept: dict[Node, Variable] = {}
    for name, node in equation.statements:
        # a condition is not a value that could be kept: it is asked again, of values that are
        if isinstance(node, Apply) and varies(node) and not is_condition(node):
            # a new state and its old value share a name; the old one stays with the role "state"
            kept.setdefault(node, variable(name, "value", shape_of(node)))
    return kept


def _keep_names(
    equation: Statements, statements: list[tuple[str, Node]]
) -> Iterable[tuple[str, Node]]:
    kept = _kept(equation)
    done: dict[Node, Node] = {}
    for name, root in statements:
        for node in topological([root], done):
            if node in done:
                continue
            if node in kept:
                done[node] = kept[node]
            elif isinstance(node, Apply):
                done[node] = rebuild(node, tuple(done[argument] for argument in node.args))
            else:
                done[node] = node
        yield name, done[root]


def _given(equation: Statements, roots: list[Node]) -> tuple[Variable, ...]:
    """The inputs of the backward step: given and stored values, and derivatives."""
    kept = _kept(equation)
    return (*equation.given, *kept.values(), *cotangents(equation).values())


# ------------------------------------------------- what the forward step must give a name to


def name_what_backward_needs(equation: S) -> S:
    """Name each product and each sum over units that the derivative uses, or that is split, so that
    it is computed only once.

    In `n = tanh(W x + r * (U h))` the derivative with respect to r uses `U h`: it becomes `net_n`.
    """
    named = {node for _, node in equation.statements}
    stack, seen = list(adjoints(equation).values()), set[Node]()
    forward = set(topological(node for _, node in equation.statements))
    cut = [node.args[0] for node in forward if isinstance(node, Apply) and node.op == "part"]
    wanted = [v for v in cut if v not in named and varies(v) and _is_worth_keeping(v, named)]
    while stack:
        node = stack.pop()
        if node in seen or node in named:
            continue
        seen.add(node)
        if node in forward and len(shape_of(node)) == 1 and _is_worth_keeping(node, named):
            wanted.append(node)
        else:
            stack.extend(arguments(node))
    return _add_statements(equation, wanted) if wanted else equation


def _is_worth_keeping(node: Node, named: Collection[Node]) -> bool:
    # the negative of something costly costs nothing once that has been kept
    is_cheap = not isinstance(node, Apply) or node.op == "neg" or is_condition(node)
    return not is_cheap and bool(_costly(node, named))


def _costly(node: Node, named: Collection[Node]) -> set[str]:
    """The operations in a term, down to named values, that need more than one unit."""
    below = topological(arguments(node), named)
    found = {n.op for n in (node, *below) if isinstance(n, Apply) and (n is node or n not in named)}
    return found & WHOLE


def _add_statements(equation: S, wanted: list[Node]) -> S:
    words = _Words(equation)
    statements: list[tuple[str, Node]] = []
    taken = set(equation.values)
    left = set(wanted)
    for name, root in equation.statements:
        for node in topological([root]):
            if node in left and isinstance(node, Apply):
                left.remove(node)
                statements.append((fresh(words.of(node), taken), node))
        statements.append((name, root))
    return replace(equation, statements=tuple(statements))


def fresh(base: str, taken: set[str]) -> str:
    """The name, or the name with the first unused number; it is then marked as used."""
    name, number = base, 1
    while name in taken:
        number += 1
        name = f"{base}_{number}"
    taken.add(name)
    return name
