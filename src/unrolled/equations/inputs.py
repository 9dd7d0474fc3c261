"""Named inputs of a step. In: an `Equation`, the values that the user gave. Out: arrays, one for
each named input; next: `interpret` and `cells/base`; layers do the same for tensors.

A named input is given in full, (T, n, B), or as one number per step, (T, B), or as a single number.
If it is not given, its default is used, if it has one: `step(self, x, h, *, dt=1.0)`.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unrolled.equations.equation import Equation
from unrolled.equations.nodes import (
    Apply,
    Constant,
    Node,
    Variable,
    apply,
    constant,
    length,
    rebuild,
    topological,
)
from unrolled.equations.ops import OPS, WHOLE, shape_of
from unrolled.equations.simplify import simplify
from unrolled.equations.verify import verify
from unrolled.errors import ArgumentError, ShapeError

Array = NDArray[Any]


def complete(equation: Equation, given: Mapping[str, Any]) -> dict[str, Any]:
    """A value for every named input, in the equation's order; unknown names and missing inputs are
    refused."""
    wanted = equation.named_inputs
    for name in given:
        if name not in wanted:
            near = difflib.get_close_matches(name, wanted, n=1)
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            has = (
                f"its named inputs are {', '.join(wanted)}" if wanted else "it has no named inputs"
            )
            raise ArgumentError(f"{equation.name} has no input {name!r}{hint}: {has}")
    values = {}
    for name in wanted:
        value = given.get(name)
        values[name] = equation.defaults.get(name) if value is None else value
        if values[name] is None:
            raise ArgumentError(
                f"{equation.name} needs the input {name!r} at each step: give it by name, "
                f"{name}=..., a number for all steps, or a number or a vector for each step"
            )
    return values


def columns(
    equation: Equation, given: Mapping[str, Any], sizes: Mapping[str, int], xs: Array
) -> dict[str, Array]:
    """Each named input as (T, n, B) for xs of shape (T, I, B), or as (T, n) without a batch."""
    steps, batch = xs.shape[0], xs.shape[2:]
    found = {}
    for name, value in complete(equation, given).items():
        units = sizes[equation.inputs[name][0]]
        array = np.asarray(value, xs.dtype)
        if array.shape == (steps, *batch):
            array = array[:, None]
        whole = (steps, units, *batch)
        if array.shape not in ((), (steps, 1, *batch), whole):
            raise ShapeError(
                f"the input {name} has the shape {array.shape}; for x of shape {xs.shape} it must "
                f"be {whole}, or {(steps, *batch)} for one number per step, or a single number"
            )
        found[name] = np.broadcast_to(array, whole)
    return found


def with_inputs(equation: Equation, wanted: Collection[str]) -> Equation:
    """The equation with the default of each named input substituted, except for inputs that are
    wanted or have no default. Random masks are replaced by their expectation."""
    for name in wanted:
        if name not in equation.named_inputs or name in equation.noise:
            names = [n for n in equation.named_inputs if n not in equation.noise]
            has = f"its named inputs are {', '.join(names)}" if names else "it has no named inputs"
            raise ArgumentError(f"{equation.name} has no input {name!r}: {has}")
    return _with_defaults(equation, set(equation.defaults) - set(wanted))


def without_optional(equation: Equation) -> Equation:
    """The equation with the defaults of optional inputs, and the means of random masks,
    substituted. Inputs that are multiplied by a matrix, or have no default, stay inputs."""
    whole = {
        v.name
        for node in topological(node for _, node in equation.statements)
        if isinstance(node, Apply) and node.op in WHOLE
        for v in node.args
        if isinstance(v, Variable)
    }
    names = set(equation.defaults) & set(equation.named_inputs) - whole
    return replace(_with_defaults(equation, names), noise={})


def without_noise(equation: Equation) -> Equation:
    """The step in evaluation: random masks are replaced by their expectation."""
    names = {name for name in equation.noise if name in equation.defaults}
    return _with_defaults(equation, names)


def _with_defaults(equation: Equation, names: set[str]) -> Equation:
    if not names:
        return equation
    known: dict[Node, Node] = {
        v: constant(equation.defaults[v.name])
        for v in equation.given
        if v.name in names and v.role == "input"
    }
    done: dict[Node, Node] = {}
    for node in topological(node for _, node in equation.statements):
        if isinstance(node, Apply):
            args = tuple(_as_wide(node, v, done[v], known) for v in node.args)
            done[node] = _decided(rebuild(node, args))
        else:
            done[node] = known.get(node, node)
    bare = replace(
        equation,
        given=tuple(v for v in equation.given if v not in known),
        statements=tuple(
            (name, done[node])
            for name, node in equation.statements
            if isinstance(done[node], Apply) or name in equation.results
        ),
        defaults={n: v for n, v in equation.defaults.items() if n not in names},
        noise={n: v for n, v in equation.noise.items() if n not in names},
    )
    bare = simplify(bare)
    verify(bare)
    return bare


def _as_wide(node: Apply, argument: Node, done: Node, known: Mapping[Node, Node]) -> Node:
    """A vector that repeats a number, where a product or a sum over units needs a vector."""
    if argument not in known or node.op not in WHOLE:
        return done
    return apply("spread", done, length(shape_of(argument)[0]))


def _decided(node: Node) -> Node:
    """Replace a `where` whose condition contains only numbers by the branch it selects."""
    if not isinstance(node, Apply) or node.op != "where":
        return node
    condition, first, second = node.args
    assert isinstance(condition, Apply)
    if not all(isinstance(argument, Constant) for argument in condition.args):
        return node
    numbers = [argument.value for argument in condition.args if isinstance(argument, Constant)]
    return first if OPS[condition.op].compute(*numbers) else second
