"""A sequence backward, as a call. In: the backward plan, sizes, the forward call that went before.
Out: `Backward`; next: `bind`.

Chunk by chunk from the end, the kernel stores, for every token, the derivatives that are left
factors of an outer product (`d_net_i`). Then the gradients of the matrices are sums of outer
products over the whole chunk. With few parallel sequences, the derivative with respect to the input
is computed in the same way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from unrolled.engines.cpu.call.call import (
    Accumulate,
    Buffer,
    Call,
    Clear,
    CopyPanels,
    CopyRows,
    Multiply,
    Owner,
    Per,
    Reduce,
    Step,
    View,
)
from unrolled.engines.cpu.call.forward import ForwardCall
from unrolled.engines.cpu.call.parts import (
    anew,
    call_of,
    reset_of,
    run_kernel,
    scratch,
    side_by_side,
)
from unrolled.engines.cpu.call.sizes import CallSizes
from unrolled.engines.cpu.call.weights import Packed, alone, packed
from unrolled.engines.plan import directions
from unrolled.engines.plan.anew import right_panel
from unrolled.engines.plan.plan import Kind, Matrix, Place


@dataclass(frozen=True, eq=False)
class BackwardCall:
    """`d_x`: the derivative with respect to the input, in whole vectors; None if not requested or
    nothing depends on it. `covered`: of each of the caller's arrays, how many numbers get a sum.
    `numbers`: arrays of a single number -> how many parts of its sum the call leaves."""

    call: Call
    made: directions.BackwardPlan
    d_x: Buffer | None
    covered: dict[int, int]
    numbers: dict[int, int]


class _Parts:
    """A backward call that is being put together."""

    def __init__(self, made: directions.BackwardPlan, sizes: CallSizes, left: ForwardCall) -> None:
        self.made, self.sizes, self.left = made, sizes, left
        self.y = replace(left.y, owner=Owner.GIVEN)
        self.views: dict[Place, tuple[View, ...]] = {
            place: (View(left.x, sizes.places[name]),) for name, place in left.made.inputs.items()
        }
        self.views |= {place: (view,) for place, view in left.tokens.items()}
        self.per_left = Per.ROW  # left sides in rows: of a step, or of a chunk to be multiplied
        if any(place.kind is Kind.TOKEN for place in made.lefts):
            self.per_left = Per.CHUNK
        self.before: list[Step] = []
        self.after: list[Step] = []
        self.chunk: list[Step] = []
        self.covered: dict[int, int] = {}
        self.numbers: dict[int, int] = {}
        self.sums = [Buffer(f"sum {n}", Owner.RESULT, Per.ONCE, width)
                     for n, width in enumerate(sizes.numbers)]  # fmt: skip


def backward_call(
    made: directions.BackwardPlan,
    sizes: CallSizes,
    left: ForwardCall,
    team: int,
    *,
    need_states: bool,
) -> BackwardCall:
    """`team`: the numbers at which a team meets. With `need_states` there are derivatives with
    respect to the initial states, too."""
    parts = _Parts(made, sizes, left)
    weights = packed(made.plan, sizes)
    meeting = Buffer("team", Owner.PASSING, Per.ONCE, team)
    norms = {place: Buffer(f"norm {name}", Owner.RESULT, Per.TOKEN, 1)
             for name, place in made.norms.items()}  # fmt: skip
    ends, firsts = _states(parts, need_states)
    arriving = _arriving(parts)
    _vectors(parts)
    lefts = side_by_side("lefts", made.lefts, sizes, Owner.PASSING, parts.per_left)
    d_x = _input(parts)
    products = _inner(parts, weights, lefts, d_x)
    panels = {place: Buffer(place.name, Owner.PASSING, Per.CHUNK, sizes.padded(place.size),
                            sizes.lanes) for place in made.panels.values()}  # fmt: skip
    copies, sums = _outer(parts, panels)
    for views in (weights.views, lefts, scratch(made.plan, sizes, made.lefts)):
        parts.views |= {place: (view,) for place, view in views.items()}
    reset = reset_of(made.plan)
    own = (*norms.items(), *panels.items(), *reset.items())
    parts.views |= {place: (View(buffer),) for place, buffer in own}
    bind = {place: parts.views[place] for place in made.plan.places}
    kernel = run_kernel(made.plan, bind, weights, sizes, meeting, descending=True)
    # where states are reset, the kernel changes the copies of those before a step
    each = [*copies, kernel] if reset else [kernel, *copies]
    wide = dict.fromkeys(view.buffer for view in lefts.values())
    given = [*sizes.arrays, left.x, parts.y, arriving, *ends, *reset.values()]
    results = [*norms.values(), *([] if d_x is None else [d_x]), *parts.sums, *firsts]
    call = call_of(
        [*given, *results, *left.call.owned(Owner.KEPT)], weights.steps,
        [Clear(meeting), *parts.before], [*each, *sums, *products], parts.after,
        sum(buffer.width for buffer in wide), sizes.lanes,
    )  # fmt: skip
    return BackwardCall(call, made, d_x, parts.covered, parts.numbers)


def _states(parts: _Parts, need_states: bool) -> tuple[list[Buffer], list[Buffer]]:
    """States where forward left them; and their derivatives, carried from step to step in two
    buffers that take turns. A sequence may end at any step, so both begin as what arrives."""
    sizes, left = parts.sizes, parts.left
    ends, firsts = [], []
    for name, units in sizes.states.items():
        wide, state = sizes.whole(units), left.states[name]
        state = parts.y if state is left.y else state
        parts.views[left.made.states[name]] = (View(state),)
        old = parts.made.olds[name]
        parts.views[old] = View(state), View(left.starts[name]), *anew(parts.made.plan, sizes, old)
        end = Buffer(f"d {name}", Owner.GIVEN, Per.ROW, units)
        ends.append(end)
        turns = [Buffer(f"turn {name} {n}", Owner.PASSING, Per.ROW, wide) for n in (0, 1)]
        parts.before += [CopyRows(View(turn), (View(end),), units, wide) for turn in turns]
        for place in parts.made.plan.places:
            if place.kind in (Kind.NOW, Kind.NEXT) and place.name == name:
                parts.views[place] = View(turns[0]), View(turns[1])
        if need_states:  # the first step leaves it in the second buffer, and no step at all in both
            firsts.append(Buffer(f"first {name}", Owner.RESULT, Per.ROW, units))
            parts.after.append(CopyRows(View(firsts[-1]), (View(turns[1]),), units, units))
    return ends, firsts


def _arriving(parts: _Parts) -> Buffer:
    """The derivative with respect to the outputs, in whole vectors."""
    sizes, units = parts.sizes, parts.y.width
    given = Buffer("d output", Owner.GIVEN, Per.TOKEN, units)
    if sizes.whole(units) == units:
        parts.views[parts.made.d_output] = (View(given),)
    else:
        wide = Buffer("d output wide", Owner.PASSING, Per.TOKEN, sizes.whole(units))
        parts.before.append(CopyRows(View(wide), (View(given),), units, wide.width))
        parts.views[parts.made.d_output] = (View(wide),)
    return given


def _input(parts: _Parts) -> Buffer | None:
    """The derivative with respect to the input, where there is one."""
    made, sizes = parts.made, parts.sizes
    if not made.d_inputs and not made.inner:
        return None
    d_x = Buffer("d x", Owner.RESULT, Per.TOKEN, sizes.row)
    for name, place in made.d_inputs.items():
        parts.views[place] = (View(d_x, sizes.columns[name]),)
    return d_x


def _inner(
    parts: _Parts, weights: Packed, lefts: Mapping[Place, View], d_x: Buffer | None
) -> list[Step]:
    """The products of the derivative with respect to each input; the first writes, unless the
    kernel has written a part already."""
    found: list[Step] = []
    for name, products in parts.made.inner.items():
        assert d_x is not None
        to = View(d_x, parts.sizes.columns[name])
        add = name in parts.made.d_inputs
        for place, matrix in products:
            packed_matrix = Matrix(matrix, transposed=True)
            buffer, units, length = alone(
                weights, f"inner {len(found)}", packed_matrix, parts.sizes
            )
            found.append(Multiply(to, lefts[place], buffer, units, length, add))
            add = True
    return found


def _outer(parts: _Parts, panels: dict[Place, Buffer]) -> tuple[list[Step], list[Step]]:
    """Right sides into panels, as the kernel has left the left ones; and the gradients of
    matrices, straight into the rows where the caller's arrays hold them."""
    made, sizes = parts.made, parts.sizes
    rights: dict[Place, Buffer] = {}
    copies: list[Step] = []
    sums: list[Step] = []
    begun: set[str] = set()
    for product in made.outers:
        place = product.right
        if place not in rights:
            units, wide = sizes.length(place.size), sizes.padded(place.size)
            to = Buffer(f"right {place.name}", Owner.PASSING, Per.CHUNK, wide, sizes.lanes)
            source, *start = parts.views[place]
            if (panel := right_panel(place)) in made.plan.anew:
                parts.views[panel] = (View(to),)
            copies.append(CopyPanels(to, source, units, start[0].buffer if start else None))
            rights[place] = to
        (rows, columns), (weight,) = sizes.shape(product.matrix), sizes.sources[product.matrix]
        to_sum = View(parts.sums[weight.array], weight.row * columns)
        is_first = product.matrix not in begun
        left = panels[made.panels[product.left.name]]
        block = rows // product.blocks
        for unit in range(0, rows, block):
            to_block = replace(to_sum, column=to_sum.column + unit * columns)
            sums.append(Accumulate(to_block, left, rights[place], block, columns, is_first, unit))
        if is_first:
            _cover(parts, weight.array, rows * columns)
        begun.add(product.matrix)
    return copies, sums


def _vectors(parts: _Parts) -> None:
    """Derivatives with respect to vectors of weights: each job adds up its own, in one row for all
    of them; then the rows are added."""
    made, sizes = parts.made, parts.sizes
    width = sizes.whole(sum(sizes.padded(place.size) for place in made.added.values()))
    if not width:
        return
    added = Buffer("added", Owner.PASSING, Per.JOB, width)
    parts.before.append(Clear(added))
    column = 0
    for name, place in made.added.items():
        units = sizes.length(place.size)
        parts.views[place] = (View(added, column),)
        for source in sizes.sources[name]:
            to = View(parts.sums[source.array], source.row)
            if not sizes.shape(name):  # one number: the call leaves the parts of its sum
                parts.numbers[source.array] = units
                parts.sums[source.array] = replace(to.buffer, width=units)
                to = View(parts.sums[source.array])
            parts.after.append(Reduce(to, View(added, column), units))
            _cover(parts, source.array, units)
        column += sizes.padded(place.size)


def _cover(parts: _Parts, array: int, numbers: int) -> None:
    parts.covered[array] = parts.covered.get(array, 0) + numbers
