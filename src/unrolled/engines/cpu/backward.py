"""A sequence backward. In: a `Run`, what forward left, derivatives by outputs and final states.
Out: `Gradients`; next: the autograd function of `layers`, or the textbook.

Chunk by chunk from the end: the kernel stores, for every token, the derivatives that stand left in
an outer product (`d_net_i`); then the gradients of the matrices are sums of outer products over the
whole chunk, and so, where few sequences run beside one another, is the derivative by the input.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from unrolled.engines import directions
from unrolled.engines.cpu.arrays import Array
from unrolled.engines.cpu.forward import Left, is_inside
from unrolled.engines.cpu.frame import Call, Frame
from unrolled.engines.cpu.gradients import Products, Sums, Vectors
from unrolled.engines.cpu.program import Kernel
from unrolled.engines.cpu.run import Fit, Run, padded
from unrolled.engines.directions import Inputs
from unrolled.engines.plan import Matrix


@dataclass
class Gradients:
    """By the input (tokens, I), the initial states (rows, n) and the caller's arrays of weights, in
    their forms: None where nothing depends on an array. `norms`: how long the derivative by a state
    was at each token, (tokens, 1)."""

    inputs: Array | None
    states: tuple[Array, ...]
    arrays: list[Array | None]
    norms: dict[str, Array]


class Backward(Frame):
    """The backward kernel's frame; where the left sides lie."""

    def __init__(
        self, fit: Fit, units: int, left: Left, made: directions.Backward, kernel: Kernel
    ) -> None:
        super().__init__(kernel, fit.program.bits)
        self.made, self.units = made, units
        fit.weights(self, made.plan, placed=made.lefts)
        wide = padded(units, fit.lanes) if fit.input_is_hidden else units
        self.place(fit.input_name, "x", wide)
        for name, (size, column) in left.frame.columns.items():
            self.place(name, f"buffer {size}", left.frame.widths[size], column)
        for name, place in made.norms.items():
            self.place(place.name, f"norm {name}", 1)
        self.input_width = padded(units, fit.lanes)
        if made.d_input is not None:
            self.place(made.d_input.name, "d input", self.input_width)
        self._states(fit)
        self._added(fit)
        self._lefts(fit)
        self._panels(fit)
        self.finish()

    def _states(self, fit: Fit) -> None:
        """States where forward left them; and their derivatives, carried from step to step in two
        buffers that take turns. A sequence may end at any step, so both begin as what arrives."""
        for name, units in fit.states.items():
            width = padded(units, fit.lanes)
            self.place(f"state {name}", fit.state_at(name), width)
            self.place(f"initial {name}", f"initial {name}", width)
            for turn in (0, 1):
                region = f"turn {name} {turn}"
                self.region(region, "rows", width)
                self.widen(region, f"d {name}", units, width, fit.lanes)
                self.place(region, region, width)
        self.place("d output", "d output", padded(fit.states[fit.output], fit.lanes))

    def _added(self, fit: Fit) -> None:
        """Derivatives by vectors of weights: each job sums up its own, in one row for all."""
        self.added: dict[str, tuple[int, int]] = {}
        total = 0
        for name, place in self.made.added.items():
            self.added[name] = total, fit.length(place.size)
            total += fit.padded(place.size)
        self.added_width = padded(total, fit.lanes)
        self.region("added", "jobs", self.added_width)
        self.copy(
            ("added", 0), None, units=self.added_width, length=0, height=("jobs", 0),
            unit_stride=1, k_stride=0, panels=self.added_width // fit.lanes,
            panel_stride=fit.lanes, row_stride=self.added_width,
        )  # fmt: skip
        for name, place in self.made.added.items():
            self.place(place.name, "added", self.added_width, self.added[name][0])

    def _lefts(self, fit: Fit) -> None:
        """Left sides in rows: of all tokens where a library multiplies them, or only of a step."""
        self.columns: dict[str, tuple[str, int]] = {}
        self.widths: dict[str, int] = {}
        for place in self.made.lefts:
            column = self.widths.get(place.size, 0)
            self.columns[place.name] = (place.size, column)
            self.widths[place.size] = column + fit.padded(place.size)
        inner = self.made.inner
        for size, width in self.widths.items():
            self.region(f"lefts {size}", "buffered" if inner else "rows", width)
        for number, (left, matrix) in enumerate(inner):
            size, column = self.columns[left.name]
            panels, length = fit.panels(self, f"inner {number}", Matrix(matrix, transposed=True))
            self.product(
                (f"lefts {size}", column), f"inner {number}", ("chunk", 0), panels * fit.lanes,
                length, a_stride=self.widths[size], panels=panels, c_stride=self.input_width,
                add=int(number > 0 or self.made.d_input is not None),
            )  # fmt: skip
        for name, (size, column) in self.columns.items():
            self.place(name, f"lefts {size}", self.widths[size], column)

    def _panels(self, fit: Fit) -> None:
        """Left sides in panels, as the kernel writes them; right sides, as a chunk copies them."""
        self.token_width = sum(self.widths.values())
        for place in self.made.panels.values():
            self.region(place.name, "buffered", fit.padded(place.size), step=fit.lanes)
            self.word(f"at {place.name}", place.name)
            self.word(f"stride {place.name}", "buffered")
        self.outer = Products(fit, self, self.units, self.made.outers)
        self.vectors = Vectors(fit, self.added)


