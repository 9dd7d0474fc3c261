"""Lower an equation to graphs for kernels. In: an `Equation`. Out: two graphs; next: `plan`.

Weights do not change over a sequence, so values that depend on weights alone (`U - U.T - gamma
eye`, `softplus(a)`) are computed once, before the kernel, by its caller: this is the *prelude*. The
rest is one step over plain variables. Its derivative determines what the forward kernel stores: the
values that the backward kernel could not cheaply recompute from other stored values.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from unrolled.equations.apart import apart
from unrolled.equations.derive import adjoints
from unrolled.equations.equation import Equation
from unrolled.equations.nodes import (
    ONE,
    Apply,
    Constant,
    ConstantArray,
    Eye,
    Length,
    Node,
    Variable,
    apply,
    arguments,
    rebuild,
    topological,
    variable,
)
from unrolled.equations.ops import OPS, WHOLE, shape_of
from unrolled.equations.verify import varies, verify

# Dear to compute: kept rather than made again, unless what they are made of is stored anyway.
DEAR = frozenset({"tanh", "sigmoid", "softplus", "exp", "log", "sqrt", "sin", "cos", "div", "pow"})
# Not a function of one unit: it would take another pass over the units to make it again.
WIDE = WHOLE


@dataclass(frozen=True)
class Lowered:
    """A step over plain weights (`step`), and how those follow from the cell's own (`prelude`)."""

    step: Equation
    prelude: dict[str, Node]

    @property
    def weights(self) -> dict[str, tuple[str, ...]]:
        """The weights that the kernels take, with their shapes."""
        return self.step.weights

    @cached_property
    def bounds_gradients(self) -> bool:
        """Whether a derivative is clipped on its way back."""
        nodes = topological(node for _, node in self.step.statements)
        return any(isinstance(node, Apply) and node.op == "clip_gradient" for node in nodes)

    @property
    def reads_input_by_unit(self) -> bool:
        """Whether the input stands anywhere but to the right of a product."""
        nodes = list(topological(node for _, node in self.step.statements))
        inputs = {v for v in self.step.given if v.role == "input"}
        return any(
            argument in inputs
            for node in nodes
            if isinstance(node, Apply) and node.op != "matmul"
            for argument in node.args
        ) or any(node in inputs for _, node in self.step.statements)


BLOCK = 16  # the lanes of the widest vectors: blocks of whole vectors are packed as they are


def has_whole_blocks(equation: Equation, sizes: Mapping[str, int]) -> bool:
    """Whether every block of a size is whole vectors on every machine."""
    return all(sizes[size] % BLOCK == 0 for size in equation.blocks)


def lower(equation: Equation, *, blocks: bool = False) -> Lowered:
    """Cut what depends on weights alone out of the step. With `blocks`, what is block diagonal is
    left to the kernels, which skip its zeros; without, it is a matrix like any other."""
    equation = replace(equation, statements=tuple(apart(equation.statements)))
    prelude: dict[str, Node] = {}
    done: dict[Node, Node] = {}
    holds: dict[Node, bool] = {}
    results = set(equation.results)  # they stay, whatever they are made of
    names = {node: name for name, node in reversed(equation.statements) if name not in results}
    in_blocks = _block_diagonals(equation) if blocks else set()
    for node in topological(node for _, node in equation.statements):
        is_array = isinstance(node, ConstantArray | Eye)
        holds[node] = isinstance(node, Variable) or is_array
        holds[node] = holds[node] or any(holds[a] for a in arguments(node))
        # made of weights (or of arrays that never change) alone; numbers alone stay in the step
        of_weights = holds[node] and not varies(node)
        if not of_weights or not (isinstance(node, Apply) or is_array) or node in in_blocks:
            args = tuple(done[a] for a in node.args) if isinstance(node, Apply) else ()
            done[node] = rebuild(node, args) if isinstance(node, Apply) else node
            continue
        own = node.name if isinstance(node, ConstantArray) else f"prelude_{len(prelude)}"
        name = names.get(node) or own
        prelude[name] = node
        done[node] = variable(name, "weight", shape_of(node))
    statements = tuple(
        (n, done[node]) for n, node in equation.statements if varies(node) or n in results
    )
    used = set(topological(node for _, node in statements))
    weights = [v for v in used if isinstance(v, Variable) and v.role == "weight"]
    order = {v.name: i for i, v in enumerate(equation.given)}
    weights.sort(key=lambda v: (order.get(v.name, len(order)), v.name))
    others = [v for v in equation.given if v.role != "weight"]
    constant = {name for name, node in prelude.items() if _is_constant(node, equation.fixed)}
    fixed = tuple(v.name for v in weights if v.name in constant or v.name in equation.fixed)
    noise = {name: how for name, how in equation.noise.items() if name in equation.inputs}
    step = replace(
        equation, given=(*others, *weights), statements=statements, fixed=fixed, noise=noise
    )
    return Lowered(step, {name: node for name, node in prelude.items()
                          if any(v.name == name for v in weights)})  # fmt: skip


