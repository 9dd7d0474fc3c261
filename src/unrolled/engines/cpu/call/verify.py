"""Verify a call. In: a `Call`. Out: nothing, or a `CallError` that names the step; next: `bind`.

Each place of the plan is bound to views of its kind; nothing is read before it is written; nothing
is outside its buffer; all results are written, except sums, which callers may have cleared; only
steps that support bfloat16 use buffers in bfloat16.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from unrolled.engines.cpu.call.call import (
    Accumulate,
    Buffer,
    Call,
    Clear,
    CopyLast,
    CopyPanels,
    CopyRows,
    Multiply,
    Owner,
    Pack,
    Per,
    Reduce,
    RunKernel,
    Step,
    View,
)
from unrolled.engines.plan.plan import Kind, Place, Plan
from unrolled.equations.nodes import ONE, Apply

# Of what a place of each kind must have a row each, and in how many buffers it lies.
ROWS = {
    Kind.TOKEN: ((Per.TOKEN, Per.CHUNK),),
    Kind.BEFORE: ((Per.TOKEN,), (Per.ROW,)),
    Kind.NOW: ((Per.ROW,), (Per.ROW,)),
    Kind.NEXT: ((Per.ROW,), (Per.ROW,)),
    Kind.ROW: ((Per.ROW,),),
    Kind.UNIT: ((Per.ONCE,),),
    Kind.NUMBER: ((Per.ONCE,),),
    Kind.ADD: ((Per.JOB,),),
    Kind.PANEL: ((Per.CHUNK,),),
}
Span = tuple[View, int]  # so many numbers from a view's column on


class CallError(Exception):
    """An invalid call: what is wrong, and in which step."""


def verify(call: Call) -> None:
    """Check every step in the order in which a batch of one chunk does them."""
    written = {b: np.zeros(b.width, bool) for b in call.buffers}
    for buffer in call.owned(Owner.GIVEN):
        written[buffer][:] = True
    made = {view.buffer for step in call for view in step.writes}
    for buffer in call.owned(Owner.KEPT):
        written[buffer][:] = not any(buffer is b for b in made)  # what forward has left
    for step in call:
        if isinstance(step, RunKernel):
            _check_kernel(step, call)
        reads, writes = spans(step, call)
        for view, numbers in (*reads, *writes):
            _check_inside(step, view, numbers, written)
            if view.buffer.half and not _takes_halves(step, view):
                raise CallError(f"{name_of(step)} does not take {view.buffer.name}, of bfloat16")
        if isinstance(step, RunKernel):  # what its stages leave for one another it writes itself
            _check_written(step, _carried(step), written)
            _mark(written, writes)
        _check_written(step, reads, written)
        _mark(written, writes)
    for buffer in call.owned(Owner.RESULT):
        # a sum over all tokens comes as zeros, for arrays on which nothing depends
        if buffer not in made and buffer.per is not Per.ONCE:
            raise CallError(f"nothing writes the result {buffer.name}")


def _takes_halves(step: Step, view: View) -> bool:
    """Whether a step may use what is stored in bfloat16. A kernel says more in `_check_kernel`."""
    if isinstance(step, Pack):
        return step.to.buffer.half and step.matrix.buffer.half
    return isinstance(step, RunKernel) or (
        isinstance(step, Multiply) and view.buffer is step.packed
    )


def _mark(written: dict[Buffer, NDArray[np.bool_]], spans: list[Span]) -> None:
    for view, numbers in spans:
        written[view.buffer][view.column : view.column + numbers] = True


def _check_written(step: Step, spans: list[Span], written: dict[Buffer, NDArray[np.bool_]]) -> None:
    for view, numbers in spans:
        if not written[view.buffer][view.column : view.column + numbers].all():
            raise CallError(
                f"{name_of(step)} reads {view.buffer.name} + {view.column} ({numbers} numbers) "
                f"before all of it is written"
            )


def name_of(step: Step) -> str:
    """What an error calls a step."""
    first = "" if isinstance(step, RunKernel) else f" to {step.writes[0].buffer.name}"
    return f"{type(step).__name__}{first}"


def _check_inside(
    step: Step, view: View, numbers: int, written: dict[Buffer, NDArray[np.bool_]]
) -> None:
    if view.buffer not in written:
        raise CallError(f"{name_of(step)} uses {view.buffer.name}, which the call does not have")
    if view.column < 0 or view.column + numbers > view.buffer.width:
        raise CallError(
            f"{name_of(step)} goes beyond {view.buffer.name}: {numbers} numbers from "
            f"{view.column} on, and a row has {view.buffer.width}"
        )


def _check_kernel(step: RunKernel, call: Call) -> None:
    places = step.plan.places
    if set(step.bind) != set(places):
        odd = sorted(place.name for place in set(step.bind) ^ set(places))
        raise CallError(f"bound and needed places differ: {', '.join(odd)}")
    for place, views in step.bind.items():
        kinds = ROWS[place.kind]
        if place.kind is Kind.BEFORE and step.plan.reset is not None:
            kinds = *kinds, (Per.ROW,)
        if len(views) != len(kinds) or any(
            view.buffer.per not in per for view, per in zip(views, kinds, strict=False)
        ):
            found = ", ".join(f"{v.buffer.name} per {v.buffer.per}" for v in views)
            raise CallError(f"the place {place.name} ({place.kind}) cannot lie in {found}")
        if (place.kind is Kind.PANEL) != bool(views[0].buffer.panel):
            raise CallError(f"the place {place.name} ({place.kind}) meets {views[0].buffer.name}")
        # of a state before a step, the start is whole numbers
        if [v.buffer.half for v in views] != [place in step.plan.halved, False, False][
            : len(views)
        ]:
            found = ", ".join(f"{v.buffer.name} in bfloat16" for v in views if v.buffer.half)
            raise CallError(f"the place {place.name} lies in {found or 'whole numbers'}, which its "
                            "plan does not expect")  # fmt: skip
    operands = {place for _, block in step.plan.blocks for place in block.operands}
    for place in operands & step.plan.halved:
        raise CallError(f"a product reads the place {place.name}, which holds bfloat16")
    if len({pack.half for pack in step.packs}) > 1:
        raise CallError("of the kernel's packed weights some are bfloat16, and others not")
    if not len(step.packs) == len(step.lengths) == len(step.plan.blocks):
        raise CallError(f"{len(step.plan.blocks)} blocks have {len(step.packs)} packed weights")
    for pack, length, (group, block) in zip(
        step.packs, step.lengths, step.plan.blocks, strict=True
    ):
        panels = -(-step.sizes[group.size] // call.lanes)
        high = length + length % 2 if pack.half else length
        if pack.width != panels * len(block.matrices) * high * call.lanes:
            raise CallError(f"{pack.name} does not fit its block of {group.size}")


def spans(step: Step, call: Call) -> tuple[list[Span], list[Span]]:
    """What a step reads and writes: of each row, so many numbers from a column on."""
    lanes = call.lanes
    match step:
        case Clear(to):
            return [], [(View(to), to.width)]
        case CopyRows():
            return [(source, step.units) for source in step.sources], [(step.to, step.fill)]
        case CopyLast():
            both = [(View(step.state), step.units), (View(step.start), step.units)]
            return both, [(View(step.to), step.units)]
        case CopyPanels():
            starts = [(View(step.start), step.units)] if step.start is not None else []
            wide = -(-step.units // lanes) * lanes
            return [(step.source, step.units), *starts], [(View(step.to), wide)]
        case Pack():
            return [(step.matrix, step.units * step.length)], _packed(step, lanes)
        case Reduce():
            return [(step.source, step.units)], [(step.to, step.units)]
        case Multiply():
            pack = (View(step.packed), step.units * step.length)
            own = [(step.to, step.units)] if step.add else []
            return [(step.source, step.length), pack, *own], [(step.to, step.units)]
        case Accumulate():
            sides = [(View(step.left, step.start), step.units),
                     (View(step.right, step.start), step.columns)]  # fmt: skip
            return sides, [(step.to, step.units * step.columns)]
    return _kernel_spans(step, lanes)


def _packed(step: Pack, lanes: int) -> list[Span]:
    """Panel by panel, side by side with those of other matrices."""
    panels = -(-step.units // lanes)
    return [
        (View(step.to.buffer, step.to.column + panel * step.distance), step.height * lanes)
        for panel in range(panels)
    ]


def _kernel_spans(step: RunKernel, lanes: int) -> tuple[list[Span], list[Span]]:
    """What is read and not written by the kernel itself must be there before."""
    operands, values = _read_places(step.plan)

    def spans_of(place: Place) -> Iterator[Span]:
        length = 1 if place.size == ONE else step.sizes[place.size]
        if place.size != ONE and (place in values or place in step.filled):
            length = -(-length // lanes) * lanes  # whole vectors; a product reads number by number
        # the kernel itself copies states that are reset to the third buffer
        return ((view, length) for view in step.bind[place][:2])

    reads = [span for place in (operands | values) - set(step.filled) for span in spans_of(place)]
    reads += [(View(pack), pack.width) for pack in step.packs]
    reads.append((View(step.team), step.team.width))
    if step.plan.reset is not None:
        reads += [(view, 1) for view in step.bind[step.plan.reset]]
    return reads, [span for place in step.filled for span in spans_of(place)]


def _carried(step: RunKernel) -> list[Span]:
    """What the first step finds and the kernel then overwrites: derivatives that are carried from
    step to step, and sums."""
    return [
        (view, 1 if place.size == ONE else step.sizes[place.size])
        for place, views in step.bind.items()
        if place.kind in (Kind.NOW, Kind.ADD)
        for view in views
    ]


def _read_places(plan: Plan) -> tuple[set[Place], set[Place]]:
    """The places that products read, and those that are read unit by unit or written."""
    operands = {o for _, block in plan.blocks for o in block.operands if len(block.operands) == 1}
    values = {o for _, block in plan.blocks for o in block.operands} - operands
    for stage in plan.stages:
        values |= {reduction.operand for reduction in stage.reductions}
        for group in (stage.scalars, *stage.groups.values()):
            for node in [*group.values, *(store.node for store in group.stores)]:
                below = [node, *(node.args if isinstance(node, Apply) else ())]
                values |= {plan.leaves[n] for n in below if n in plan.leaves}
    return operands, values
