"""The common parts of forward and backward calls. In: plans, sizes. Out: buffers, steps; next:
`forward`, `backward`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from unrolled.engines.cpu.call.call import Buffer, Call, Owner, Per, RunKernel, Step, View
from unrolled.engines.cpu.call.sizes import CallSizes
from unrolled.engines.cpu.call.weights import Packed
from unrolled.engines.plan.plan import Kind, Place, Plan


def side_by_side(
    name: str,
    places: Iterable[Place],
    sizes: CallSizes,
    owner: Owner,
    per: Per,
    *,
    half: bool = False,
) -> dict[Place, View]:
    """Places of one size in one buffer, a column for each."""
    by_size: dict[str, list[Place]] = {}
    for place in places:
        by_size.setdefault(place.size, []).append(place)
    views: dict[Place, View] = {}
    for size, alike in by_size.items():
        wide = sizes.padded(size)
        buffer = Buffer(f"{name} {size}", owner, per, len(alike) * wide, half=half)
        views |= {place: View(buffer, number * wide) for number, place in enumerate(alike)}
    return views


def scratch(plan: Plan, sizes: CallSizes, placed: Collection[Place] = ()) -> dict[Place, View]:
    """What a step needs for itself alone, beside what has a place already."""
    return {
        place: View(Buffer(place.name, Owner.PASSING, Per.ROW, sizes.padded(place.size)))
        for place in plan.of_kind(Kind.ROW)
        if place not in placed
    }


def reset_of(plan: Plan) -> dict[Place, Buffer]:
    """The place that says where states are reset, if any: a byte for each token."""
    if plan.reset is None:
        return {}
    return {plan.reset: Buffer("reset", Owner.GIVEN, Per.TOKEN, 1)}


def anew(plan: Plan, sizes: CallSizes, state: Place) -> tuple[View, ...]:
    """Where a state is before a step at which some of its rows are reset."""
    if plan.reset is None:
        return ()
    wide = sizes.whole(sizes.length(state.size))
    return (View(Buffer(f"anew {state.name}", Owner.PASSING, Per.ROW, wide)),)


def run_kernel(
    plan: Plan,
    bind: Mapping[Place, tuple[View, ...]],
    weights: Packed,
    sizes: CallSizes,
    team: Buffer,
    *,
    descending: bool,
) -> RunKernel:
    """The kernel, with the packed weights of its blocks."""
    blocks, lengths = tuple(weights.blocks), tuple(weights.lengths)
    return RunKernel(plan, bind, blocks, lengths, sizes.sizes, team, descending)


def call_of(
    given: Sequence[Buffer],
    once: Sequence[Step],
    before: Sequence[Step],
    each_chunk: Sequence[Step],
    after: Sequence[Step],
    columns: int | None,
    lanes: int,
) -> Call:
    """A call of these steps: the buffers `given`, in this order, and all others that they name."""
    buffers = dict.fromkeys(given)
    for step in (*once, *before, *each_chunk, *after):
        buffers.update(dict.fromkeys(view.buffer for view in (*step.reads, *step.writes)))
    return Call(
        tuple(buffers), tuple(once), tuple(before), tuple(each_chunk), tuple(after), columns, lanes
    )