def _block_diagonals(equation: Equation) -> set[Node]:
    """What is block diagonal and is a matrix that values of the step are multiplied with, and
    nothing else."""
    nodes = list(topological(node for _, node in equation.statements))
    found: set[Node] = {
        node for node in nodes if isinstance(node, Apply) and node.op == "block_diagonal"
    }
    for node in nodes:
        if isinstance(node, Apply):
            operand = node.args[-1]
            is_input = isinstance(operand, Variable) and operand.role == "input"
            is_product = node.op == "matmul" and len(shape_of(node)) == 1 and not is_input
            found -= {a for a in node.args if not (is_product and a is node.args[0])}
    return found


def _is_constant(node: Node, fixed: Collection[str]) -> bool:
    """Whether nothing that is learned stands in a value made of weights."""
    return all(v.name in fixed for v in topological([node]) if isinstance(v, Variable))


def tangent(lowered: Lowered) -> Lowered:
    """The step together with its derivative in a direction, over its plain weights and theirs."""
    return Lowered(lowered.step.tangent, {})


def narrow(lowered: Lowered) -> Lowered:
    """The same step with the weights of one row, and of one column, as vectors.

    `e @ x` is a sum over the units of x and `f @ s` repeats a single number, so neither is a
    product for a kernel: they are values unit by unit, and sums. The numbers of such a weight lie
    in memory as before.
    """
    step = lowered.step
    done: dict[Node, Node] = {}
    for node in topological(node for _, node in step.statements):
        if isinstance(node, Variable) and node.role == "weight":
            done[node] = _narrow_weight(node)
        elif isinstance(node, Apply) and node.op == "matmul" and ONE in shape_of(node.args[0]):
            matrix, operand = node.args
            weight = matrix.args[0] if isinstance(matrix, Apply) else matrix
            done[node] = done[weight] * done[operand]
            if shape_of(matrix)[1] != ONE:
                done[node] = apply("sum", done[node])
        elif isinstance(node, Apply) and node.op == "transpose" and ONE in shape_of(node):
            continue  # of such a weight, which the product above has taken
        else:
            args = tuple(done[a] for a in node.args) if isinstance(node, Apply) else ()
            done[node] = rebuild(node, args) if isinstance(node, Apply) else node
    given = tuple(_narrow_weight(v) if v.role == "weight" else v for v in step.given)
    statements = tuple((name, done[node]) for name, node in step.statements)
    step = replace(step, given=given, statements=statements)
    verify(step)
    return replace(lowered, step=step)


def _narrow_weight(weight: Variable) -> Variable:
    shape = shape_of(weight)
    if len(shape) < 2 or ONE not in shape:
        return weight
    rows, columns = shape
    return variable(weight.name, "weight", (columns if rows == ONE else rows,))


@dataclass(frozen=True)
class Graphs:
    """Both directions of one step.

    `kept`: name -> the forward value that the forward kernel stores for the backward one.
    `gradients`: input, old state or weight -> its derivative, over variables whose role is input,
    state (the old one), weight, value (a stored forward value) or cotangent (what arrives).
    `states`: state -> the whole derivative by its new value, over the same.
    """

    lowered: Lowered
    kept: dict[str, Node]
    gradients: dict[Variable, Node]
    states: dict[str, Node]