def backward(
    run: Run,
    left: Left,
    xs: Array,
    outputs: Array,
    d_outputs: Array,
    d_finals: Sequence[Array | None],
    norms: tuple[str, ...] = (),
    *,
    need_input: bool,
    need_states: bool = True,
) -> Gradients:
    """xs, outputs, d_outputs: (tokens, n); d_finals: (rows, n) each, None for zeros; `norms` names
    states to be measured. Without `need_states`, the derivatives by the initial states are left
    out."""
    library, schedule, fit = run.library, run.schedule, run.fit
    frame = _frame(run, left, xs.shape[1], norms, need_input)
    measured = {name: library.empty(schedule.tokens, 1) for name in norms}
    d_xs = _input(run, frame) if need_input else None
    arrays = {"x": run.input(xs), "y": outputs, "d input": d_xs}
    arrays["d output"] = run.wide(d_outputs, left.frame.output_width)
    for name, d in zip(fit.states, d_finals, strict=True):
        arrays[f"d {name}"] = None if d is None else library.contiguous(d)
    for name, array in measured.items():
        arrays[f"norm {name}"] = array
    known = left.known | run.known
    for name, array in arrays.items():
        known[name] = 0 if array is None else library.pointer(array)
    chunks = run.chunks(frame.token_width)
    call = Call(frame, library, schedule, known, run.most_tokens(chunks))
    sums = Sums(run, frame.outer, left, call, outputs)
    _run(call, frame, chunks, sums)
    states = tuple(_first(run, call, name) for name in fit.states) if need_states else ()
    weights = sums.result(frame.vectors, frame.added_width)
    inputs = None if d_xs is None else d_xs[:, : xs.shape[1]]
    return Gradients(inputs, states, weights, measured)


def _frame(run: Run, left: Left, units: int, norms: tuple[str, ...], need_input: bool) -> Backward:
    inputs = Inputs.NONE
    if need_input:
        inputs = Inputs.INSIDE if is_inside(run, units) else Inputs.OUTSIDE
    return run.fit.once(
        ("backward", left.frame, norms, inputs),
        lambda: Backward(run.fit, units, left, *run.fit.program.backward(norms, inputs)),
    )


def _input(run: Run, frame: Backward) -> Array:
    """Room for the derivative by the input, in whole vectors: zeros where nothing will be added."""
    is_written = frame.made.d_input is not None or frame.made.inner
    make = run.library.empty if is_written else run.library.zeros
    return make(run.schedule.tokens, frame.input_width)


def _run(call: Call, frame: Backward, chunks: list[tuple[int, int]], sums: Sums) -> None:
    """Chunk by chunk: the kernel, then the products of what it leaves."""
    if not chunks:
        call.write()
        call.arrange()
    for first, last in reversed(chunks):
        span = call.schedule.span(first, last)
        call.write(span.start)
        if last == call.schedule.steps:
            call.arrange()
        call.run(first, last)
        sums.add(first, last)
        if frame.products is not None:
            at = span.start * frame.input_width * frame.bytes
            call.known["chunk"] = call.known["d input"] + at
            call.multiply(span.stop - span.start)


def _first(run: Run, call: Call, name: str) -> Array:
    """The derivative by an initial state, which the last turn has left."""
    units, after = run.fit.states[name], 1 if run.schedule.steps else 0
    width = padded(units, run.fit.lanes)
    return run.library.copy(call.view(f"turn {name} {after}", run.schedule.rows, width)[:, :units])
