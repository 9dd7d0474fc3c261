"""A sequence backward. In: a `Run`, what forward left, derivatives by outputs and final states.
Out: `Gradients`; next: the autograd function of `layers`, or the textbook.

Chunk by chunk from the end: the kernel stores, for every token, the derivatives that stand left in
an outer product (`d_net_i`); then the gradients of the matrices and of the input are products over
the whole chunk.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from unrolled.engines import directions
from unrolled.engines.cpu.arrays import Array
from unrolled.engines.cpu.forward import Left
from unrolled.engines.cpu.frame import Call, Frame
from unrolled.engines.cpu.program import Kernel
from unrolled.engines.cpu.run import Fit, Run, padded
from unrolled.engines.cpu.schedule import token_rows
from unrolled.engines.plan import Kind, Place


@dataclass
class Gradients:
    """By the input (tokens, I), the initial states (rows, n) and the step's weights. `stacks` holds
    those that were computed together, one above the other; `norms` how long the derivative by a
    state was at each token, (tokens, 1)."""

    inputs: Array | None
    states: tuple[Array, ...]
    weights: dict[str, Array]
    stacks: dict[tuple[str, ...], Array]
    norms: dict[str, Array]


class Backward(Frame):
    """The backward kernel's frame; where the left sides lie, and which of them are one product."""

    def __init__(
        self, fit: Fit, units: int, left: Left, made: directions.Backward, kernel: Kernel
    ) -> None:
        super().__init__(kernel, fit.program.bits)
        self.made = made
        fit.weights(self, made.plan)
        is_wide = fit.input_is_hidden
        self.place(fit.input_name, "x", padded(units, fit.lanes) if is_wide else units)
        for name, (size, column) in left.frame.columns.items():
            self.place(name, f"buffer {size}", left.frame.widths[size], column)
        for name, place in made.norms.items():
            self.place(place.name, f"norm {name}", 1)
        self.input_width = units if made.d_input is None else fit.padded(made.d_input.size)
        if made.d_input is not None:
            self.place(made.d_input.name, "d input", self.input_width)
        self._states(fit)
        self._added(fit)
        self._lefts(fit)
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
        self.place("d output", "d output", padded(next(iter(fit.states.values())), fit.lanes))

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
        self.columns: dict[str, tuple[str, int]] = {}
        self.widths: dict[str, int] = {}
        for place in self.made.lefts:
            column = self.widths.get(place.size, 0)
            self.columns[place.name] = (place.size, column)
            self.widths[place.size] = column + fit.padded(place.size)
        self.lefts_width = sum(self.widths.values())
        for size, width in self.widths.items():
            self.region(f"lefts {size}", "buffered", width)
        for name, (size, column) in self.columns.items():
            self.place(name, f"lefts {size}", self.widths[size], column)
        rights: dict[Place, list[tuple[Place, str]]] = {}
        for outer in self.made.outers:
            rights.setdefault(outer.right, []).append((outer.left, outer.matrix))
        self.outers = [
            (right, columns)
            for right, pairs in rights.items()
            for columns in self._runs(pairs, fit)
        ]
        self.inner = self._runs(self.made.inner, fit)

    def _runs(self, pairs: Iterable[tuple[Place, str]], fit: Fit) -> list[_Columns]:
        """Group (left side, matrix) pairs whose left sides stand side by side."""
        result: list[_Columns] = []
        for left, matrix in sorted(pairs, key=lambda pair: self.columns[pair[0].name]):
            size, column = self.columns[left.name]
            width = fit.padded(size)
            last = result[-1] if result else None
            if last is not None and (last.size, last.stop) == (size, column):
                last.matrices += (matrix,)
                last.stop += width
            else:
                result.append(_Columns(size, column, column + width, (matrix,)))
        return result


@dataclass
class _Columns:
    size: str
    start: int
    stop: int
    matrices: tuple[str, ...]


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
    frame = fit.once(
        ("backward", left.frame, norms),
        lambda: Backward(fit, xs.shape[1], left, *fit.program.backward(norms)),
    )
    measured = {name: library.empty(schedule.tokens, 1) for name in norms}
    inputs = _Inputs(run, frame, xs, need_input)
    arrays = {"x": run.input(xs), "y": outputs, "d input": inputs.array}
    arrays["d output"] = run.wide(d_outputs, left.frame.output_width)
    for name, d in zip(fit.states, d_finals, strict=True):
        arrays[f"d {name}"] = None if d is None else library.contiguous(d)
    for name, array in measured.items():
        arrays[f"norm {name}"] = array
    known = left.known | run.known
    for name, array in arrays.items():
        known[name] = 0 if array is None else library.pointer(array)
    matrices = _Matrices(run, frame, left, xs, outputs)
    call = _run(run, frame, known, matrices, inputs)
    weights, stacks = _sums(run, frame, call)
    matrices.result(weights, stacks)
    states = tuple(_first(run, call, name) for name in fit.states) if need_states else ()
    return Gradients(inputs.result(), states, weights, stacks, measured)


def _run(
    run: Run, frame: Backward, known: dict[str, int], matrices: _Matrices, inputs: _Inputs
) -> Call:
    """Chunk by chunk: the kernel, then the products of what it leaves."""
    chunks = run.chunks(frame.lefts_width)
    most = run.most_tokens(chunks)
    call = Call(frame, run.library, run.schedule, known, most)
    lefts = {size: call.view(f"lefts {size}", most, w) for size, w in frame.widths.items()}
    if not chunks:
        call.write()
        call.arrange()
    for first, last in reversed(chunks):
        span = run.schedule.span(first, last)
        call.write(span.start)
        if last == run.schedule.steps:
            call.arrange()
        call.run(first, last)
        matrices.add(lefts, first, last)
        inputs.add(lefts, span)
    return call