def backward_graphs(lowered: Lowered) -> Graphs:
    """Derive the step's gradients, and choose what the forward kernel keeps for them."""
    step = lowered.step
    found = adjoints(step)
    gradients = {v: found[v] for v in step.given if v in found}
    new_states = {step.locals[state]: f"state {state}" for state in step.results}
    forward = set(topological(node for _, node in step.statements))
    kept = _choose(gradients.values(), forward, set(new_states))
    names = {node: name for name, node in reversed(step.statements)}
    titles = {node: f"kept {names.get(node, i)}" for i, node in enumerate(kept)}
    stored = {node: variable(title, "value", shape_of(node))
              for node, title in {**titles, **new_states}.items()}  # fmt: skip
    totals = {state: found[step.locals[state]] for state in step.results}
    done = replace_nodes([*gradients.values(), *totals.values()], stored)
    return Graphs(
        lowered,
        {titles[node]: node for node in kept},
        {v: done[node] for v, node in gradients.items()},
        {state: done[node] for state, node in totals.items()},
    )


def _choose(gradients: Iterable[Node], forward: set[Node], stored: set[Node]) -> list[Node]:
    """The forward values to keep, such that everything the gradients need can be made of them."""
    keeping = _Keeping(forward, stored)
    order = list(topological(gradients))
    needed = {argument for node in order if node not in forward and isinstance(node, Apply)
              for argument in node.args if argument in forward}  # fmt: skip
    needed |= {node for node in gradients if node in forward}
    # a product's right-hand side is read by a product outside, so it must stand in memory
    for node in order:
        if isinstance(node, Apply) and node.op == "outer" and _computed(node.args[1], stored):
            keeping.keep([node.args[1]])
    for node in order:
        if node in needed and node in forward:
            keeping.keep(keeping.missing(node))
    return list(keeping.kept)


def _computed(node: Node, stored: set[Node]) -> bool:
    return isinstance(node, Apply) and node not in stored


class _Keeping:
    """The forward values that are kept, and what each other one needs beside them: remembered, so
    that a step of thousands of operations is looked through once."""

    def __init__(self, forward: Iterable[Node], stored: set[Node]) -> None:
        self.kept: dict[Node, None] = {}
        self._stored = stored
        self._missing: dict[Node, list[Node]] = {}
        self._known = set(stored)  # there is no need to look below these
        self._users: dict[Node, list[Node]] = {}
        for node in forward:
            for argument in arguments(node):
                self._users.setdefault(argument, []).append(node)

    def keep(self, nodes: Iterable[Node]) -> None:
        for node in nodes:
            self.kept[node] = None
            self._forget(node)
            self._known.add(node)

    def missing(self, node: Node) -> list[Node]:
        """What must be kept in addition, so that this value can be had."""
        found = self._missing
        for below in topological([node], self._known):
            if below in found:
                continue
            if not isinstance(below, Apply) or below in self._stored or below in self.kept:
                found[below] = []
            else:
                found[below] = _missing_for(below, found)
            self._known.add(below)
        return found[node]

    def _forget(self, node: Node) -> None:
        """What is made of a value that is now kept needs less."""
        waiting = [node]
        while waiting:
            one = waiting.pop()
            if self._missing.pop(one, None) is not None:
                if one not in self._stored and one not in self.kept:
                    self._known.discard(one)
                waiting += self._users.get(one, ())


def _missing_for(node: Apply, found: Mapping[Node, list[Node]]) -> list[Node]:
    """What must be kept for an operation, where it is known for its arguments."""
    missing: dict[Node, None] = {}
    for argument in node.args:
        missing.update(dict.fromkeys(found[argument]))
    if OPS[node.op].is_condition:
        return list(missing)  # true and false are not numbers to be kept; what they compare is
    dear = node.op in WIDE or (node.op in DEAR and bool(missing))
    return [node] if dear or len(missing) > 1 else list(missing)


def replace_nodes(roots: Iterable[Node], known: Mapping[Node, Node]) -> dict[Node, Node]:
    """Every node below the roots -> the same over what `known` puts in the place of some."""
    done: dict[Node, Node] = {}
    for node in topological(roots):
        if node in known:
            done[node] = known[node]
        elif isinstance(node, Apply):
            done[node] = rebuild(node, tuple(done[argument] for argument in node.args))
        else:
            assert isinstance(node, Variable | Constant | Length)
            done[node] = node
    return done
