"""Putting other terms in the place of terms. In: an `Equation`, old node -> new node. Out: the same
equation over the new ones, simplified and verified; next: `cells/modifiers`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from unrolled.equations.derive import fresh, name_what_backward_needs
from unrolled.equations.equation import Equation
from unrolled.equations.nodes import Apply, Node, Variable, arguments, rebuild, topological
from unrolled.equations.simplify import simplify
from unrolled.equations.verify import verify

Made = Callable[[Node], Node]  # a node of the old equation -> its replacement
Statement = tuple[str, Node]
Rule = Callable[[Made], Node]  # how a new term is made; asks for what its parts have become


def rewrite(
    equation: Equation,
    rules: Mapping[Node, Rule],
    *,
    name: str | None = None,
    initial: Mapping[str, Any] | None = None,
    noise: Mapping[str, tuple[float, str, float]] | None = None,
    states: Mapping[str, Rule] | None = None,
) -> Equation:
    """Each node with a rule becomes what the rule makes; weights that nothing uses are dropped, and
    new ones, which the rules bring, are given after the old. `initial` are their first values;
    `noise` are new random inputs: what each is on average, how often it is drawn, and with which
    probability it is not 0. `states` are made last, of a new state that keeps another name."""
    done: dict[Node, Node] = {}

    def made(root: Node) -> Node:
        for node in topological([root], done):
            if node not in done:
                done[node] = _made(node, rules, made, done)
        return done[root]

    before = set(topological(equation.locals[state] for state in equation.results))
    after = set(topological(made(equation.locals[state]) for state in equation.results))
    statements = tuple(
        (title, made(node)) for title, node in equation.statements
        if node not in before or made(node) in after  # what only led to a value that is gone
    )  # fmt: skip
    statements = _with_states(equation, statements, made, states or {})
    used = list(topological(node for _, node in statements))
    kept = [v for v in equation.given if v.role != "weight" or v in set(used)]
    new = [v for v in used if isinstance(v, Variable) and v not in equation.given]
    given = sorted((*kept, *new), key=lambda v: v.role == "weight")  # which come last
    weights = {v.name for v in given if v.role == "weight"}
    rules_of = {**equation.initial, **(initial or {})}
    result = replace(
        equation,
        name=equation.name if name is None else name,
        given=tuple(given),
        statements=statements,
        initial={weight: rule for weight, rule in rules_of.items() if weight in weights},
        defaults={**equation.defaults, **{n: e for n, (e, *_) in (noise or {}).items()}},
        noise={n: how for n, how in equation.noise.items() if n in equation.inputs or n in weights}
        | {n: (per, on) for n, (_, per, on) in (noise or {}).items()},
    )
    for improve in (_ordered, simplify, name_what_backward_needs):
        result = improve(result)
        verify(result)
    return result


def _with_states(
    equation: Equation, statements: Sequence[Statement], made: Made, states: Mapping[str, Rule]
) -> tuple[Statement, ...]:
    """What a state was to become keeps its value under another name, and the rule's is the state's.
    What was made of it still is."""
    taken = set(equation.values)
    found: list[Statement] = []
    for title, node in statements:
        if title in states:
            found.append((fresh(f"new_{title}", taken), node))
            found.append((title, states[title](made)))
        else:
            found.append((title, node))
    return tuple(found)


def _made(node: Node, rules: Mapping[Node, Rule], made: Made, done: Mapping[Node, Node]) -> Node:
    if node in rules:
        return rules[node](made)
    if isinstance(node, Apply):
        return rebuild(node, tuple(done[argument] for argument in node.args))
    return node


def _ordered(equation: Equation) -> Equation:
    """What a value is made of is said before it; a name that a rule has made one with another's is
    left out."""
    named: dict[str, Node] = {}
    for title, node in equation.statements:
        if isinstance(node, Apply) or title in equation.results:
            named[title] = node
    place = {node: number for number, node in enumerate(topological(named.values()))}
    order = sorted(named.items(), key=lambda statement: place[statement[1]])
    return replace(equation, statements=tuple(order))


def summands_of(node: Node) -> list[Node]:
    """The terms of a sum, from left to right."""
    if isinstance(node, Apply) and node.op == "add":
        return [term for argument in arguments(node) for term in summands_of(argument)]
    return [node]
