"""A sequence backward. In: a `Run`, what forward left, derivatives by outputs and final states.
Out: `Gradients`; next: the autograd function of `layers`, or the textbook.

Chunk by chunk from the end: the kernel stores, for every token, the derivatives that stand left in
an outer product (`d_net_i`); then the gradients of the matrices and of the input are products over
the whole chunk.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from unrolled.engines import directions
from unrolled.engines.cpu.arrays import Array
from unrolled.engines.cpu.call import Call
from unrolled.engines.cpu.forward import Left
from unrolled.engines.cpu.memory import Lease
from unrolled.engines.cpu.run import Run
from unrolled.engines.cpu.schedule import token_rows
from unrolled.engines.plan import Kind, Place
from unrolled.equations.nodes import ONE


@dataclass
class Gradients:
    """By the input (tokens, I), the initial states (rows, n) and the step's weights. `stacks` holds
    those of matrices that were computed together, one above the other; `norms` how long the
    derivative by a state was at each token, (tokens, 1)."""

    inputs: Array | None
    states: tuple[Array, ...]
    weights: dict[str, Array]
    stacks: dict[tuple[str, ...], Array]
    norms: dict[str, Array]


def backward(
    run: Run,
    left: Left,
    d_outputs: Array,
    d_finals: Sequence[Array],
    norms: tuple[str, ...] = (),
    *,
    need_input: bool,
) -> Gradients:
    """d_outputs: (tokens, n); d_finals: (rows, n) each; `norms` names states to be measured."""
    made, kernel = run.program.backward(norms)
    schedule = run.schedule
    call = run.call(kernel)
    leases: list[Lease] = []
    run.place_input(call, left.xs)
    for name, array in left.states.items():
        call.place(f"state {name}", array, array.shape[1])
        call.place(f"initial {name}", left.initial[name], array.shape[1])
    for name, kept in left.kept.items():
        call.place(name, kept.buffer, kept.buffer.shape[1], 0, kept.column)
    d_ys = run.wide(d_outputs, left.outputs.shape[1])
    call.place("d output", d_ys, d_ys.shape[1])
    measured = {name: run.library.empty(schedule.tokens, 1) for name in norms}
    for name, place in made.norms.items():
        call.place(place.name, measured[name], 1)
    turns = _turns(run, call, d_finals)
    added = _Added(run, call, made)
    inputs = _Inputs(run, made, left.xs, need_input)
    if made.d_input is not None:
        call.place(made.d_input.name, inputs.array, inputs.array.shape[1])
    layout = run.layout(made, lambda: LeftColumns(made, run))
    matrices = _Matrices(run, layout, left)
    chunks = run.chunks(layout.width)
    most = run.most_tokens(chunks)
    buffers = {size: run.lease(leases, most, width) for size, width in layout.widths.items()}
    for first, last in reversed(chunks):
        span = schedule.span(first, last)
        for name, (size, column) in layout.places.items():
            call.place(name, buffers[size], layout.widths[size], span.start, column)
        call.run(first, last)
        matrices.add(buffers, first, last)
        inputs.add(buffers, layout, span)
    weights = matrices.weights()
    weights |= added.weights()
    after = 1 if schedule.steps else 0
    states = tuple(
        pair[after][:, : run.sizes[shape[0]]]
        for pair, shape in zip(turns, run.states.values(), strict=True)
    )
    return Gradients(inputs.result(), states, weights, matrices.stacks(), measured)


def _turns(run: Run, call: Call, d_finals: Sequence[Array]) -> list[tuple[Array, Array]]:
    """The derivatives by the states, carried from step to step: two buffers that take turns."""
    turns = []
    for (name, shape), d in zip(run.states.items(), d_finals, strict=True):
        width = run.padded(shape[0])
        pair = run.library.widen(d, width), run.library.widen(d, width)
        for number, array in enumerate(pair):
            call.place(f"turn {name} {number}", array, width)
        turns.append(pair)
    return turns


class _Added:
    """Derivatives by vectors of weights: each job sums up its own, in one row for all of them."""

    def __init__(self, run: Run, call: Call, made: directions.Backward) -> None:
        self.run = run
        self.columns: dict[str, tuple[int, int]] = {}
        total = 0
        for name, place in made.added.items():
            width = 1 if place.size == ONE else run.padded(place.size)
            self.columns[name] = (total, 1 if place.size == ONE else run.sizes[place.size])
            total += width
        self.sums = run.library.zeros(run.schedule.jobs, total)
        for name, place in made.added.items():
            call.place(place.name, self.sums, total, 0, self.columns[name][0])

    def weights(self) -> dict[str, Array]:
        """Sums over the jobs; for a single number over the units too."""
        total = self.sums.sum(0)
        result = {}
        for name, (column, units) in self.columns.items():
            part = total[column : column + units]
            is_number = self.run.program.lowered.step.weights[name] == ()
            result[name] = part.sum() if is_number else part
        return result


class LeftColumns:
    """Where the left sides lie, and which of them are one product."""

    def __init__(self, made: directions.Backward, run: Run) -> None:
        self.places: dict[str, tuple[str, int]] = {}
        self.widths: dict[str, int] = {}
        for place in made.lefts:
            column = self.widths.get(place.size, 0)
            self.places[place.name] = (place.size, column)
            self.widths[place.size] = column + run.padded(place.size)
        self.width = sum(self.widths.values())
        rights: dict[Place, list[tuple[Place, str]]] = {}
        for outer in made.outers:
            rights.setdefault(outer.right, []).append((outer.left, outer.matrix))
        self.outers = [
            (right, columns)
            for right, pairs in rights.items()
            for columns in self._runs(pairs, run)
        ]
        self.inner = self._runs(made.inner, run)

    def _runs(self, pairs: Iterable[tuple[Place, str]], run: Run) -> list[_Columns]:
        """Group (left side, matrix) pairs whose left sides stand side by side."""
        result: list[_Columns] = []
        for left, matrix in sorted(pairs, key=lambda pair: self.places[pair[0].name]):
            size, column = self.places[left.name]
            width = run.padded(size)
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


class _Matrices:
    """The gradients of matrices: for each right side, the products with the left sides."""

    def __init__(self, run: Run, layout: LeftColumns, left: Left) -> None:
        self.run, self.left = run, left
        self.sums: list[tuple[Place, _Columns, Array]] = []
        make = run.library.empty if run.schedule.tokens else run.library.zeros
        for right, columns in layout.outers:
            is_input = right.name == run.input_name
            length = left.xs.shape[1] if is_input else run.sizes[right.size]
            self.sums.append((right, columns, make(columns.stop - columns.start, length)))
        self.begun: set[int] = set()

    def _source(self, right: Place) -> Array:
        if right.name == self.run.input_name:
            return self.left.xs
        if right.kind is Kind.BEFORE:
            return self.left.states[right.name]
        if right.name in self.left.kept:
            return self.left.kept[right.name].array
        return self.left.states[right.name.removeprefix("state ")]

    def add(self, buffers: dict[str, Array], first: int, last: int) -> None:
        begin = self.run.schedule.span(first, last).start
        for number, (right, columns, total) in enumerate(self.sums):
            buffer, length = buffers[columns.size], total.shape[1]
            for tokens, operand in self._operands(right, first, last):
                rows = slice(tokens.start - begin, tokens.stop - begin)
                d = buffer[rows, columns.start : columns.stop]
                self.run.library.multiply(d.T, operand[:, :length], total, number in self.begun)
                self.begun.add(number)

    def _operands(self, right: Place, first: int, last: int) -> Iterable[tuple[slice, Array]]:
        """The tokens of a chunk, and the right side's rows for them."""
        schedule, library = self.run.schedule, self.run.library
        source = self._source(right)
        if right.kind is not Kind.BEFORE:
            span = schedule.span(first, last)
            yield span, source[span]
            return
        if first == 0:
            start = self.left.initial[right.name]
            if not schedule.is_dense:
                start = library.take(start, token_rows(schedule, 0))
            yield schedule.span(0, 1), start
            first = 1
        if first < last:
            here, before = schedule.before(first, last)
            rows = source[before] if isinstance(before, slice) else library.take(source, before)
            yield here, rows

    def stacks(self) -> dict[tuple[str, ...], Array]:
        """Sums of matrices that stand one above the other without padding, each of one term."""
        return {
            columns.matrices: total
            for _, columns, total in self.sums
            if self.run.padded(columns.size) == self.run.sizes[columns.size]
        }

    def weights(self) -> dict[str, Array]:
        result: dict[str, Array] = {}
        for _, columns, total in self.sums:
            height, units = self.run.padded(columns.size), self.run.sizes[columns.size]
            for number, name in enumerate(columns.matrices):
                part = total[number * height : number * height + units]
                result[name] = result[name] + part if name in result else part
        return result


class _Inputs:
    """The derivative by the input: what the kernel writes, and products with the left sides."""

    def __init__(self, run: Run, made: directions.Backward, xs: Array, needed: bool) -> None:
        self.run, self.made, self.needed = run, made, needed
        self.units = xs.shape[1]
        self.array: Array = None
        if needed or made.d_input is not None:
            width = self.units if made.d_input is None else run.padded(made.d_input.size)
            self.array = run.library.empty(xs.shape[0], width)
            if made.d_input is None and not made.inner:
                self.array[...] = 0

    def add(self, buffers: dict[str, Array], layout: LeftColumns, span: slice) -> None:
        if not self.needed:
            return
        fresh = self.made.d_input is None
        for columns in layout.inner:
            stacked = self.run.weights.stack(columns.matrices, self.run.padded(columns.size))
            d = buffers[columns.size][: span.stop - span.start, columns.start : columns.stop]
            self.run.library.multiply(d, stacked, self.array[span, : self.units], not fresh)
            fresh = False

    def result(self) -> Array | None:
        return self.array[:, : self.units] if self.needed else None
