"""The invariants of an equation, checked after every pass. In: an `Equation`. Out: nothing, or
EquationError that names the statement.

The invariants: every operation is in the table and has the right number of arguments; conditions
and values are not mixed; the left operand of a product is a matrix of weights; shapes agree; every
variable is given; names are unique; every result has a name and, for a new state, the shape of the
old one.
"""

from __future__ import annotations

import math
from collections import Counter
from weakref import WeakKeyDictionary

import numpy as np

from unrolled.equations.lengths import is_size, terms_of
from unrolled.equations.nodes import (
    ONE,
    Apply,
    Constant,
    ConstantArray,
    Eye,
    Length,
    Node,
    Variable,
    arguments,
    topological,
)
from unrolled.equations.ops import OPS, ShapeMismatch, shape_of
from unrolled.equations.statements import Statements
from unrolled.errors import EquationError
from unrolled.literal import because

LONGEST = 200  # letters of a name
MOST_NUMBERS = 65_536  # of all constant arrays of an equation: 256 x 256
AXES = {"input": (1,), "state": (1,), "weight": (0, 1, 2)}  # of what is given
ROLES = ("input", "state", "weight", "value", "cotangent")


def verify(equation: Statements) -> None:
    """Raise EquationError if an invariant is broken."""
    _verify_given(equation)
    given, seen = set(equation.given), set[Node]()
    sizes = {*equation.sizes, ONE}
    for name, root in equation.statements:
        for node in topological([root], seen):
            if node in seen:
                continue
            seen.add(node)
            try:
                _verify_node(node, given, sizes)
            except (ShapeMismatch, EquationError) as error:
                raise EquationError(
                    f"{equation.name}, in the statement of {name}: {because(error)}"
                ) from None
    for result in equation.results:
        _demand(result in equation.locals, equation, f"the result {result} has no statement")
        if result in equation.states:
            same = shape_of(equation.locals[result]) == equation.states[result]
            _demand(same, equation, f"the new {result} has another shape than the old one")


def _verify_given(equation: Statements) -> None:
    """Names are valid, and given values have the axes of their roles."""
    names = [v.name for v in equation.given if v.role != "state"]
    names += [name for name, _ in equation.statements]
    names += equation.constants
    repeated = sorted(name for name, count in Counter(names).items() if count > 1)
    _demand(not repeated, equation, f"{repeated} named more than once")
    for name in (*names, *equation.states):
        _demand(name.isidentifier(), equation, f"{name!r} is not a name")
        _demand(len(name) <= LONGEST, equation, f"a name is longer than {LONGEST} letters")
    for v in equation.given:
        _demand(v.role in ROLES, equation, f"{v.name} has the role {v.role!r}")
        for size in shape_of(v):
            _demand(size == "1" or is_size(size), equation, f"{size!r} is not a size")
        axes = AXES.get(v.role, (0, 1, 2))
        _demand(len(shape_of(v)) in axes, equation, f"{v.name} cannot have the axes {shape_of(v)}")
    _verify_constants(equation)
    if {v.role for v in equation.given} <= {"input", "state", "weight"}:
        _verify_step(equation)


