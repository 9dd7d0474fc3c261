"""Plan the two kernels of a cell. In: a `Lowered` step. Out: `Forward` and `Backward`, each a
plan and what is left to products outside the loop; next: `cpu/forward` and `cpu/backward`.

The gradients of matrices are sums over all tokens, done for many time steps at once after the
backward kernel. With a single sequence so are the products that need no state: `W x` before the
forward kernel, those of `d_x` after the backward one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from unrolled.engines.plan.layout import plan
from unrolled.engines.plan.lower import Graphs, Lowered, replace_nodes
from unrolled.engines.plan.plan import Kind, Place, Plan, Target
from unrolled.engines.plan.rewrite import addends_of
from unrolled.equations.derive import cotangents
from unrolled.equations.equation import Equation
from unrolled.equations.nodes import ONE, Apply, Constant, Node, Variable, apply, constant, variable
from unrolled.equations.ops import shape_of


def _place(kind: Kind, v: Node, name: str) -> Place:
    return Place(kind, name, (*shape_of(v), ONE)[0])


@dataclass(frozen=True)
class ForwardPlan:
    """`inputs`: by name, where an input of each token lies. `states`: likewise. `shared`: a kept
    value -> the hoisted product whose memory it takes over, read by then. `lasts`: by name, states
    that are kept in bfloat16, and where the last one lies; from step to step they take turns."""

    plan: Plan
    inputs: dict[str, Place]
    states: dict[str, Place]
    kept: dict[str, Place]
    records: dict[str, Place]
    shared: dict[str, str]
    lasts: dict[str, Place]


@dataclass(frozen=True)
class Outer:
    """d_matrix += left^T right, summed over all tokens; with more than one of `blocks`, those along
    the diagonal alone."""

    matrix: str
    left: Place
    right: Place
    blocks: int = 1


class Inputs(StrEnum):
    """What computes the derivative at the input: nothing; the kernel; the kernel what is pointwise,
    and the products are done outside, for many steps at once."""

    NONE = "none"
    INSIDE = "inside"
    OUTSIDE = "outside"


@dataclass(frozen=True)
class BackwardPlan:
    """`lefts`: the left sides of outer products in rows, side by side in this order; and again in
    panels, by the same names. `inner`: for each input d_x += left @ matrix, for each; `d_inputs`:
    where the kernel writes a part of it too. `olds`: by name, the state before each token."""

    plan: Plan
    olds: dict[str, Place]
    d_output: Place
    lefts: list[Place]
    panels: dict[str, Place]
    outers: list[Outer]
    inner: dict[str, list[tuple[Place, str]]]
    d_inputs: dict[str, Place]
    added: dict[str, Place]
    norms: dict[str, Place]


def leaf_places(lowered: Lowered) -> dict[Variable, Place]:
    """Where a step finds its input, old states and weights."""
    kinds = {"input": Kind.TOKEN, "state": Kind.BEFORE, "weight": Kind.UNIT}
    places = {}
    for v in lowered.step.given:
        axes = len(shape_of(v))
        if axes < 2:
            places[v] = _place(Kind.NUMBER if axes == 0 else kinds[v.role], v, v.name)
    return places


def halves(lowered: Lowered, graphs: Graphs) -> frozenset[Place]:
    """What forward may keep in bfloat16: everything that the backward kernel reads unit by unit,
    and neither a product nor an outer product. The output is the caller's."""
    found = [plan_backward(lowered, graphs, inputs=how) for how in (Inputs.INSIDE, Inputs.OUTSIDE)]
    whole = {outer.right for made in found for outer in made.outers}
    whole |= {o for made in found for _, block in made.plan.blocks for o in block.operands}
    states = dict(zip(lowered.step.results, _states(lowered).values(), strict=True))
    before = {v.name: place for v, place in leaf_places(lowered).items() if v.role == "state"}
    for number, (name, place) in enumerate(states.items()):
        if number == 0 or place in whole or before[name] in whole:
            whole |= {place, before[name]}  # both lie in the same rows
    kept = (_place(Kind.TOKEN, node, name) for name, node in graphs.kept.items())
    every = (*kept, *states.values(), *(before[name] for name in states))
    return frozenset(place for place in every if place not in whole and place.size != ONE)


