"""Trace a cell into an equation. In: a cell. Out: a verified `Equation`; next: `derive`, engines.

The step is called once, with symbols in place of arrays and of `self`, and every operation on them
is recorded. The step is never parsed, so loops, helper methods and `super().step(...)` work as in
any Python code. While it runs, the local variables of its frame are watched, so that the equation
keeps the user's names.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from unrolled.equations import functions
from unrolled.equations.cutting import CountedSize, SizeName
from unrolled.equations.derive import name_what_backward_needs
from unrolled.equations.equation import Equation
from unrolled.equations.lengths import is_size, sum_of, terms_of
from unrolled.equations.nodes import (
    ONE,
    Apply,
    Constant,
    ConstantArray,
    Node,
    Shape,
    Variable,
    constant,
    topological,
)
from unrolled.equations.signature import read_output, read_signature, refuse_name
from unrolled.equations.simplify import simplify
from unrolled.equations.sizes import Inference
from unrolled.equations.symbols import Recorder, Symbol
from unrolled.equations.verify import verify
from unrolled.equations.where import Where, here, teach
from unrolled.errors import CellError

Binding = tuple[str, Node]


def trace(cell_type: type, hyperparameters: Mapping[str, Any] | None = None) -> Equation:
    """Call the step of a cell class once, on symbols, and record what it computes."""
    step = cell_type.step  # type: ignore[attr-defined]
    code = inspect.unwrap(step).__code__
    where = Where(code.co_filename, code.co_firstlineno)
    signature = read_signature(step, where)
    recorder = Recorder()
    declared = _declared_sizes(cell_type)
    output = read_output(cell_type, signature, where)
    given = signature.given(declared, output)
    owner = _tracing_cell(cell_type, recorder, hyperparameters or {})
    recorder.lines.update(dict.fromkeys(given, where))
    symbols = [recorder.symbol(node) for node in given if node.name != output]
    returned, bindings = _watch(cell_type, step, owner, symbols, tuple(signature.named))
    outputs = _outputs(returned, signature.states, output, cell_type, where)
    _refuse_unused(outputs, given, where)

    inference = Inference(
        declared, getattr(cell_type, "scalars", ()), recorder.lines, recorder.splits
    )
    shapes = {v.name: _shape(v) for v in given if v.role == "state"}
    found = inference.run(
        {name: (node, shapes[name]) for name, node in outputs.items()},
        [*given, *(node for _, node in bindings)],
    )
    roots = [*outputs.values(), *(node for _, node in bindings), *given]
    sized = found.substitute(roots)
    weights = [sized[node] for node in recorder.lines if _is_weight(node) and node in sized]
    arrays = (node for node in recorder.lines if isinstance(node, ConstantArray))
    names = {v.name for v in (*given, *weights, *arrays) if isinstance(v, Variable | ConstantArray)}
    statements = _name(
        [(name, sized[node]) for name, node in bindings],
        {name: sized[node] for name, node in outputs.items()},
        names,
        {sized[node]: line for node, line in recorder.lines.items() if node in sized},
    )
    equation = Equation(
        cell_type.__name__,
        tuple(v for v in (*(sized[node] for node in given), *weights) if isinstance(v, Variable)),
        tuple(statements),
        tuple(outputs),
        _initial_state(cell_type, outputs),
        dict(getattr(cell_type, "initial", {})),
        {name: value for name, value in signature.named.items() if value is not None},
        fixed=_fixed(cell_type),
        output=output,
    )
    return _improved(equation)


def _declared_sizes(cell_type: type) -> dict[str, str]:
    """The sizes that the class declares, in normal form."""
    declared = getattr(cell_type, "sizes", {})
    for name, size in declared.items():
        if size != ONE and not is_size(size):
            raise CellError(
                f"sizes of {cell_type.__name__} declares {size!r} for {name}: a size is a name, a "
                f'share or a sum of names ("hidden_size/2 + rank"), or "1"; a product needs a name '
                f"of its own, as in `area = 16`"
            )
    return {name: sum_of(size) if is_size(size) else size for name, size in declared.items()}


def _is_weight(node: Node) -> bool:
    return isinstance(node, Variable) and node.role == "weight"


def _fixed(cell_type: type) -> tuple[str, ...]:
    fixed = getattr(cell_type, "fixed", ())
    if isinstance(fixed, str):
        raise CellError(
            f'{cell_type.__name__}: fixed is {fixed!r}, but must be a tuple of names, ("{fixed}",)'
        )
    return tuple(fixed)


def _improved(equation: Equation) -> Equation:
    verify(equation)
    for improve in (simplify, name_what_backward_needs):
        equation = improve(equation)
        verify(equation)
    return equation


def _initial_state(cell_type: type, states: Mapping[str, Any]) -> dict[str, float]:
    """The declared values of states before the first step. A name that is not a state is refused
    later, along with all other declarations."""
    declared: Mapping[str, Any] = getattr(cell_type, "initial_state", {})
    for name, value in declared.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise CellError(
                f'{cell_type.__name__}: initial_state["{name}"] is {value!r}, but must be a '
                f"number, the value of every unit of {name} before the first step"
            )
    return {name: float(value) for name, value in declared.items() if name in states}


def _shape(node: Variable) -> Shape:
    assert node.shape is not None
    return node.shape


def _tracing_cell(cell_type: type, recorder: Recorder, hyperparameters: Mapping[str, Any]) -> Any:
    """A stand-in for `self`: numbers keep their name, and every unknown name is a weight."""
    reserved: frozenset[str] = getattr(cell_type, "reserved_names", frozenset())
    declared = getattr(cell_type, "sizes", {}).values()
    sizes = {base for size in declared if is_size(size) for base, _ in terms_of(size)}

    class Tracing(cell_type):  # type: ignore[misc]
        def __getattribute__(self, name: str) -> Any:
            if name.startswith("__"):
                return object.__getattribute__(self, name)
            if name in ("input_size", "hidden_size"):
                return SizeName(name)
            if name in reserved:
                teach(f"self.{name} is a name that Cell uses itself: choose another")
            static = inspect.getattr_static(cell_type, name, None)
            if name in hyperparameters:
                value = hyperparameters[name]
            elif static is None:
                return SizeName(name) if name in sizes else _weight(name, recorder)
            elif inspect.isfunction(static) and static.__module__ == functions.__name__:
                teach(f"self.{name} is the function {static.__name__} as a method, which would get "
                      f"the cell, too: write {name} = staticmethod({static.__name__})")  # fmt: skip
            else:
                value = object.__getattribute__(self, name)
                if isinstance(value, np.ndarray):
                    teach(f"self.{name} is an array returned by a property: return it from "
                          f'constants(self) instead, as {{"{name}": ...}}')  # fmt: skip
            if isinstance(value, np.ndarray):
                return _constant_array(name, value, recorder)
            if name in sizes and type(value) is int:
                value = CountedSize(value)
                value.name = name
            if isinstance(value, float):  # an int may count a loop, so it stays one
                return recorder.symbol(constant(value, name))
            return value

        def __setattr__(self, name: str, value: Any) -> None:
            teach(f"self.{name} is assigned in the step: set weights outside of it "
                  f"(cell.{name} = array), and give a value of the step a local name")  # fmt: skip

    return object.__new__(Tracing)


def _constant_array(name: str, array: np.ndarray[Any, Any], recorder: Recorder) -> Symbol:
    refuse_name(name, here())
    is_real = np.issubdtype(array.dtype, np.floating) or np.issubdtype(array.dtype, np.integer)
    if array.ndim not in (1, 2) or not array.size or not is_real or not np.isfinite(array).all():
        form = " x ".join(map(str, array.shape))
        teach(f"self.{name} is an array of {array.dtype} with the shape ({form}), but a constant "
              f"must be a vector or a matrix of finite real numbers")  # fmt: skip
    return recorder.array(name, array)


def _weight(name: str, recorder: Recorder) -> Symbol:
    if name.startswith("_"):
        teach(f"self.{name} is not a valid name for a weight: it must begin with a letter")
    refuse_name(name, here())
    return recorder.weight(name)


def _watch(
    cell_type: type,
    step: Callable[..., Any],
    owner: Any,
    arguments: list[Symbol],
    named: tuple[str, ...],
) -> tuple[Any, list[Binding]]:
    """Run the step, and note each value that is assigned to a local variable, in order. The last
    arguments are passed by name.

    A step that is called with `super().step(...)` is watched, too.
    """
    bindings: list[Binding] = []
    steps = (vars(base)["step"] for base in cell_type.__mro__ if "step" in vars(base))
    codes = {inspect.unwrap(function).__code__ for function in steps}

    def watching() -> Callable[[Any, str, Any], Any]:
        current: dict[str, Any] = {}

        def local(frame: Any, event: str, _: Any) -> Any:
            if event not in ("line", "return"):
                return local
            for name, value in frame.f_locals.items():
                if isinstance(value, Symbol) and current.get(name) is not value:
                    if name in current or not any(value is argument for argument in arguments):
                        bindings.append((name, value.node))
                    current[name] = value
            return local

        return local

    def tracer(frame: Any, event: str, _: Any) -> Any:
        return watching() if frame.f_code in codes else None

    before = sys.gettrace()
    sys.settrace(tracer)
    try:
        first = len(arguments) - len(named)
        returned = step(
            owner, *arguments[:first], **dict(zip(named, arguments[first:], strict=True))
        )
    finally:
        sys.settrace(before)
    return returned, bindings


def _outputs(
    returned: Any, states: list[str], output: str | None, cell_type: type, where: Where
) -> dict[str, Node]:
    """The returned values by name: an output that is not a state, and the new states."""
    values = returned if isinstance(returned, tuple) else (returned,)
    carried, states = states, states if output is None else [output, *states]
    wanted = ", ".join(states)
    if returned is None:
        teach(f"the step returns nothing: end it with `return` and the new {wanted}", where)
    if len(values) != len(states):
        first = "" if output is None else f" and declares the output {output}"
        teach(f"the step of {cell_type.__name__} takes {_count(carried)} ({', '.join(carried)})"
              f"{first} and returns {len(values)}: return the new value of each, in that order: "
              f"{wanted}", where)  # fmt: skip
    for name, value in zip(states, values, strict=True):
        if not isinstance(value, Symbol):
            teach(f"the new {name} is a {type(value).__name__}, not a value of the step: it must "
                  f"follow from the input, the states and the weights", where)  # fmt: skip
    return {name: value.node for name, value in zip(states, values, strict=True)}


def _count(states: list[str]) -> str:
    return "1 state" if len(states) == 1 else f"{len(states)} states"


def _refuse_unused(outputs: dict[str, Node], given: list[Variable], where: Where) -> None:
    used = set(topological(outputs.values()))
    for v in given[2:]:
        if v not in used and v.role == "state":
            teach(f"the state {v.name} is never used: use it, or take it out of the signature "
                  f"of step and out of the returned values", where)  # fmt: skip
        if v not in used:
            teach(f"the input {v.name} is never used: use it, or take it out of the signature of "
                  f"step", where)  # fmt: skip
    for name, node in outputs.items():
        if isinstance(node, Constant):
            teach(f"the new value of {name} is the same at every step: {node.value}", where)


def _name(
    bindings: list[Binding], outputs: dict[str, Node], taken: set[str], lines: Mapping[Node, Where]
) -> list[Binding]:
    """One name for each value: the last one keeps the user's name, earlier ones get a number."""
    bindings = [(name, node) for name, node in bindings if isinstance(node, Apply)]
    last = dict(bindings) | outputs
    free: set[str] = taken | set(last)
    named: dict[str, Node] = {}
    for name, node in bindings:
        if name in taken and name not in outputs:
            teach(f"the local name `{name}` is also the name of an input or a weight: give it "
                  f"a name of its own", lines[node])  # fmt: skip
        refuse_name(name, lines[node])
        if last[name] is node:
            named[name] = node
        elif all(known is not node for known in named.values()):
            named[_numbered(name, free)] = node
    named |= {name: node for name, node in outputs.items() if name not in named}
    # operands come before the values computed from them, whichever was named first
    place = {node: number for number, node in enumerate(topological(named.values()))}
    return sorted(named.items(), key=lambda statement: place[statement[1]])


def _numbered(name: str, free: set[str]) -> str:
    number = 1
    while f"{name}_{number}" in free:
        number += 1
    free.add(f"{name}_{number}")
    return f"{name}_{number}"
