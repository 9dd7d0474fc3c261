"""A sequence backward. In: a `Run`, what forward left, derivatives by outputs and final states.
Out: `Gradients`; next: the autograd function of `layers`, or the textbook.

Chunk by chunk from the end: the kernel stores, for every token, the derivatives that stand left in
an outer product (`d_net_i`); then the gradients of the matrices, and of the input, are products over
the whole chunk.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from unrolled.engines import directions
from unrolled.engines.cpu.arrays import Array
from unrolled.engines.cpu.forward import Left
from unrolled.engines.cpu.run import Run
from unrolled.engines.cpu.schedule import token_rows
from unrolled.engines.directions import Outer
from unrolled.engines.plan import Kind, Place
from unrolled.equations.nodes import ONE


@dataclass
class Gradients:
    """By the input (tokens, I), the initial states (rows, n) and the step's weights. `stacks` holds
    those of matrices that were computed together, one above the other."""

    inputs: Array | None
    states: tuple[Array, ...]
    weights: dict[str, Array]
    stacks: dict[tuple[str, ...], Array]


def backward(
    run: Run, left: Left, d_outputs: Array, d_finals: Sequence[Array], *, need_input: bool
) -> Gradients:
    """d_outputs: (tokens, n); d_finals: (rows, n) each."""
    made, kernel = run.program.backward
    library, schedule = run.library, run.schedule
    call = run.call(kernel)
    run.place_input(call, left.xs)
    for name, array in left.states.items():
        call.place(f"state {name}", array, array.shape[1])
        call.place(f"initial {name}", left.initial[name], array.shape[1])
    for name, array in left.kept.items():
        call.place(name, array, left.stride(name))
    d_ys = run.wide(d_outputs, left.outputs.shape[1])
    call.place("d output", d_ys, d_ys.shape[1])
    turns: list[tuple[Array, Array]] = []
    for (name, shape), d in zip(run.states.items(), d_finals, strict=True):
        width = run.padded(shape[0])
        turns.append((library.widen(d, width), library.widen(d, width)))
        for number, array in enumerate(turns[-1]):
            call.place(f"turn {name} {number}", array, width)
    added = {}
    for name, place in made.added.items():
        width = 1 if place.size == ONE else run.padded(place.size)
        added[name] = library.zeros(schedule.jobs, width)
        call.place(place.name, added[name], width)
    inputs = _Inputs(run, made, left.xs, need_input)
    if made.d_input is not None:
        call.place(made.d_input.name, inputs.array, inputs.array.shape[1])
    layout = _LeftColumns(made, run)
    matrices = _Matrices(run, made.outers, layout, left)
    chunks = run.chunks(layout.width)
    most = run.most_tokens(chunks)
    buffers = {size: library.empty(most, width) for size, width in layout.widths.items()}
    for first, last in reversed(chunks):
        span = schedule.span(first, last)
        for name, (size, column) in layout.places.items():
            call.place(name, buffers[size][:, column:], layout.widths[size], span.start)
        call.run(first, last)
        layout.clear_padding(buffers, run)
        matrices.add(buffers, first, last)
        inputs.add(buffers, layout, span)
    weights = matrices.weights()
    for name, total in added.items():
        weights[name] = _total(run, name, total)
    after = 1 if schedule.steps else 0
    states = tuple(
        pair[after][:, : run.sizes[shape[0]]]
        for pair, shape in zip(turns, run.states.values(), strict=True)
    )
    return Gradients(inputs.result(), states, weights, matrices.stacks())


def _total(run: Run, name: str, parts: Array) -> Array:
    """Sum over the jobs, and for a single number over the units too."""
    shape = run.program.lowered.step.weights[name]
    return parts.sum() if shape == () else parts.sum(0)[: run.sizes[shape[0]]]


class _LeftColumns:
    """Where the left sides lie: one buffer a size, ordered so that those that meet the same right
    side stand side by side."""

    def __init__(self, made: directions.Backward, run: Run) -> None:
        rights = list(dict.fromkeys(outer.right for outer in made.outers))
        lefts: dict[Place, set[Place]] = {}
        for outer in made.outers:
            lefts.setdefault(outer.left, set()).add(outer.right)
        for place, _ in made.inner:
            lefts.setdefault(place, set())
        # input only, input and state, state only: both groups are then without a gap
        order = sorted(
            lefts, key=lambda left: [(r in lefts[left]) != (r is rights[0]) for r in rights]
        )
        self.places: dict[str, tuple[str, int]] = {}
        self.widths: dict[str, int] = {}
        for place in order:
            column = self.widths.get(place.size, 0)
            self.places[place.name] = (place.size, column)
            self.widths[place.size] = column + run.padded(place.size)

    @property
    def width(self) -> int:
        return sum(self.widths.values())

    def runs(self, pairs: Iterable[tuple[Place, str]], run: Run) -> list[_Columns]:
        """Group (left side, matrix) pairs whose left sides stand side by side."""
        result: list[_Columns] = []
        for left, matrix in sorted(pairs, key=lambda pair: self.places[pair[0].name]):
            size, column = self.places[left.name]
            width = run.padded(size)
            last = result[-1] if result else None
            if last is not None and (last.size, last.stop) == (size, column):
                last.matrices.append(matrix)
                last.stop += width
            else:
                result.append(_Columns(size, column, column + width, [matrix]))
        return result

    def clear_padding(self, buffers: dict[str, Array], run: Run) -> None:
        """A left side's padding is read by the products, and must not be what happened to be."""
        for size, buffer in buffers.items():
            units, width = run.sizes[size], run.padded(size)
            if units != width:
                buffer.reshape(len(buffer), -1, width)[:, :, units:] = 0