def plan_forward(
    lowered: Lowered, graphs: Graphs | None, record: Iterable[str] = (), *, inside: bool = False,
    halved: Collection[Place] = (),
) -> ForwardPlan:  # fmt: skip
    """The forward kernel; `inside` takes the input's products into the loop (small inputs), and
    what is `halved` is kept in bfloat16."""
    step = lowered.step
    kept = {} if graphs is None else graphs.kept
    places = {name: _place(Kind.TOKEN, node, name) for name, node in kept.items()}
    records = {name: _place(Kind.TOKEN, step.values[name], f"record {name}") for name in record}
    targets: list[Target] = [(node, places[name]) for name, node in kept.items()]
    states, leaves = _states(lowered), leaf_places(lowered)
    targets += [(step.locals[name], place) for name, place in states.items()]
    targets += [(step.values[name], place) for name, place in records.items()]
    lasts: dict[str, Place] = {}
    for v in step.given:
        if v.role == "state" and states[v.name] in halved:
            leaves[v] = _place(Kind.NOW, v, v.name)
            lasts[v.name] = _place(Kind.ROW, v, f"last {v.name}")
            targets += [(step.locals[v.name], lasts[v.name]),
                        (step.locals[v.name], _place(Kind.NEXT, v, v.name))]  # fmt: skip
    inputs = {v.name: place for v, place in leaves.items() if v.role == "input"}
    result = plan(
        targets,
        leaves,
        lambda v: v.role == "input" and not inside,
        _rank(lowered),
        halved=halved,
    )
    shared = {} if halved else _share(result, set(places.values()))
    return ForwardPlan(result, inputs, states, places, records, shared, lasts)


def _states(lowered: Lowered) -> dict[str, Place]:
    step = lowered.step
    return {name: _place(Kind.TOKEN, step.locals[name], f"state {name}") for name in step.results}


def _rank(lowered: Lowered) -> dict[str, int]:
    """Matrices stand in the order of the equation's weights, as torch.nn stacks them."""
    return {name: number for number, name in enumerate(lowered.weights)}


def _share(layout: Plan, kept: set[Place]) -> dict[str, str]:
    """Which kept value may overwrite which hoisted product: one that is no longer read."""
    last_read: dict[Place, int] = {}
    stored: dict[Place, int] = {}
    for number, stage in enumerate(layout.stages):
        last_read |= {reduction.operand: number for reduction in stage.reductions}
        for group in (stage.scalars, *stage.groups.values()):
            # a product reads all units of its operand for each that it makes: not before the next
            operands = (o for block in group.blocks for o in block.operands)
            last_read |= dict.fromkeys(operands, number + 1)
            for node in [*group.values, *(store.node for store in group.stores)]:
                for argument in (node, *(node.args if isinstance(node, Apply) else ())):
                    if argument in layout.leaves:
                        place = layout.leaves[argument]
                        last_read[place] = max(number, last_read.get(place, 0))
            for store in group.stores:
                if store.place in kept:
                    stored[store.place] = number
    free = [place for *_, place in layout.hoisted]
    shared: dict[str, str] = {}
    for place, number in stored.items():
        match = next((f for f in free if f.size == place.size and last_read[f] <= number), None)
        if match is not None:
            free.remove(match)
            shared[place.name] = match.name
    return shared


