"""A sequence forward, as a call. In: the forward plan, sizes. Out: `Forward`, a `Call` and where it
leaves what backward reads; next: `bind`, and `backward`, whose call begins with what is kept here.

With a few sequences beside one another the kernel computes everything, the input's products too.
A single sequence would read all of W at every step: there `W x` is a product for many steps at
once, chunk by chunk, and the kernel overwrites it with the values that backward needs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from unrolled.engines.cpu.call.call import (
    Buffer,
    Call,
    Clear,
    CopyLast,
    CopyRows,
    Multiply,
    Owner,
    Per,
    Step,
    View,
)
from unrolled.engines.cpu.call.parts import (
    anew,
    call_of,
    reset_of,
    run_kernel,
    scratch,
    side_by_side,
)
from unrolled.engines.cpu.call.sizes import CallSizes
from unrolled.engines.cpu.call.weights import alone, packed
from unrolled.engines.plan import directions
from unrolled.engines.plan.plan import Kind, Place


@dataclass(frozen=True, eq=False)
class ForwardCall:
    """`x`, `y`: the input, the output. `states`: where a state's rows lie, by name; `starts`: those
    before the first step. `tokens`: where else the kernel writes a value of each token."""

    call: Call
    made: directions.ForwardPlan
    x: Buffer
    y: Buffer
    states: dict[str, Buffer]
    starts: dict[str, Buffer]
    tokens: dict[Place, View]
    records: tuple[Buffer, ...]


def forward_call(
    made: directions.ForwardPlan, sizes: CallSizes, x_width: int, team: int, *, keep: bool
) -> ForwardCall:
    """`x_width`: from one token's input to the next; `team`: the numbers at which a team meets."""
    owner = Owner.KEPT if keep else Owner.PASSING
    weights = packed(made.plan, sizes)
    x = Buffer("x", Owner.GIVEN, Per.TOKEN, x_width)
    y = Buffer("y", Owner.RESULT, Per.TOKEN, sizes.states[sizes.output])
    halved = made.plan.halved
    states = {name: _state(sizes, name, owner, y, half=made.states[name] in halved)
              for name in sizes.states}  # fmt: skip
    ends = _ends(made, sizes, states, owner, y)
    given = dict.fromkeys(view.buffer for step in ends.before for view in step.reads)
    finals = [view.buffer for step in ends.after for view in step.writes if view.buffer is not y]
    records = {place: Buffer(f"record {name}", Owner.RESULT, Per.TOKEN, sizes.padded(place.size))
               for name, place in made.records.items()}  # fmt: skip
    tokens = _columns(made, sizes, owner)
    chunk: list[Step] = []
    inputs = {place: View(x, sizes.places[name]) for name, place in made.inputs.items()}
    for matrix, operand, place in made.plan.hoisted:
        buffer, units, length = alone(weights, place.name, matrix, sizes)
        chunk.append(Multiply(tokens[place], inputs[operand], buffer, units, length, add=False))
    meeting = Buffer("team", Owner.PASSING, Per.ONCE, team)
    views = weights.views | scratch(made.plan, sizes, ends.lasts) | tokens | inputs | ends.lasts
    views |= {place: View(buffer) for place, buffer in records.items()}
    views |= {made.states[name]: View(buffer) for name, buffer in states.items()}
    bind: dict[Place, tuple[View, ...]] = {}
    bind |= {place: (views[place],) for place in made.plan.places if place in views}
    for place in made.plan.of_kind(Kind.BEFORE):
        own = anew(made.plan, sizes, place)
        bind[place] = View(states[place.name]), View(ends.starts[place.name]), *own
    reset = reset_of(made.plan)
    bind |= {place: (View(buffer),) for place, buffer in reset.items()}
    for place in (*made.plan.of_kind(Kind.NOW), *made.plan.of_kind(Kind.NEXT)):
        bind[place] = ends.turns[place.name]
    kernel = run_kernel(made.plan, bind, weights, sizes, meeting, descending=False)
    wide = dict.fromkeys(view.buffer for view in tokens.values())
    columns = sum(buffer.width for buffer in wide) if chunk else None
    call = call_of(
        [*sizes.arrays, x, *given, *reset.values(), y, *finals, *records.values()], weights.steps,
        [Clear(meeting), *ends.before], [*chunk, kernel], ends.after, columns, sizes.lanes,
    )  # fmt: skip
    return ForwardCall(call, made, x, y, states, ends.starts, tokens, tuple(records.values()))


