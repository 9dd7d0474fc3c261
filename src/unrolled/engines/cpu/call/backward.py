"""A sequence backward. In: a `Run`, what forward left, derivatives by outputs and final states.
Out: `Gradients`; next: the autograd function of `layers`, or the textbook.

Chunk by chunk from the end: the kernel stores, for every token, the derivatives that stand left in
an outer product (`d_net_i`); then the gradients of the matrices are sums of outer products over the
whole chunk, and so, where few sequences run beside one another, is the derivative by the input.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from unrolled.engines.cpu.call.forward import Forward, Left, is_inside
from unrolled.engines.cpu.call.frame import Frame
from unrolled.engines.cpu.call.gradients import Products, Vectors
from unrolled.engines.cpu.call.run import Fit, Run, chunks, most_tokens, padded
from unrolled.engines.cpu.call.script import Script, Writer
from unrolled.engines.cpu.machine.arrays import Array
from unrolled.engines.cpu.program import Kernel
from unrolled.engines.plan import directions
from unrolled.engines.plan.directions import Inputs
from unrolled.engines.plan.plan import Matrix
from unrolled.engines.plan.schedule import Schedule


@dataclass
class Gradients:
    """By the input (..., I), the initial states (1, rows, n) and the caller's arrays of weights, in
    their forms. `norms`: how long the derivative by a state was at each token, (..., 1)."""

    inputs: Array | None
    states: tuple[Array, ...]
    arrays: list[Array]
    norms: dict[str, Array]


class Backward(Frame):
    """The backward kernel's frame; where the left sides lie."""

    def __init__(
        self,
        fit: Fit,
        units: int,
        left: Forward,
        made: directions.Backward,
        kernel: Kernel,
        *,
        need_states: bool,
    ) -> None:
        super().__init__(kernel, fit.program.bits)
        self.made, self.left, self.need_states = made, left, need_states
        fit.weights(self, made.plan, placed=made.lefts)
        self.place(fit.input_name, "x", left.x_width)
        for name, (size, column) in left.columns.items():
            self.place(name, f"buffer {size}", left.widths[size], column)
        for name, place in made.norms.items():
            self.place(place.name, f"norm {name}", 1)
        self.input_width = padded(units, fit.lanes)
        if made.d_input is not None:
            self.place(made.d_input.name, "d input", self.input_width)
        self._states(fit)
        self.vectors = Vectors(fit, self, made.added)
        self._lefts(fit)
        self._panels(fit)
        covered = self.outer.covered | self.vectors.covered
        self.whole = {n for n, numbers in covered.items() if numbers == fit.numbers[n]}
        firsts = [f"first {name}" for name in fit.states] if need_states else []
        self.finish([
            *fit.array_names, "x", "y", "d output", *(f"d {name}" for name in fit.states),
            *(f"norm {name}" for name in made.norms), "d input",
            *(f"sum {number}" for number in range(len(fit.numbers))), *firsts, *left.kept,
        ])  # fmt: skip

    def _states(self, fit: Fit) -> None:
        """States where forward left them; and their derivatives, carried from step to step in two
        buffers that take turns. A sequence may end at any step, so both begin as what arrives."""
        for name, units in fit.states.items():
            width = padded(units, fit.lanes)
            self.place(f"state {name}", self.left.states[name], width)
            self.place(f"initial {name}", f"initial {name}", width)
            for turn in (0, 1):
                region = f"turn {name} {turn}"
                self.region(region, "rows", width)
                self.before.widen(region, f"d {name}", units, width, fit.lanes)
                self.place(region, region, width)
            if self.need_states:
                self.after.narrow(
                    f"first {name}", f"last turn {name}", units, fit.lanes, "rows", k_stride=width
                )
        units, arriving = fit.states[fit.output], "d output"
        width = padded(units, fit.lanes)
        if width != units:
            arriving = "d output wide"
            self.region(arriving, "tokens", width)
            self.before.widen(arriving, "d output", units, width, fit.lanes, "tokens")
        self.place("d output", arriving, width)

    def _lefts(self, fit: Fit) -> None:
        """Left sides in rows: of a chunk's tokens where they are multiplied behind the kernel, and
        otherwise only of a step."""
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
                (f"chunk lefts {size}", column), f"inner {number}", ("chunk d input", 0),
                panels * fit.lanes, length, a_stride=self.widths[size], panels=panels,
                c_stride=self.input_width, add=int(number > 0 or self.made.d_input is not None),
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
        self.outer = Products(fit, self, self.left, self.made.outers)

    def write(self, fit: Fit, schedule: Schedule, threads: int) -> Script:
        """What calls on this batch do: chunk by chunk from the end the kernel, then the products of
        what it leaves."""
        runs = chunks(schedule, self.token_width, self.bytes)
        writer = Writer(self, schedule, threads, most_tokens(schedule, runs))
        writer.copy()
        for first, last in reversed(runs):
            writer.begin_chunk(first, last)
            writer.run()
            self.outer.write(writer, first, last, fresh=last == schedule.steps)
            start = schedule.span(first, last).start
            writer.set("chunk d input", start * self.input_width * self.bytes, "d input")
            writer.multiply()
        for name in fit.states:
            writer.set(f"last turn {name}", 0, f"turn {name} {1 if schedule.steps else 0}")
        return writer.finish()


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
    reuse: Sequence[Array] = (),
) -> Gradients:
    """xs, outputs, d_outputs: (..., n); d_finals: (1, rows, n) each, None for zeros; `norms` names
    states to be measured. Without `need_states`, the derivatives by the initial states are left
    out. `reuse`: arrays of an earlier result, which may be overwritten."""
    library, schedule, fit = run.library, run.schedule, run.fit
    pointer = library.pointer
    frame = _frame(run, left, xs.shape[-1], norms, need_input, need_states)
    script = run.script(frame, lambda threads: frame.write(fit, schedule, threads))
    measured = {name: library.empty(*xs.shape[:-1], 1) for name in norms}
    d_xs = _input(run, frame, xs.shape[:-1]) if need_input else None
    inputs, d_outputs = run.input(xs), library.contiguous(d_outputs)
    ends = [None if d is None else library.contiguous(d) for d in d_finals]
    sums = _sums(run, frame, reuse)
    rows = schedule.rows
    states = [library.empty(1, rows, units) for units in fit.states.values()] if need_states else []
    addresses = [*run.addresses, pointer(inputs), pointer(outputs), pointer(d_outputs)]
    addresses += [0 if d is None else pointer(d) for d in ends]
    addresses += map(pointer, measured.values())
    addresses.append(0 if d_xs is None else pointer(d_xs))
    addresses += map(pointer, (*sums, *states))
    assert left.lease is not None
    run.call(frame, script, addresses + left.lease.addresses)
    for number in frame.vectors.numbers:
        sums[number] = sums[number].sum().reshape(run.arrays[number].shape)
    inputs = None if d_xs is None else d_xs[..., : xs.shape[-1]]
    return Gradients(inputs, tuple(states), sums, measured)