def plan_backward(
    lowered: Lowered,
    graphs: Graphs,
    norms: Iterable[str] = (),
    inputs: Inputs = Inputs.OUTSIDE,
    halved: Collection[Place] = (),
) -> BackwardPlan:
    """The backward kernel, and the products that follow it; `norms` names states whose derivative's
    length is wanted at every step; what is `halved` forward has kept in bfloat16."""
    step, places = lowered.step, _known_places(lowered, graphs)
    arriving = _arriving(lowered, places)
    replaced = replace_nodes(graphs.gradients.values(), arriving)
    sources = {v: replaced[node] for v, node in graphs.gradients.items()}
    if inputs is Inputs.OUTSIDE and not _has_products(step, sources):
        inputs = Inputs.INSIDE  # there is nothing to be done outside
    lefts = _Lefts(Kind.TOKEN if inputs is Inputs.OUTSIDE else Kind.ROW)
    outers: list[Outer] = []
    inner: dict[str, list[tuple[Place, str]]] = {}
    targets: list[Target] = []
    added: dict[str, Place] = {}
    d_inputs: dict[str, Place] = {}
    for v in step.given:
        d = sources.get(v, constant(0))
        if v.role == "state":
            targets.append((d, _place(Kind.NEXT, v, v.name)))
        elif v.role == "input":
            if inputs is Inputs.NONE:
                continue
            is_inside, count = inputs is Inputs.INSIDE, len(step.inputs)
            products, rest = ([], d) if is_inside else _inner(d, lefts, count)
            inner |= {v.name: products} if products else {}
            if rest is not None:
                d_inputs[v.name] = _place(Kind.TOKEN, v, f"d {v.name}")
                targets.append((rest, d_inputs[v.name]))
        elif v in sources and len(shape_of(v)) == 2:
            outers += _outers(v.name, d, lefts, places)
        elif v in sources:
            if isinstance(d, Apply) and d.op == "sum" and shape_of(v) == ():
                d = d.args[0]  # summed over the units outside, with the tokens
            added[v.name] = _place(Kind.ADD, d, f"d {v.name}")
            targets.append((d, added[v.name]))
    measured, squares = _measured(norms, graphs, arriving)
    targets += squares
    panels = lefts.panels()
    in_panels = [(node, panels[place.name]) for node, place in lefts.places.items()]
    targets = [*lefts.places.items(), *in_panels, *targets]
    order = _side_by_side(lefts, outers, _rank(lowered))
    layout = plan(targets, places, lambda v: False, _rank(lowered), order, halved)
    olds = {v.name: place for v, place in places.items() if v.role == "state"}
    d_output = next(place for v, place in places.items() if v.name == "d output")
    return BackwardPlan(
        layout, olds, d_output, order, panels, outers, inner, d_inputs, added, measured
    )


def _measured(
    norms: Iterable[str], graphs: Graphs, arriving: dict[Node, Node]
) -> tuple[dict[str, Place], list[Target]]:
    """Where the norm of each of these states' derivatives goes, and how it is computed."""
    found: dict[str, Place] = {}
    targets: list[Target] = []
    for state in norms:
        d = replace_nodes([graphs.states[state]], arriving)[graphs.states[state]]
        found[state] = Place(Kind.TOKEN, f"norm {state}", ONE)
        targets.append((apply("sqrt", apply("sum", d * d)), found[state]))
    return found, targets


def _known_places(lowered: Lowered, graphs: Graphs) -> dict[Variable, Place]:
    """Where the backward kernel finds what the forward one was given, and what it has left."""
    step, places = lowered.step, leaf_places(lowered)
    for name, node in graphs.kept.items():
        places[variable(name, "value", shape_of(node))] = _place(Kind.TOKEN, node, name)
    for name, place in _states(lowered).items():
        places[variable(place.name, "value", shape_of(step.locals[name]))] = place
    return places


def _side_by_side(lefts: _Lefts, outers: list[Outer], rank: dict[str, int]) -> list[Place]:
    """Left sides in an order in which those that meet the same right side stand together: input
    only, input and state, state only. Both groups are then one product without a gap."""
    rights = list(dict.fromkeys(outer.right for outer in outers))
    meets: dict[Place, set[Place]] = {left: set() for left in lefts.places.values()}
    first: dict[Place, int] = dict.fromkeys(meets, len(rank))
    for outer in outers:
        meets[outer.left].add(outer.right)
        first[outer.left] = min(first[outer.left], rank[outer.matrix])

    def key(left: Place) -> tuple[str, list[bool], int]:
        pattern = [(right in meets[left]) != (right is rights[0]) for right in rights]
        return left.size, pattern, first[left]

    return sorted(meets, key=key)


