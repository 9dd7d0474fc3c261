"""A sequence forward. In: a `Run`, inputs, initial states. Out: `Left`: outputs, final states, and
what backward needs; next: `backward`, and the autograd function of `layers`.

With a few sequences beside one another the kernel computes everything, the input's products too.
A single sequence would read all of W at every step: there `W x` is a product for many steps at
once, chunk by chunk, and the kernel overwrites it with the values that backward needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from unrolled.engines import directions
from unrolled.engines.cpu.arrays import Array
from unrolled.engines.cpu.frame import Call, Frame, view_of
from unrolled.engines.cpu.memory import Lease
from unrolled.engines.cpu.program import Kernel
from unrolled.engines.cpu.run import Fit, Run, padded

# Up to this many inputs, W x is done in the loop: alone it would only move memory.
INSIDE = 8
# And with this many sequences for each thread: what is read of W then serves enough rows.
ENOUGH_ROWS = 4


class Forward(Frame):
    """The forward kernel's frame, and where what it computes will lie.

    Hoisted products and kept values lie in one buffer for each size, a column for each, and a kept
    value in the column of a product that is no longer needed.
    """

    def __init__(
        self, fit: Fit, width: int, made: directions.Forward, kernel: Kernel, *, keep: bool
    ) -> None:
        super().__init__(kernel, fit.program.bits)
        self.made = made
        self.columns: dict[str, tuple[str, int]] = {}
        self.widths: dict[str, int] = {}
        fit.weights(self, made.plan)
        self.x_width = padded(width, fit.lanes) if fit.input_is_hidden else width
        self.place(fit.input_name, "x", self.x_width)
        self._states(fit, keep)
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
                ("chunk", 0), f"hoisted {matrix.name}", (f"chunk {size}", column),
                panels * fit.lanes, length, a_stride=self.x_width, panels=panels,
                c_stride=self.widths[size], add=0,
            )  # fmt: skip
        self.finish()

    def _states(self, fit: Fit, keep: bool) -> None:
        """The first state is the output, and the user's; the others stay here."""
        for number, (name, shape) in enumerate(fit.program.lowered.step.states.items()):
            units, width = fit.sizes[shape[0]], fit.padded(shape[0])
            if number == 0:
                self.output_units, self.output_width = units, width
                self.output_is_users = units == width
            if fit.state_at(name) != "y":
                self.region(f"state {name}", "tokens", width, kept=True)
            self.place(f"state {name}", fit.state_at(name), width)
            self.region(f"initial {name}", "rows", width, kept=keep)
            self.widen(f"initial {name}", f"given {name}", units, width, fit.lanes)
            self.place(f"initial {name}", f"initial {name}", width)

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


@dataclass
class Left:
    """What a forward pass leaves for backward, beside its input and outputs: memory, addresses, and
    whether each state began at zero."""

    frame: Forward
    known: dict[str, int]
    lease: Lease | None
    is_zero: tuple[bool, ...]

    def state(self, run: Run, name: str, outputs: Array) -> Array:
        """A state of every token, (tokens, padded width), or the outputs as they are."""
        if run.fit.state_at(name) == "y":
            return outputs
        width = padded(run.fit.states[name], run.fit.lanes)
        return self._view(f"state {name}", run.schedule.tokens, width)

    def initial(self, run: Run, name: str) -> Array:
        width = padded(run.fit.states[name], run.fit.lanes)
        return self._view(f"initial {name}", run.schedule.rows, width)

    def value(self, run: Run, name: str) -> Array:
        """A kept value of every token."""
        size, column = self.frame.columns[name]
        buffer = self._view(f"buffer {size}", run.schedule.tokens, self.frame.widths[size])
        return buffer[:, column : column + run.fit.length(size)]

    def _view(self, region: str, rows: int, width: int) -> Array:
        return view_of(self.frame.kept, self.lease, region, rows, width)