def _first(run: Run, call: Call, name: str) -> Array:
    """The derivative by an initial state, which the last turn has left."""
    units, after = run.fit.states[name], 1 if run.schedule.steps else 0
    width = padded(units, run.fit.lanes)
    return run.library.copy(call.view(f"turn {name} {after}", run.schedule.rows, width)[:, :units])


def _sums(
    run: Run, frame: Backward, call: Call
) -> tuple[dict[str, Array], dict[tuple[str, ...], Array]]:
    """Derivatives by vectors, summed over the jobs; for a single number over its units too."""
    if not frame.added:
        return {}, {}
    total = call.view("added", run.schedule.jobs, frame.added_width).sum(0)
    weights = {}
    for name, (column, units) in frame.added.items():
        part = total[column : column + units]
        is_number = run.fit.program.lowered.step.weights[name] == ()
        weights[name] = part.sum() if is_number else part
    columns = [column for column, _ in frame.added.values()]
    units = [units for _, units in frame.added.values()]
    gapless = all(a + n == b for a, n, b in zip(columns, units, columns[1:], strict=False))
    stacks = {tuple(frame.added): total[: sum(units)]} if gapless else {}
    return weights, stacks


class _Matrices:
    """The gradients of matrices: for each right side, the products with the left sides."""

    def __init__(self, run: Run, frame: Backward, left: Left, xs: Array, outputs: Array) -> None:
        self.run, self.left, self.xs, self.outputs = run, left, xs, outputs
        self.sums: list[tuple[Place, _Columns, Array]] = []
        make = run.library.empty if run.schedule.tokens else run.library.zeros
        for right, columns in frame.outers:
            is_input = right.name == run.fit.input_name
            length = xs.shape[1] if is_input else run.fit.length(right.size)
            self.sums.append((right, columns, make(columns.stop - columns.start, length)))
        self.begun: set[int] = set()

    def _source(self, right: Place) -> Array:
        name = right.name.removeprefix("state ")
        if name == self.run.fit.input_name:
            return self.xs
        if right.kind is not Kind.BEFORE and right.name in self.left.frame.columns:
            return self.left.value(self.run, right.name)
        return self.left.state(self.run, name, self.outputs)

    def add(self, lefts: Mapping[str, Array], first: int, last: int) -> None:
        begin = self.run.schedule.span(first, last).start
        for number, (right, columns, total) in enumerate(self.sums):
            buffer, length = lefts[columns.size], total.shape[1]
            for tokens, operand in self._operands(right, first, last):
                rows = slice(tokens.start - begin, tokens.stop - begin)
                d = buffer[rows, columns.start : columns.stop]
                operand = operand if operand.shape[1] == length else operand[:, :length]
                self.run.library.multiply(d.T, operand, total, number in self.begun)
                self.begun.add(number)
            if number not in self.begun:  # a single step, from a state of zeros
                total[...] = 0
                self.begun.add(number)

    def _operands(self, right: Place, first: int, last: int) -> Iterable[tuple[slice, Array]]:
        """The tokens of a chunk, and the right side's rows for them, but for rows of zeros."""
        schedule, library = self.run.schedule, self.run.library
        source = self._source(right)
        if right.kind is not Kind.BEFORE:
            span = schedule.span(first, last)
            yield span, source[span]
            return
        if first == 0:
            names = list(self.run.fit.states)
            if not self.left.is_zero[names.index(right.name)]:
                start = self.left.initial(self.run, right.name)
                if not schedule.is_dense:
                    start = library.take(start, token_rows(schedule, 0))
                yield schedule.span(0, 1), start
            first = 1
        if first < last:
            here, before = schedule.before(first, last)
            rows = source[before] if isinstance(before, slice) else library.take(source, before)
            yield here, rows

    def result(self, weights: dict[str, Array], stacks: dict[tuple[str, ...], Array]) -> None:
        """Each matrix's own; and those that stand one above the other without padding."""
        fit = self.run.fit
        for _, columns, total in self.sums:
            height, units = fit.padded(columns.size), fit.length(columns.size)
            if height == units:
                stacks[columns.matrices] = total
            for number, name in enumerate(columns.matrices):
                part = total[number * height : number * height + units]
                weights[name] = weights[name] + part if name in weights else part


class _Inputs:
    """The derivative by the input: what the kernel writes, and products with the left sides."""

    def __init__(self, run: Run, frame: Backward, xs: Array, needed: bool) -> None:
        self.run, self.frame, self.needed = run, frame, needed
        self.units = xs.shape[1]
        self.array: Array = None
        if needed or frame.made.d_input is not None:
            self.array = run.library.empty(xs.shape[0], frame.input_width)
            if frame.made.d_input is None and not frame.made.inner:
                self.array[...] = 0

    def add(self, lefts: Mapping[str, Array], span: slice) -> None:
        if not self.needed:
            return
        fresh = self.frame.made.d_input is None
        for columns in self.frame.inner:
            stacked = self.run.stack(columns.matrices, self.run.fit.padded(columns.size))
            d = lefts[columns.size][: span.stop - span.start, columns.start : columns.stop]
            self.run.library.multiply(d, stacked, self.array[span, : self.units], not fresh)
            fresh = False

    def result(self) -> Array | None:
        return self.array[:, : self.units] if self.needed else None
