"""A step on compiled kernels, over a batch, forward and backward. In: a step's `Program`, sizes.
Out: `Recurrence`; next: the autograd function of `layers`, or the textbook.

A call is found (it was made and laid out when its like was first asked for), memory is leased, and
compiled code does the rest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from unrolled.engines.cpu.call import backward, forward
from unrolled.engines.cpu.call.bind import Bound, Template
from unrolled.engines.cpu.call.call import Call, Owner, Per
from unrolled.engines.cpu.call.sizes import CallSizes
from unrolled.engines.cpu.code import team
from unrolled.engines.cpu.machine.arrays import Library
from unrolled.engines.cpu.machine.launches import Launches
from unrolled.engines.cpu.machine.memory import LINE, Given, Lease, laid_out
from unrolled.engines.cpu.program import WHOLE, Program, Stored, program
from unrolled.engines.engine import Array, BackwardResults, ForwardResults, Packs, Source, Sources
from unrolled.engines.plan.directions import Inputs
from unrolled.engines.plan.lower import Lowered, tangent
from unrolled.engines.plan.schedule import RaggedSchedule, Schedule
from unrolled.equations.tangent import dots

# Up to this many inputs, W x is done in the loop: alone it would only move memory.
INSIDE = 8
# And with this many sequences for each thread: what is read of W then serves enough rows. A few are
# enough where all weights stay in a second-level cache.
ENOUGH_ROWS, FEW_ROWS = 16, 4
CACHE_BYTES = 1 << 20


@dataclass(frozen=True, eq=False)
class ForwardTemplate:
    """A forward call, and how it is laid out."""

    call: forward.ForwardCall
    template: Template


@dataclass(frozen=True, eq=False)
class BackwardTemplate:
    """A backward call, and how it is laid out. `whole`: the caller's arrays that it fills."""

    call: backward.BackwardCall
    template: Template
    whole: frozenset[int]


@dataclass
class Left:
    """What a forward pass leaves for backward: where it lies, and the memory."""

    made: ForwardTemplate
    lease: Lease | Given | None