def forward(
    run: Run,
    xs: Array,
    initial: Sequence[Array | None],
    record: tuple[str, ...] = (),
    *,
    keep: bool,
) -> tuple[Array, list[Array], list[Array], Left]:
    """xs: (tokens, I), contiguous; initial: (rows, n) each, None for zeros. Outputs (tokens, n),
    final states (rows, n), records (tokens, n). Without `keep`, no backward follows."""
    library, fit, tokens = run.library, run.fit, run.schedule.tokens
    inside = is_inside(run, xs.shape[-1])
    frame = forward_frame(run, xs.shape[-1], record, inside=inside, keep=keep)
    known, alive = run.known, []
    for name, start in zip(fit.states, initial, strict=True):
        alive.append(None if start is None else library.contiguous(start))
        known[f"given {name}"] = 0 if start is None else library.pointer(alive[-1])
    records = []
    for name, width in frame.recorded.items():
        records.append(library.empty(tokens, width))
        known[f"record {name}"] = library.pointer(records[-1])
    outputs = None
    if frame.output_is_users:
        outputs = library.empty(tokens, frame.output_width)
        known["y"] = library.pointer(outputs)
    call = _run(run, frame, xs, known, keep)
    left = Left(frame, known, call.kept, tuple([start is None for start in initial]))
    if outputs is None:
        outputs = library.copy(left.state(run, fit.output, None)[:, : frame.output_units])
    finals = [
        _final(run, left.state(run, name, outputs), start, fit.states[name])
        for name, start in zip(fit.states, alive, strict=True)
    ]
    for number, place in enumerate(frame.made.records.values()):
        records[number] = library.contiguous(records[number][:, : fit.length(place.size)])
    return outputs, finals, records, left


def is_inside(run: Run, width: int) -> bool:
    """Whether the kernel computes the input's products, too."""
    schedule = run.schedule
    rows = schedule.tokens >= ENOUGH_ROWS * schedule.jobs * schedule.steps
    return width <= INSIDE or rows


def forward_frame(
    run: Run, width: int, record: tuple[str, ...] = (), *, inside: bool, keep: bool = False
) -> Forward:
    """The frame for inputs of this width."""

    def build() -> Forward:
        made, kernel = run.fit.program.forward(inside=inside, record=record, keep=keep)
        return Forward(run.fit, width, made, kernel, keep=keep)

    return run.fit.once(("forward", width, inside, record, keep), build)


def _run(run: Run, frame: Forward, xs: Array, known: dict[str, int], keep: bool) -> Call:
    """Chunk by chunk where products are hoisted, and otherwise all steps at once."""
    library, schedule = run.library, run.schedule
    inputs = run.input(xs)
    known["x"] = library.pointer(inputs)
    if frame.products is None:
        call = Call(frame, library, schedule, known)
        call.write()
        call.arrange()
        call.run(0, schedule.steps)
        return call
    chunks = run.chunks(sum(frame.widths.values()))
    most = schedule.tokens if keep else run.most_tokens(chunks)
    call = Call(frame, library, schedule, known, most)
    for number, (first, last) in enumerate(chunks or [(0, 0)]):
        span = schedule.span(first, last)
        begin = 0 if keep else span.start
        if number == 0 or not keep:
            call.write(begin)
        if number == 0:
            call.arrange()
        known["chunk"] = known["x"] + span.start * frame.x_width * frame.bytes
        for size, width in frame.widths.items():
            at = known[f"buffer {size}"] + (span.start - begin) * width * frame.bytes
            known[f"chunk {size}"] = at
        call.multiply(span.stop - span.start)
        call.run(first, last)
    return call


def _final(run: Run, tokens: Array, start: Array | None, units: int) -> Array:
    """The state after each sequence's last step; a sequence of no steps ends where it starts."""
    library, schedule = run.library, run.schedule
    if schedule.is_dense and schedule.steps:
        last = tokens[schedule.span(schedule.steps - 1, schedule.steps)]
        return library.copy(last if last.shape[1] == units else last[:, :units])
    rows, last = schedule.last_tokens
    if len(rows) == schedule.rows:
        return library.contiguous(library.take(tokens, last)[:, :units])
    final = library.zeros(schedule.rows, units) if start is None else library.copy(start)
    if len(rows):
        final[rows] = library.take(tokens, last)[:, :units]
    return final
