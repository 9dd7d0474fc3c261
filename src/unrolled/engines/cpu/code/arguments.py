"""The arguments of a kernel, and its current step. In: a `Plan`. Out: `Words`, its arguments by
name, and `StepPlace`, one of its time steps; next: `emit`, and `call/words`, which fills them in.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from llvmlite import ir

from unrolled.engines.plan.plan import Kind, Place, Plan
from unrolled.equations.nodes import ONE

HEADER = ("tiles", "first", "steps", "jobs", "table", "base", "offsets", "active", "team")


class Words:
    """The kernel's arguments by name -> their position in the array of words."""

    def __init__(self, plan: Plan) -> None:
        names = [*HEADER, *(f"size {size}" for size in sizes_of(plan))]
        for place in plan.places:
            names += [f"at {part}" for part in parts(place, plan)]
            names += [f"stride {part}" for part in parts(place, plan)]
        for number in range(len(plan.blocks)):
            names += [f"pack {number}", f"length {number}"]
        self.position = {name: number for number, name in enumerate(dict.fromkeys(names))}

    def __len__(self) -> int:
        return len(self.position)


def parts(place: Place, plan: Plan) -> tuple[str, ...]:
    """The buffers behind a place: a state before the first step lies in one of its own, one that
    is reset in another, and what takes turns has two."""
    if place.kind is Kind.BEFORE:
        again = () if plan.reset is None else (f"anew {place.name}",)
        return (f"state {place.name}", f"initial {place.name}", *again)
    if place.kind in (Kind.NOW, Kind.NEXT):
        return (f"turn {place.name} 0", f"turn {place.name} 1")
    return (place.name,)


def sizes_of(plan: Plan) -> list[str]:
    """The sizes whose lengths the kernel needs."""
    found = {place.size for place in plan.places if place.size != ONE}
    return sorted(found | {size for stage in plan.stages for size in stage.groups})


@dataclass
class StepPlace:
    """Where a time step stands: addresses that hold for all its rows."""

    first_row: ir.Value  # of this job
    offset: ir.Value  # the token of its first row
    rows: ir.Value  # how many sequences are still going on
    is_odd: ir.Value  # every second step
    starts: dict[Place, ir.Value]  # the address of each place's first row
    strides: dict[Place, ir.Value]
    # places of bfloat16: whether this step finds them whole, where that may be
    halved: dict[Place, ir.Value | None] = field(default_factory=dict)
