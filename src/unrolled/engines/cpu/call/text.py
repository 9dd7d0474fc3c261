"""Print a call. In: a `Call`, optionally a batch. Out: lines; next: golden files, and readers.

to <- source          a copy, units [and zeros up to]       h: units, (+12): from this column on
to = a @ b, to += ... products for each token of a chunk
"""

from __future__ import annotations

from collections.abc import Iterator

from unrolled.engines.cpu.call.batch import Now
from unrolled.engines.cpu.call.call import (
    Accumulate,
    Call,
    Clear,
    CopyLast,
    CopyPanels,
    CopyRows,
    Multiply,
    Owner,
    Pack,
    Reduce,
    RunKernel,
    Step,
    View,
)
from unrolled.engines.plan.schedule import Schedule


def text(call: Call) -> str:
    """Buffers, then steps."""
    lines = [f"{'buffer':<22} {'owner':<8} {'a row for each':<17} numbers"]
    for buffer in call.owned(*Owner):
        how = f" in panels of {buffer.panel}" if buffer.panel else ""
        how += " in bfloat16" if buffer.half else ""
        lines.append(f"{buffer.name:<22} {buffer.owner:<8} {buffer.per:<17} {buffer.width}{how}")
    for title, steps in (("once", call.once), ("before", call.before),
                         ("each chunk", call.each_chunk), ("after", call.after)):  # fmt: skip
        if title == "each chunk" and call.columns is not None:
            title += f", {call.columns} numbers of a token"
        lines += ["", title, *(f"  {line}" for step in steps for line in _lines(step))]
    return "\n".join(lines) + "\n"


def on_batch(call: Call, schedule: Schedule, bits: int = 32) -> str:
    """Which steps and tokens each chunk has, and how large the leased buffers are."""
    now = Now(call, schedule, {b: n for n, b in enumerate(call.owned(*Owner), 1)}, bits // 8)
    lines = [f"{schedule.steps} steps, {schedule.rows} rows, {schedule.tokens} tokens, "
             f"{schedule.jobs} jobs"]  # fmt: skip
    chunks = reversed(now.chunks) if call.kernel.descending else now.chunks
    for first, last in chunks:
        span = schedule.span(first, last)
        lines.append(f"chunk: steps {first} to {last - 1}, tokens {span.start} to {span.stop - 1}")
    for buffer in call.owned(Owner.KEPT, Owner.PASSING, Owner.PACKED):
        rows = now.rows_per(buffer.per)
        how = " in bfloat16" if buffer.half else ""
        lines.append(f"{buffer.owner:<8} {buffer.name:<22} {rows} x {buffer.width}{how}")
    return "\n".join(lines) + "\n"


def _view(view: View) -> str:
    return view.buffer.name + (f" (+{view.column})" if view.column else "")


def _lines(step: Step) -> Iterator[str]:
    match step:
        case Clear(to):
            yield f"{to.name} <- 0"
        case CopyRows():
            zeros = f", zeros up to {step.fill}" if step.fill != step.units else ""
            sources = " + ".join(map(_view, step.sources))
            yield f"{_view(step.to)} <- {sources}: {step.units}{zeros}"
        case CopyLast():
            yield f"{step.to.name} <- last {step.state.name}, or {step.start.name}: {step.units}"
        case CopyPanels():
            before = f" before each token, from {step.start.name} on" if step.start else ""
            yield f"{step.to.name} <- {_view(step.source)}{before}: {step.units}, in panels"
        case Pack():
            turned = ", transposed" if step.transposed else ""
            high = f", zeros up to {step.height}" if step.height != step.length else ""
            yield (f"{_view(step.to)} <- {_view(step.matrix)}: {step.units} units of {step.length}"
                   f"{high}{turned}, panels {step.distance} apart")  # fmt: skip
        case Reduce():
            yield f"{_view(step.to)} <- sum over jobs of {_view(step.source)}: {step.units}"
        case Multiply():
            sign = "+=" if step.add else "="
            yield (f"{_view(step.to)} {sign} {_view(step.source)} @ {step.packed.name}: "
                   f"{step.length} -> {step.units}")  # fmt: skip
        case Accumulate():
            first = " (first: =)" if step.first else ""
            from_unit = f", from unit {step.start} on" if step.start else ""
            yield (f"{_view(step.to)} += {step.left.name}^T {step.right.name}: "
                   f"{step.units} x {step.columns}{first}{from_unit}")  # fmt: skip
        case RunKernel():
            yield f"kernel, steps {'descending' if step.descending else 'ascending'}"
            for place, views in step.bind.items():
                yield f"  {place.kind:<7} {place.name:<20} {', '.join(map(_view, views))}"
            for pack, length in zip(step.packs, step.lengths, strict=True):
                yield f"  packed  {pack.name:<20} operands of {length}"
