"""A sequence forward. In: a `Run`, inputs, initial states. Out: `Left`: outputs, final states, and
what backward needs; next: `backward`, and the autograd function of `layers`.

With a few sequences beside one another the kernel computes everything, the input's products too.
A single sequence would read all of W at every step: there `W x` is a product for many steps at
once, chunk by chunk, and the kernel overwrites it with the values that backward needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from unrolled.engines.cpu.call.frame import Frame
from unrolled.engines.cpu.call.run import Fit, Run, chunks, most_tokens, padded
from unrolled.engines.cpu.call.script import Script, Writer
from unrolled.engines.cpu.machine.arrays import Array
from unrolled.engines.cpu.machine.memory import Lease
from unrolled.engines.cpu.program import Kernel
from unrolled.engines.plan import directions
from unrolled.engines.plan.schedule import Dense, Ragged, Schedule

# Up to this many inputs, W x is done in the loop: alone it would only move memory.
INSIDE = 8
# And with this many sequences for each thread: what is read of W then serves enough rows. A few are
# enough where all weights stay in a second-level cache.
ENOUGH_ROWS, FEW_ROWS = 16, 4
CACHE_BYTES = 1 << 20


class Forward(Frame):
    """The forward kernel's frame, and where what it computes will lie.

    Hoisted products and kept values lie in one buffer for each size, a column for each, and a kept
    value in the column of a product that is no longer needed.
    """

    def __init__(
        self, fit: Fit, width: int, made: directions.Forward, kernel: Kernel, *, keep: bool
    ) -> None:
        super().__init__(kernel, fit.program.bits)
        self.made, self.keep = made, keep
        self.columns: dict[str, tuple[str, int]] = {}
        self.widths: dict[str, int] = {}
        fit.weights(self, made.plan)
        self.input_units = width
        self.x_width = padded(width, fit.lanes) if fit.reads_input_by_unit else width
        self.place(fit.input_name, "x", self.x_width)
        self.states = {name: fit.state_at(name) for name in fit.states}
        for name in fit.states:
            self._state(fit, name)
        self.recorded = {name: fit.padded(place.size) for name, place in made.records.items()}
        for name, place in made.records.items():
            self.place(place.name, f"record {name}", self.recorded[name])
        self._columns(fit)
        for size, total in self.widths.items():
            self.region(f"buffer {size}", "tokens" if keep else "buffered", total, kept=keep)
        for name, (size, column) in self.columns.items():
            self.place(name, f"buffer {size}", self.widths[size], column)
        for matrix, place in made.plan.hoisted:
            size, column = self.columns[place.name]
            panels, length = fit.panels(self, f"hoisted {matrix.name}", matrix)
            self.product(
                ("chunk x", 0), f"hoisted {matrix.name}", (f"chunk buffer {size}", column),
                panels * fit.lanes, length, a_stride=self.x_width, panels=panels,
                c_stride=self.widths[size], add=0,
            )  # fmt: skip
        self.finish([
            *fit.array_names, "x", "y", *(f"given {name}" for name in fit.states),
            *(f"final {name}" for name in fit.states), *(f"record {name}" for name in made.records),
        ])  # fmt: skip

    def _state(self, fit: Fit, name: str) -> None:
        """The first state is the output, and its rows the user's where they are whole vectors; the
        others stay here, and give the user their last rows."""
        units, lanes, source = fit.states[name], fit.lanes, self.states[name]
        width = padded(units, lanes)
        if source != "y":
            self.region(source, "tokens", width, kept=self.keep)
        if name == fit.output and source != "y":
            self.after.narrow("y", source, units, lanes, "tokens", k_stride=width)
        self.place(f"state {name}", source, width)
        self.region(f"initial {name}", "rows", width, kept=self.keep)
        self.before.widen(f"initial {name}", f"given {name}", units, width, lanes)
        self.place(f"initial {name}", f"initial {name}", width)
        self.after.narrow(
            f"final {name}", f"last {name}", units, lanes, "rows",
            k_stride=(f"last width {name}", 0), index=("last index", 0),
        )  # fmt: skip

    def _columns(self, fit: Fit) -> None:
        for _, place in self.made.plan.hoisted:
            self._column(place.name, place.size, fit)
        for name, place in self.made.kept.items():
            if name in self.made.shared:
                self.columns[name] = self.columns[self.made.shared[name]]
            else:
                self._column(name, place.size, fit)

    def _column(self, name: str, size: str, fit: Fit) -> None:
        column = self.widths.get(size, 0)
        self.columns[name] = (size, column)
        self.widths[size] = column + fit.padded(size)

    def write(self, fit: Fit, schedule: Schedule, threads: int) -> Script:
        """What calls on this batch do: chunk by chunk where products are hoisted, and otherwise
        all steps at once."""
        runs = [(0, schedule.steps)]
        if self.products is not None:
            runs = chunks(schedule, sum(self.widths.values()), self.bytes) or runs
        most = schedule.tokens if self.keep else most_tokens(schedule, runs)
        writer = Writer(self, schedule, threads, most)
        writer.copy()
        for first, last in runs:
            writer.begin_chunk(first, last)
            start = schedule.span(first, last).start
            writer.set("chunk x", start * self.x_width * self.bytes, "x")
            writer.multiply()
            writer.run()
        self._finals(fit, writer)
        return writer.finish()

    def _finals(self, fit: Fit, writer: Writer) -> None:
        """Where each sequence's last row is; a sequence of no steps ends where it starts."""
        schedule = writer.schedule
        index = 0
        if schedule.steps and isinstance(schedule, Ragged):
            index = schedule.last_tokens.ctypes.data
        writer.set("last index", index)
        for name, units in fit.states.items():
            width, source, start = padded(units, fit.lanes), self.states[name], 0
            if not schedule.steps:
                width, source = units, f"given {name}"
            elif isinstance(schedule, Dense):
                start = schedule.span(schedule.steps - 1, schedule.steps).start
            writer.set(f"last {name}", start * width * self.bytes, source)
            writer.set(f"last width {name}", width)