def _verify_constants(equation: Statements) -> None:
    """Constant arrays fit their forms, and each size has one value."""
    nodes = topological(node for _, node in equation.statements)
    arrays = [node for node in nodes if isinstance(node, ConstantArray)]
    repeated = len({array.name for array in arrays}) < len(arrays)
    _demand(not repeated, equation, "two constant arrays have one name")
    known = {ONE: 1}
    for array in arrays:
        fits = len(array.lengths) in (1, 2) and len(array.lengths) == len(shape_of(array))
        fits = fits and 8 * math.prod(array.lengths) == len(array.data)
        _demand(fits, equation, f"{array.name} has other numbers than its form {array.lengths}")
        _demand(bool(np.isfinite(array.array).all()), equation, f"{array.name} is not finite")
        for size, length in zip(shape_of(array), array.lengths, strict=True):
            _demand(size == ONE or size.isidentifier(), equation, f"{size!r} is not a size")
            same = known.setdefault(size, length) == length
            _demand(same, equation, f"{size} is {known[size]} and, in {array.name}, {length}")
    numbers = sum(len(array.data) // 8 for array in arrays)
    most = f"its constant arrays have {numbers:,} numbers, and {MOST_NUMBERS:,} is the most"
    _demand(numbers <= MOST_NUMBERS, equation, most)


def _verify_step(equation: Statements) -> None:
    """The invariants of a step, which derived equations need not satisfy."""
    shapes = list(equation.inputs.values())
    fits = bool(shapes) and shapes[0] in (("input_size",), ("hidden_size",))
    _demand(fits, equation, "the first input of a step has the size input_size or hidden_size")
    _demand(bool(equation.states), equation, "a step has at least one state")
    same = equation.results == tuple(equation.states)
    _demand(same, equation, "a step returns its new states, in the order of the old ones")
    unknown = set(equation.initial_state) - set(equation.states)
    _demand(not unknown, equation, f"{sorted(unknown)} begin with a value and are not states")
    unknown = set(equation.defaults) - set(equation.named_inputs)
    _demand(not unknown, equation, f"{sorted(unknown)} have a default and are not named inputs")
    is_first = equation.output in (None, equation.results[0])
    _demand(is_first, equation, f"the output {equation.output} does not stand first")
    _demand(bool(equation.carried), equation, "a step has at least one state")
    _verify_noise(equation)


def _verify_noise(equation: Statements) -> None:
    """Only named inputs with a default, the first input, and weights can be random."""
    for name, (per, share) in equation.noise.items():
        is_input = name in equation.defaults or name == next(iter(equation.inputs))
        right = per in ("step", "sequence") if is_input else per == "call"
        known = is_input or name in equation.weights
        _demand(known and right, equation, f"{name} is random by {per!r}, and cannot be")
        _demand(0 < share <= 1, equation, f"{name} is on with the probability {share}")


def _demand(holds: bool, equation: Statements, sentence: str) -> None:
    if not holds:
        raise EquationError(because(f"{equation.name}: {sentence}", 300))


def _verify_node(node: Node, given: set[Variable], sizes: set[str]) -> None:
    if isinstance(node, Variable) and node not in given:
        raise EquationError(f"{node.name} is not given")
    if isinstance(node, Length | Eye) and not _is_known(node.size, sizes):
        raise EquationError(f"nothing has the size {node.size}")
    if isinstance(node, Apply):
        _verify_operation(node)
    elif not isinstance(node, Variable | Constant | ConstantArray | Length | Eye):
        raise EquationError(f"{node!r} is not a node")
    shape_of(node)


def _is_known(size: str | None, sizes: set[str]) -> bool:
    """Whether this is one of the sizes, or derived from them."""
    return size is not None and (
        size in sizes or (is_size(size) and all(base in sizes for base, _ in terms_of(size)))
    )


def _verify_operation(node: Apply) -> None:
    row = OPS.get(node.op)
    if row is None:
        raise EquationError(f"{node.op!r} is not an operation")
    if len(node.args) != row.arity:
        raise EquationError(f"{node.op} takes {row.arity} arguments, not {len(node.args)}")
    for position, argument in enumerate(node.args):
        wants = node.op in ("and", "or", "not") or (node.op == "where" and position == 0)
        if is_condition(argument) != wants:
            raise EquationError(f"{node.op} mixes a condition and a value")
    if node.op in ("pow", "leaky_relu", "clip_gradient") and not isinstance(node.args[1], Constant):
        raise EquationError(f"the second argument of {node.op} is not a constant")
    if node.op == "spread" and not isinstance(node.args[1], Length):
        raise EquationError("spread needs a length")
    if node.op == "matmul" and varies(node.args[0]):
        raise EquationError("the left of a product varies from step to step")


def is_condition(node: Node) -> bool:
    return isinstance(node, Apply) and OPS[node.op].is_condition


_varies: WeakKeyDictionary[Node, bool] = WeakKeyDictionary()


def varies(node: Node) -> bool:
    """Whether a node depends on anything but weights and constants; looked up once for each."""
    if node not in _varies:
        for below in topological([node], _varies):
            if below not in _varies:
                _varies[below] = (isinstance(below, Variable) and below.role != "weight") or any(
                    _varies[argument] for argument in arguments(below)
                )
    return _varies[node]