def _state(sizes: CallSizes, name: str, owner: Owner, y: Buffer, *, half: bool) -> Buffer:
    """The rows of the first state are the output, and the user's, where they are whole vectors; the
    others stay here, and give the user their last rows."""
    wide = sizes.whole(sizes.states[name])
    if name == sizes.output and wide == y.width:
        return y
    return Buffer(f"state {name}", owner, Per.TOKEN, wide, half=half)


@dataclass
class _Ends:
    """The states before the first step, and the copies that bring them here and results back.
    `turns`, `lasts`: of states whose rows are halved, the whole numbers of two steps, and of the
    last one."""

    starts: dict[str, Buffer] = field(default_factory=dict)
    turns: dict[str, tuple[View, View]] = field(default_factory=dict)
    lasts: dict[Place, View] = field(default_factory=dict)
    before: list[Step] = field(default_factory=list)
    after: list[Step] = field(default_factory=list)


def _ends(
    made: directions.ForwardPlan,
    sizes: CallSizes,
    states: Mapping[str, Buffer],
    owner: Owner,
    y: Buffer,
) -> _Ends:
    found = _Ends()
    for name, units in sizes.states.items():
        wide = sizes.whole(units)
        given = Buffer(f"given {name}", Owner.GIVEN, Per.ROW, units)
        final = Buffer(f"final {name}", Owner.RESULT, Per.ROW, units)
        begun = [Buffer(f"initial {name}", owner, Per.ROW, wide)]
        found.starts[name] = begun[0]
        if name in made.lasts:
            own = (f"turn {name} 0", f"turn {name} 1", f"last {name}")
            begun += [Buffer(one, Owner.PASSING, Per.ROW, wide) for one in own]
            found.turns[name] = View(begun[1]), View(begun[2])
            found.lasts[made.lasts[name]] = View(begun[3])
        found.before += [CopyRows(View(to), (View(given),), units, wide) for to in begun]
        if name == sizes.output and states[name] is not y:
            found.after.append(CopyRows(View(y), (View(states[name]),), units, units))
        found.after.append(
            CopyRows(View(final), (View(begun[3]),), units, units) if name in made.lasts
            else CopyLast(final, states[name], given, units)
        )  # fmt: skip
    return found


def _columns(made: directions.ForwardPlan, sizes: CallSizes, owner: Owner) -> dict[Place, View]:
    """Hoisted products and kept values lie in one buffer for each size, a column for each, and a
    kept value in the column of a product that is no longer needed; what is halved lies apart."""
    hoisted = {place.name: place for *_, place in made.plan.hoisted}
    halved = made.plan.halved
    own = [place for name, place in made.kept.items() if name not in made.shared]
    per = Per.TOKEN if owner is Owner.KEPT else Per.CHUNK
    if halved:
        whole, half = ([p for p in own if (p in halved) is is_half] for is_half in (False, True))
        return (
            side_by_side("product", hoisted.values(), sizes, Owner.PASSING, Per.CHUNK)
            | side_by_side("buffer", whole, sizes, owner, per)
            | side_by_side("half", half, sizes, owner, per, half=True)
        )
    views = side_by_side("buffer", [*hoisted.values(), *own], sizes, owner, per)
    return views | {made.kept[kept]: views[hoisted[product]]
                    for kept, product in made.shared.items()}  # fmt: skip