@dataclass
class Left:
    """What a forward pass leaves for backward, beside its input and outputs: memory."""

    frame: Forward
    lease: Lease | None

    def state(self, run: Run, name: str, outputs: Array) -> Array:
        """A state of every token, (tokens, units)."""
        at, units = self.frame.states[name], run.fit.states[name]
        if name == run.fit.output:
            return outputs
        width, tokens = padded(units, run.fit.lanes), run.schedule.tokens
        number = list(self.frame.kept).index(at)
        assert self.lease is not None
        return self.lease.piece(number, tokens * width).reshape(tokens, width)[:, :units]


def forward(
    run: Run,
    xs: Array,
    initial: Sequence[Array | None],
    record: tuple[str, ...] = (),
    *,
    keep: bool,
    into: Array | None = None,
) -> tuple[Array, list[Array], list[Array], Left]:
    """xs: (..., I), contiguous; initial: (1, rows, n) each, None for zeros. Outputs (..., n), final
    states (1, rows, n), records (..., n). Without `keep`, no backward follows. `into`: where the
    outputs go, contiguous; otherwise to an array of their own."""
    library, fit, schedule = run.library, run.fit, run.schedule
    pointer, tokens, rows = library.pointer, xs.shape[:-1], schedule.rows
    frame = forward_frame(run, xs.shape[-1], record, inside=is_inside(run, xs.shape[-1]), keep=keep)
    script = run.script(frame, lambda threads: frame.write(fit, schedule, threads))
    inputs = run.input(xs)
    starts = [None if start is None else library.contiguous(start) for start in initial]
    outputs = library.empty(*tokens, fit.states[fit.output]) if into is None else into
    finals = [library.empty(1, rows, units) for units in fit.states.values()]
    records = [library.empty(*tokens, width) for width in frame.recorded.values()]
    kept = library.lease(script.kept) if keep else None
    addresses = [*run.addresses, pointer(inputs), pointer(outputs)]
    addresses += [0 if start is None else pointer(start) for start in starts]
    addresses += map(pointer, (*finals, *records))
    if kept is not None:
        addresses += kept.addresses
    run.call(frame, script, addresses)
    if isinstance(schedule, Ragged) and schedule.steps:
        _never_begun(schedule, finals, starts)
    for number, place in enumerate(frame.made.records.values()):
        records[number] = library.contiguous(records[number][..., : fit.length(place.size)])
    return outputs, finals, records, Left(frame, kept)


def is_inside(run: Run, width: int) -> bool:
    """Whether the kernel computes the input's products, too."""
    schedule, is_small = run.schedule, run.fit.bytes <= CACHE_BYTES
    enough = FEW_ROWS if is_small else ENOUGH_ROWS
    return width <= INSIDE or schedule.tokens >= enough * schedule.jobs * schedule.steps


def forward_frame(
    run: Run, width: int, record: tuple[str, ...] = (), *, inside: bool, keep: bool = False
) -> Forward:
    """The frame for inputs of this width."""

    def build() -> Forward:
        made, kernel = run.fit.program.forward(inside=inside, record=record, keep=keep)
        return Forward(run.fit, width, made, kernel, keep=keep)

    return run.fit.once(("forward", width, inside, record, keep), build)


def _never_begun(schedule: Ragged, finals: Sequence[Array], starts: Sequence[Array | None]) -> None:
    """Sequences of no steps, beside others, end where they start."""
    empty = schedule.empty_rows
    if len(empty):
        for final, start in zip(finals, starts, strict=True):
            final[:, empty] = 0 if start is None else start[:, empty]