class Recurrence:
    """A step with all its sizes, and every call of it that was made. `stored`: what is bfloat16; of
    the weights given the arrays of matrices alone, whose gradients are float32 nevertheless."""

    def __init__(
        self, kernels: Program, sizes: Mapping[str, int], sources: Sources, library: Library,
        stored: Stored = WHOLE,
    ) -> None:  # fmt: skip
        self.program, self.library, self.stored = kernels, library, stored
        self.sizes = CallSizes(kernels.narrow, sizes, sources, kernels.lanes, half=stored.weights)
        self.is_small = sum(self.sizes.numbers) * kernels.bits // 8 <= CACHE_BYTES
        self.reads_input_by_unit = kernels.narrow.reads_input_by_unit
        self.has_named = len(self.sizes.inputs) > 1
        self.team = team.MEMBERS * team.LINE * 8 // kernels.bits
        self._calls: dict[tuple[object, ...], Any] = {}
        self._kept: dict[tuple[str, ...], tuple[int, int, int]] = {}

    def forward(
        self,
        schedule: Schedule,
        weights: Sequence[Array],
        xs: Array,
        initial: Sequence[Array | None],
        record: tuple[str, ...] = (),
        *,
        keep: bool = False,
        packs: Packs | None = None,
        into: Array | None = None,
        room: Array | None = None,
        reset: Array | None = None,
    ) -> ForwardResults:
        """As the protocol says."""
        library, sizes, tokens = self.library, self.sizes, xs.shape[:-1]
        pointer = library.pointer
        made = self.forward_call(
            xs.shape[-1], schedule, record, keep=keep, resets=reset is not None
        )
        bound = made.template.on(schedule, library.threads)
        inputs = self._input(xs)
        starts = [None if start is None else library.contiguous(start) for start in initial]
        outputs = library.empty(*tokens, sizes.states[sizes.output]) if into is None else into
        finals = [library.empty(1, schedule.rows, units) for units in sizes.states.values()]
        records = [library.empty(*tokens, buffer.width) for buffer in made.call.records]
        kept: Lease | Given | None = None
        if keep:
            kept = library.lease(bound.kept) if room is None else self._given(bound, room)
        addresses = [*map(pointer, weights), pointer(inputs)]
        addresses += [0 if start is None else pointer(start) for start in starts]
        addresses += [] if reset is None else [pointer(reset)]
        addresses += map(pointer, (outputs, *finals, *records))
        if kept is not None:
            addresses += kept.addresses
        lent = _lend(library, bound, None if packs is None else packs.get(made), packs is not None)
        library.parallel(lent.launches, lent.words, *addresses, *lent.addresses)
        if packs is not None:
            packs[made] = lent.packed  # not before it is filled: another thread may be waiting
        if type(schedule) is RaggedSchedule and schedule.steps:
            _never_begun(schedule, finals, starts)
        for number, place in enumerate(made.call.made.records.values()):
            records[number] = library.contiguous(records[number][..., : sizes.length(place.size)])
        return ForwardResults(outputs, finals, records, Left(made, kept))

    def backward(
        self,
        schedule: Schedule,
        weights: Sequence[Array],
        xs: Array,
        outputs: Array,
        left: Left,
        d_outputs: Array,
        d_finals: Sequence[Array | None],
        norms: tuple[str, ...] = (),
        *,
        packs: Packs | None = None,
        need_input: bool = True,
        need_states: bool = True,
        reuse: Sequence[Array] = (),
        reset: Array | None = None,
    ) -> BackwardResults:
        """As the protocol says."""
        library, sizes = self.library, self.sizes
        assert left.lease is not None, "forward was asked to keep nothing"
        pointer, tokens = library.pointer, xs.shape[:-1]
        made = self._backward_call(
            left.made, schedule, norms, need_input, need_states, reset is not None
        )
        bound = made.template.on(schedule, library.threads)
        measured = {name: library.empty(*tokens, 1) for name in norms}
        d_xs = self._d_inputs(made, xs) if need_input else None
        inputs, d_outputs = self._input(xs), library.contiguous(d_outputs)
        ends = [None if d is None else library.contiguous(d) for d in d_finals]
        sums = self._sums(made, schedule, weights, reuse)
        states = [library.empty(1, schedule.rows, units)
                  for units in (sizes.states.values() if need_states else ())]  # fmt: skip
        addresses = [*map(pointer, (*weights, inputs, outputs, d_outputs))]
        addresses += [0 if d is None else pointer(d) for d in ends]
        addresses += [] if reset is None else [pointer(reset)]
        addresses += map(pointer, measured.values())
        if made.call.d_x is not None:
            addresses.append(pointer(d_xs))
        addresses += map(pointer, (*sums, *states))
        addresses += left.lease.addresses
        lent = _lend(library, bound, None if packs is None else packs.get(made), packs is not None)
        library.parallel(lent.launches, lent.words, *addresses, *lent.addresses)
        if packs is not None:
            packs[made] = lent.packed
        for number in made.call.numbers:
            sums[number] = sums[number].sum().reshape(weights[number].shape)
        inputs = None if d_xs is None else self._narrow(d_xs)
        return BackwardResults(inputs, states, sums, measured)

    def left(self, schedule: Schedule, record: tuple[str, ...], room: Array, width: int) -> Left:
        """As the protocol says."""
        made = self.forward_call(width, schedule, record, keep=True)
        return Left(made, self._given(made.template.on(schedule, self.library.threads), room))

    def kept(self, record: tuple[str, ...]) -> tuple[int, int, int]:
        """As the protocol says: enough for either way in which the input's products are done."""
        found = self._kept.get(record)
        if found is None:
            wide = self._wide(sum(self.sizes.inputs.values()))
            counts = []
            for inside in (False, True):
                made = self.program.forward_plan(inside=inside, record=record, stored=self.stored)
                call = forward.forward_call(made, self.sizes, wide, self.team, keep=True).call
                counts.append(_kept_by(call))
            token, row, more = map(max, zip(*counts, strict=True))
            found = self._kept[record] = token, row, more
        return found

    def _given(self, bound: Bound, room: Array) -> Given:
        _, starts = laid_out(bound.kept)
        end = starts[-1] + bound.kept[-1] if starts else 0
        assert end <= len(room), "the caller's room is smaller than what `kept` has asked for"
        return Given(room, self.library.pointer(room), starts, self.program.bits // 8)

    @property
    def origin(self) -> tuple[Lowered, Mapping[str, int], Sources]:
        """As the protocol says."""
        return self.program.lowered, self.sizes.sizes, self.sizes.sources

    @property
    def states(self) -> tuple[str, ...]:
        """Their names; the first is the output."""
        return tuple(self.sizes.states)

    @cached_property
    def tangent(self) -> Recurrence:
        """The step together with its derivative in a direction. Its inputs are the step's and then
        their derivatives; its states the derivatives and then the step's; its arrays of weights the
        step's and then their derivatives."""
        lowered, dot = self.program.lowered, dots(self.program.lowered.step)
        count = len(self.sizes.arrays)
        sources = dict(self.sizes.sources)
        for name, places in self.sizes.sources.items():
            sources[dot[name]] = tuple(Source(s.array + count, s.row) for s in places)
        return Recurrence(
            program(tangent(lowered), self.program.bits), self.sizes.sizes, sources, self.library,
            self.stored,
        )  # fmt: skip

    def state(self, name: str, outputs: Array, left: Left) -> Array:
        """A state of every token, (tokens, units), while what forward left is there."""
        if name == self.sizes.output:
            return outputs
        assert left.lease is not None, "forward was asked to keep nothing"
        units, tokens = self.sizes.states[name], len(outputs)
        state = left.made.call.states[name]
        number = left.made.call.call.owned(Owner.KEPT).index(state)
        piece = left.lease.piece(number, state.room(tokens))
        if state.half:
            piece = self.library.converted(self.library.seen(piece, "bfloat16"), "float32")
        return piece.reshape(tokens, state.width)[:, :units]

    # -------------------------------------------------------------------------------- calls, once

    def forward_call(
        self, width: int, schedule: Schedule, record: tuple[str, ...] = (), *, keep: bool,
        resets: bool = False,
    ) -> ForwardTemplate:  # fmt: skip
        """The forward call for inputs of this width."""
        return self._forward_call(width, self._is_inside(width, schedule), record, keep, resets)

    def stream_call(self, width: int, record: tuple[str, ...]) -> ForwardTemplate:
        """The forward call of a stream, whose kernel computes everything."""
        return self._forward_call(width, True, record, False)

    def _forward_call(
        self, width: int, inside: bool, record: tuple[str, ...], keep: bool, resets: bool = False
    ) -> ForwardTemplate:
        key = width, inside, record, keep, resets
        found: ForwardTemplate | None = self._calls.get(key)
        if found is None:
            made, kernel = self.program.forward(
                inside=inside, record=record, keep=keep, stored=self.stored, resets=resets
            )
            call = forward.forward_call(made, self.sizes, self._wide(width), self.team, keep=keep)
            found = ForwardTemplate(call, Template(call.call, kernel, self.program.bits))
            self._calls[key] = found
        return found

    def _backward_call(
        self,
        left: ForwardTemplate,
        schedule: Schedule,
        norms: tuple[str, ...],
        need_input: bool,
        need_states: bool,
        resets: bool,
    ) -> BackwardTemplate:
        inputs = Inputs.NONE
        if need_input:
            units = sum(self.sizes.inputs.values())
            inputs = Inputs.INSIDE if self._is_inside(units, schedule) else Inputs.OUTSIDE
        key = left, norms, inputs, need_states, resets
        found: BackwardTemplate | None = self._calls.get(key)
        if found is None:
            made, kernel = self.program.backward(norms, inputs, self.stored, resets=resets)
            call = backward.backward_call(
                made, self.sizes, left.call, self.team, need_states=need_states
            )
            whole = {n for n, count in call.covered.items() if count == self.sizes.numbers[n]}
            template = Template(call.call, kernel, self.program.bits)
            found = self._calls[key] = BackwardTemplate(call, template, frozenset(whole))
        return found

    def _wide(self, width: int) -> int:
        """From one token's input to the next, as the kernels read it."""
        if self.has_named:
            return self.sizes.read_row
        return self.sizes.whole(width) if self.reads_input_by_unit else width

    def _is_inside(self, width: int, schedule: Schedule) -> bool:
        """Whether the kernel computes the input's products, too."""
        enough = FEW_ROWS if self.is_small else ENOUGH_ROWS
        return width <= INSIDE or schedule.tokens >= enough * schedule.jobs * schedule.steps

    # ------------------------------------------------------------------------------------- arrays

    def _input(self, xs: Array) -> Array:
        """The input as the kernels read it: of whole vectors where it is read unit by unit, or
        where there are several."""
        if self.has_named and not self._is_laid_out:
            wide = self.library.zeros(*xs.shape[:-1], self.sizes.read_row)
            for given, lies in self._spans(self.sizes.places):
                wide[..., lies] = xs[..., given]
            return wide
        if not self.has_named and self.reads_input_by_unit and xs.shape[-1] % self.sizes.lanes:
            return self.library.widen(xs, self.sizes.whole(xs.shape[-1]))
        return xs

    def _narrow(self, d_xs: Array) -> Array:
        """The derivative with respect to the input, in the form in which it was given."""
        total = sum(self.sizes.inputs.values())
        spans = [*self._spans(self.sizes.columns)]
        if all(given == lies for given, lies in spans):
            return d_xs[..., :total]
        found = self.library.empty(*d_xs.shape[:-1], total)
        for given, lies in spans:
            found[..., given] = d_xs[..., lies]
        return found

    @cached_property
    def _is_laid_out(self) -> bool:
        """Whether several inputs are given as the kernels read them."""
        return all(given == lies for given, lies in self._spans(self.sizes.places)) and (
            sum(self.sizes.inputs.values()) == self.sizes.read_row
        )

    def _spans(self, places: Mapping[str, int]) -> Iterator[tuple[slice, slice]]:
        """Of each input, the columns where it is given, and where it lies in a row of several."""
        start = 0
        for name, units in self.sizes.inputs.items():
            column = places[name]
            yield slice(start, start + units), slice(column, column + units)
            start += units

    def _d_inputs(self, made: BackwardTemplate, xs: Array) -> Array:
        """Room for the derivative with respect to the input, in whole vectors; zeros if nothing
        depends on it."""
        make = self.library.zeros if made.call.d_x is None else self.library.empty
        return make(*xs.shape[:-1], self.sizes.row)

    def _sums(
        self,
        made: BackwardTemplate,
        schedule: Schedule,
        weights: Sequence[Array],
        reuse: Sequence[Array],
    ) -> list[Array]:
        """Room for the derivatives with respect to the caller's arrays: zeros where nothing will be
        written, for an array may be longer than what depends on it."""
        library, whole = self.library, made.whole if schedule.tokens else ()
        if reuse:
            sums = list(reuse)
        elif len(whole) == len(weights) and not self.stored.weights:
            sums = [*map(library.like, weights)]
        else:
            sums = [
                library.zeros(*array.shape)
                if number not in whole
                else library.empty(*array.shape)
                if self.stored.weights
                else library.like(array)
                for number, array in enumerate(weights)
            ]
        for number, units in made.call.numbers.items():
            sums[number] = library.empty(units)
        return sums


@dataclass
class Lent:
    """What a call launches, where its words go, the memory that it leases, and what holds it."""

    launches: Launches
    words: int
    addresses: list[int]
    room: Lease
    packed: Lease | None


def _lend(library: Library, bound: Bound, packed: Lease | None, is_shared: bool) -> Lent:
    """`packed`: weights that an earlier call has packed; `is_shared`: they serve later ones."""
    if not is_shared:
        room = library.lease(bound.room)
        *leased, words = room.addresses
        return Lent(bound.all, words, leased, room, None)
    launches = bound.all if packed is None else bound.once_packed
    packed = library.lease(bound.packed) if packed is None else packed
    room = library.lease(bound.passing)
    *leased, words = room.addresses
    return Lent(launches, words, leased + packed.addresses, room, packed)


def _kept_by(call: Call) -> tuple[int, int, int]:
    """How many numbers are kept for each token, for each row, and once."""
    kept = call.owned(Owner.KEPT)
    assert {buffer.per for buffer in kept} <= {Per.TOKEN, Per.ROW}
    token, row = (sum(b.room(1) for b in kept if b.per is per) for per in (Per.TOKEN, Per.ROW))
    return token, row, LINE * len(kept)  # each begins at a line of the cache


def _never_begun(
    schedule: RaggedSchedule, finals: Sequence[Array], starts: Sequence[Array | None]
) -> None:
    """Sequences of no steps, beside others, end where they start."""
    empty = schedule.empty_rows
    if len(empty):
        for final, start in zip(finals, starts, strict=True):
            final[:, empty] = 0 if start is None else start[:, empty]