def _frame(
    run: Run, left: Left, units: int, norms: tuple[str, ...], need_input: bool, need_states: bool
) -> Backward:
    inputs = Inputs.NONE
    if need_input:
        inputs = Inputs.INSIDE if is_inside(run, units) else Inputs.OUTSIDE

    def build() -> Backward:
        made, kernel = run.fit.program.backward(norms, inputs)
        return Backward(run.fit, units, left.frame, made, kernel, need_states=need_states)

    return run.fit.once(("backward", left.frame, norms, inputs, need_states), build)


def _sums(run: Run, frame: Backward, reuse: Sequence[Array]) -> list[Array]:
    """Room for the derivatives by the caller's arrays: zeros where nothing will be written, for an
    array may be longer than what depends on it."""
    library, whole = run.library, frame.whole if run.schedule.tokens else ()
    sums = list(reuse) or [
        library.like(array) if number in whole else library.zeros(*array.shape)
        for number, array in enumerate(run.arrays)
    ]
    for number, units in frame.vectors.numbers.items():
        sums[number] = library.empty(units)
    return sums


def _input(run: Run, frame: Backward, tokens: Sequence[int]) -> Array:
    """Room for the derivative by the input, in whole vectors: zeros where nothing will be added."""
    is_written = frame.made.d_input is not None or frame.made.inner
    make = run.library.empty if is_written else run.library.zeros
    return make(*tokens, frame.input_width)
