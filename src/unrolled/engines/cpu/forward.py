"""A sequence forward. In: a `Run`, inputs, initial states. Out: `Left`: outputs, final states, and
what backward needs; next: `backward`, and the autograd function of `layers`.

Chunk by chunk: the input's products for all its steps at once, then the kernel, which overwrites
them with the values that backward needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from unrolled.engines import directions
from unrolled.engines.cpu.arrays import Array
from unrolled.engines.cpu.call import Call
from unrolled.engines.cpu.memory import Lease
from unrolled.engines.cpu.run import Run
from unrolled.engines.plan import Place
from unrolled.equations.nodes import ONE

# Up to this many inputs, W x is done in the loop: alone it would only move memory.
INSIDE = 8


@dataclass(frozen=True)
class Kept:
    """Where a kept value lies: in these columns of a buffer of tokens."""

    buffer: Array
    column: int
    width: int

    @property
    def array(self) -> Array:
        return self.buffer[:, self.column : self.column + self.width]


@dataclass
class Left:
    """What a forward pass leaves: states (tokens, padded width) by name, finals (rows, n), records
    (tokens, n). `leases` holds the memory of what stays within the engine."""

    xs: Array
    states: dict[str, Array]
    initial: dict[str, Array]
    finals: tuple[Array, ...]
    kept: dict[str, Kept]
    records: dict[str, Array]
    leases: list[Lease]

    @property
    def outputs(self) -> Array:
        """The first state of every token, in whole vectors."""
        return next(iter(self.states.values()))


def forward(
    run: Run, xs: Array, initial: Sequence[Array], record: tuple[str, ...] = (), *, keep: bool
) -> Left:
    """xs: (tokens, I), contiguous; initial: (rows, n) each. Without `keep`, no backward follows."""
    library, schedule = run.library, run.schedule
    inside = xs.shape[-1] <= INSIDE
    made, kernel = run.program.forward(inside=inside, record=record)
    call = run.call(kernel)
    run.place_input(call, xs)
    left = Left(xs, {}, {}, (), {}, {}, [])
    _place_states(run, call, left, initial)
    records = {name: _record(run, call, place) for name, place in made.records.items()}
    columns = run.layout(made, lambda: Columns(made, run))
    chunks = run.chunks(columns.width)
    tokens = schedule.tokens if keep else run.most_tokens(chunks)
    buffers = {size: run.lease(left.leases, tokens, w) for size, w in columns.widths.items()}
    stacks = {s: run.weights.stack(m, run.padded(s)) for s, m in columns.hoisted.items()}
    for first, last in chunks:
        span = schedule.span(first, last)
        begin = 0 if keep else span.start
        if first == 0 or not keep:
            for name, (size, column) in columns.places.items():
                call.place(name, buffers[size], columns.widths[size], begin, column)
        for size, stacked in stacks.items():
            rows = slice(span.start - begin, span.stop - begin)
            out = buffers[size][rows, : stacked.shape[0]]
            library.multiply(xs[span], stacked.T, out, False)
        call.run(first, last)
    if keep:
        for name, place in made.kept.items():
            size, column = columns.places[name]
            width = 1 if size == ONE else run.sizes[place.size]
            left.kept[name] = Kept(buffers[size], column, width)
    left.records = {n: library.contiguous(array[:, :u]) for n, (array, u) in records.items()}
    left.finals = tuple(
        _final(run, left.states[name], start, run.sizes[shape[0]])
        for (name, shape), start in zip(run.states.items(), initial, strict=True)
    )
    return left


def _place_states(run: Run, call: Call, left: Left, initial: Sequence[Array]) -> None:
    """The first state is the output, and the user's; the others stay here."""
    tokens = run.schedule.tokens
    for (name, shape), start in zip(run.states.items(), initial, strict=True):
        width, is_output = run.padded(shape[0]), not left.states
        is_users = is_output and width == run.sizes[shape[0]]
        left.states[name] = (
            run.library.empty(tokens, width) if is_users else run.lease(left.leases, tokens, width)
        )
        left.initial[name] = run.library.widen(start, width)
        call.place(f"state {name}", left.states[name], width)
        call.place(f"initial {name}", left.initial[name], width)


def _record(run: Run, call: Call, place: Place) -> tuple[Array, int]:
    """The buffer of a recorded value, in whole vectors, and how many of its columns are units."""
    units = 1 if place.size == ONE else run.sizes[place.size]
    width = 1 if place.size == ONE else run.padded(place.size)
    array = run.library.empty(run.schedule.tokens, width)
    call.place(place.name, array, width)
    return array, units


def _final(run: Run, tokens: Array, start: Array, units: int) -> Array:
    """The state after each sequence's last step; a sequence of no steps ends where it starts."""
    schedule = run.schedule
    final = run.library.empty(schedule.rows, units)
    if schedule.is_dense and schedule.steps:
        final[...] = tokens[schedule.span(schedule.steps - 1, schedule.steps), :units]
        return final
    final[...] = start
    if schedule.steps:
        rows, last = schedule.last_tokens
        final[rows] = run.library.take(tokens, last)[:, :units]
    return final


class Columns:
    """Where hoisted products and kept values lie: one buffer a size, a column for each, and a kept
    value in the column of a product that is no longer needed."""

    def __init__(self, made: directions.Forward, run: Run) -> None:
        self.places: dict[str, tuple[str, int]] = {}
        self.widths: dict[str, int] = {}
        hoisted: dict[str, list[str]] = {}
        for matrix, place in made.plan.hoisted:
            hoisted.setdefault(place.size, []).append(matrix.name)
            self._add(place.name, place.size, run)
        self.hoisted = {size: tuple(names) for size, names in hoisted.items()}
        for name, place in made.kept.items():
            if name in made.shared:
                self.places[name] = self.places[made.shared[name]]
            else:
                self._add(name, place.size, run)
        self.width = sum(self.widths.values())

    def _add(self, name: str, size: str, run: Run) -> None:
        column = self.widths.get(size, 0)
        self.places[name] = (size, column)
        self.widths[size] = column + (1 if size == ONE else run.padded(size))