def _arriving(lowered: Lowered, places: dict[Variable, Place]) -> dict[Node, Node]:
    """The derivative that arrives at a new state: from the next step, and for the output also from
    this step's own cotangent."""
    arriving: dict[Node, Node] = {}
    for number, (state, v) in enumerate(cotangents(lowered.step).items()):
        carried = variable(f"carried {state}", "cotangent", v.shape)
        places[carried] = _place(Kind.NOW, v, state)
        arriving[v] = carried
        if number == 0:
            d_output = variable("d output", "cotangent", v.shape)
            places[d_output] = _place(Kind.TOKEN, v, "d output")
            arriving[v] = apply("add", carried, d_output)
    return arriving


class _Lefts:
    """The left sides of outer products, each stored once for every token."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.places: dict[Node, Place] = {}

    def place(self, node: Node) -> Place:
        if node not in self.places:
            self.places[node] = Place(
                self.kind, f"left {len(self.places)}", shape_of(node)[0], clear=True
            )
        return self.places[node]

    def panels(self) -> dict[str, Place]:
        """By a left side's name, its second place: in panels."""
        return {place.name: replace(place, kind=Kind.PANEL, name=f"panel {place.name}")
                for place in self.places.values()}  # fmt: skip


def _terms(node: Node) -> list[Node]:
    def is_sum(node: Node) -> bool:
        return isinstance(node, Apply) and node.op == "add"

    return addends_of(node, is_sum) if isinstance(node, Apply) and is_sum(node) else [node]


def _outers(matrix: str, d: Node, lefts: _Lefts, places: Mapping[Variable, Place]) -> list[Outer]:
    """The products whose sum is a matrix's derivative."""
    d, blocks = _in_blocks(d)
    return [Outer(matrix, lefts.place(a), places[b], blocks) for a, b in _outer_terms(d)]


def _in_blocks(d: Node) -> tuple[Node, int]:
    """A matrix's derivative, of which only so many blocks along the diagonal are wanted."""
    if isinstance(d, Apply) and d.op == "diagonal_blocks":
        number = d.args[1]
        assert isinstance(number, Constant)
        return d.args[0], int(number.value)
    return d, 1


def _outer_terms(d: Node) -> Iterable[tuple[Node, Variable]]:
    for term in _terms(d):
        assert isinstance(term, Apply) and term.op == "outer", "a matrix's derivative is outer"
        left, right = term.args
        assert isinstance(right, Variable)
        yield left, right


def _is_whole_product(term: Node) -> bool:
    """Whether this is a product that may be done outside the kernel, which has no blocks there."""
    if not isinstance(term, Apply) or term.op != "matmul":
        return False
    (matrix,) = term.args[0].args if isinstance(term.args[0], Apply) else (term.args[0],)
    return isinstance(matrix, Variable)


def _has_products(step: Equation, sources: dict[Variable, Node]) -> bool:
    """Whether a product leads to the derivative by the input."""
    return any(_is_whole_product(term)
               for v in step.given if v.role == "input" and v in sources
               for term in _terms(sources[v]))  # fmt: skip


def _inner(d: Node, lefts: _Lefts, inputs: int) -> tuple[list[tuple[Place, str]], Node | None]:
    """Split an input's derivative into products to be done outside, and the rest. Beside other
    inputs one without a derivative is filled with zeros, for the array of all is written."""
    products, rest = [], None
    for term in _terms(d):
        if _is_whole_product(term):
            assert isinstance(term, Apply)
            transposed, left = term.args
            assert isinstance(transposed, Apply) and isinstance(transposed.args[0], Variable)
            products.append((lefts.place(left), transposed.args[0].name))
        elif term is not constant(0):
            rest = term if rest is None else apply("add", rest, term)
    if rest is None and not products and inputs > 1:
        rest = constant(0)
    return products, rest