@dataclass
class _Columns:
    size: str
    start: int
    stop: int
    matrices: list[str]


class _Matrices:
    """The gradients of matrices: for each right side, the products with the left sides."""

    def __init__(self, run: Run, outers: Sequence[Outer], layout: _LeftColumns, left: Left) -> None:
        self.run, self.left = run, left
        rights: dict[Place, list[tuple[Place, str]]] = {}
        for outer in outers:
            rights.setdefault(outer.right, []).append((outer.left, outer.matrix))
        self.sums: list[tuple[Place, _Columns, Array]] = []
        for right, pairs in rights.items():
            length = run.sizes[right.size] if right.name != run.input_name else left.xs.shape[1]
            for columns in layout.runs(pairs, run):
                total = run.library.zeros(columns.stop - columns.start, length)
                self.sums.append((right, columns, total))

    def _source(self, right: Place) -> Array:
        if right.name == self.run.input_name:
            return self.left.xs
        if right.kind is Kind.BEFORE:
            return self.left.states[right.name]
        return self.left.kept.get(right.name, self.left.states.get(right.name[6:]))

    def add(self, buffers: dict[str, Array], first: int, last: int) -> None:
        begin = self.run.schedule.span(first, last).start
        for right, columns, total in self.sums:
            buffer, length = buffers[columns.size], total.shape[1]
            for tokens, operand in self._operands(right, first, last):
                rows = slice(tokens.start - begin, tokens.stop - begin)
                d = buffer[rows, columns.start : columns.stop]
                self.run.library.multiply(d.T, operand[:, :length], total, True)

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
            tuple(columns.matrices): total
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

    def add(self, buffers: dict[str, Array], layout: _LeftColumns, span: slice) -> None:
        if not self.needed:
            return
        fresh = self.made.d_input is None
        for columns in layout.runs(self.made.inner, self.run):
            stacked = self.run.weights.stack(tuple(columns.matrices), self.run.padded(columns.size))
            d = buffers[columns.size][: span.stop - span.start, columns.start : columns.stop]
            self.run.library.multiply(d, stacked, self.array[span, : self.units], not fresh)
            fresh = False

    def result(self) -> Array | None:
        return self.array[:, : self.units] if self.needed else None
