"""Layers one above the other, one time step at a time. In: a recurrence for each, a number of
sequences. Out: `Stepper`; next: the streams of `layers`.

Everything that the kernels need is laid out once: packed weights, scratch, and two rows for each
state, as if the sequence had two steps and began again after them. A step is one call of compiled
code (`machine/steps`), on the thread it is called on; the top layer's kernel stores its output once
more, for the user.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping, Sequence

from unrolled.engines.cpu.call.bind import Bound
from unrolled.engines.cpu.call.call import Buffer, Owner
from unrolled.engines.cpu.half import Half
from unrolled.engines.cpu.machine.steps import Shared, Steps, step
from unrolled.engines.cpu.recurrence import ForwardTemplate, Recurrence
from unrolled.engines.engine import Array
from unrolled.engines.plan.schedule import dense_schedule


class Stepper:
    """`x`: the input, rows of `x_width` numbers, whole vectors where the kernel reads it so. `y`:
    the output of the last step, rows of whole vectors. `states[layer][name][turn]`: two rows for
    each sequence. `named[name][turn]`: the inputs beside the first, which every layer reads; twice
    the same."""

    def __init__(self, layers: Sequence[Recurrence | Half], inputs: int, batch: int) -> None:
        self.layers, self.batch = layers, batch
        self.recurrences = [layer.wide if isinstance(layer, Half) else layer for layer in layers]
        library, sizes = self.recurrences[0].library, self.recurrences[0].sizes
        self._library, lanes = library, sizes.lanes
        self.widths = {name: sizes.whole(units) for name, units in sizes.states.items()}
        self.first = sizes.output
        self.states: Sequence[Mapping[str, Array]] = [
            {name: library.zeros(2, batch, width) for name, width in self.widths.items()}
            for _ in layers
        ]
        others = list(sizes.inputs)[1:]
        self.named: Mapping[str, Array] = {
            name: library.zeros(2, batch, sizes.padded(sizes.step.inputs[name][0]))
            for name in others
        }
        by_unit = self.recurrences[0].reads_input_by_unit or bool(others)
        self.x = library.zeros(batch, sizes.whole(inputs) if by_unit else inputs)
        self.is_widened = by_unit and inputs % lanes != 0
        self.y = library.zeros(batch, self.widths[self.first])
        self._schedule = dense_schedule(2, batch, 1)
        self.run: Callable[[int, int], None] = step()

    def prepare(self, weights: Sequence[Sequence[Array]]) -> None:
        """Pack the weights of every layer, and lay out every kernel's words."""
        weights = [*map(self._contiguous, self.layers, weights)]
        self._kept: list[object] = [weights]  # single numbers are read where they are
        kernels: list[tuple[int, int, int]] = []
        nobody = ctypes.c_int64()
        unread = ctypes.addressof(nobody)
        self._kept.append(nobody)
        shared: dict[str, int] = {}
        self.packed = 0  # bytes of weights, which every step reads
        for layer, recurrence in enumerate(self.recurrences):
            is_top = layer == len(self.recurrences) - 1
            below = self.x if layer == 0 else self.states[layer - 1][self.first]
            record = (self.first,) if is_top else ()
            made = recurrence.stream_call(below.shape[-1], record)
            bound = made.template.on(self._schedule, 1)
            words = self._filled(layer, made, bound, weights[layer], below)
            launch = next(
                one for one in bound.all.each if one.function == made.template.kernel.address
            )
            position = made.template.kernel.words.position
            at = {name: words + launch.arguments + 8 * n for name, n in position.items()}
            ctypes.c_int64.from_address(at["steps"]).value = 1
            self._beside(made, at, below.shape[-1])
            kernels.append((launch.function, words + launch.arguments, at["first"]))
            if layer == 0:
                first = next(iter(made.call.made.inputs))
                shared["x"] = at.get(f"at {first}", unread)
            if is_top:
                shared["y"] = at[f"at record {self.first}"]
        pointer, size = self._library.pointer, self._library.bits // 8
        x = Shared(shared["x"], self.batch * self.x.shape[-1] * size)
        y = Shared(shared["y"], self.batch * self.y.shape[-1] * size)
        self.steps = Steps(x, y, pointer(self.y), kernels)
        self.address, self.own = self.steps.address, pointer(self.x)

    @property
    def turn(self) -> int:
        """Which of the two steps is next."""
        return self.steps.turn

    @turn.setter
    def turn(self, turn: int) -> None:
        self.steps.turn = turn

    def _contiguous(self, layer: Recurrence | Half, weights: Sequence[Array]) -> list[Array]:
        """As the kernels take them: in float32, but for matrices of bfloat16."""
        given = layer.given(weights) if isinstance(layer, Half) else weights
        return [*map(self._library.contiguous, given)]

    def _beside(self, made: ForwardTemplate, at: Mapping[str, int], width: int) -> None:
        """Several inputs lie in buffers of their own here, and not in one row."""
        if not self.named:
            return
        first, *others = made.call.made.inputs
        rows = {first: width} | {name: self.named[name].shape[-1] for name in others}
        for name, stride in rows.items():
            if f"stride {name}" in at:
                ctypes.c_int64.from_address(at[f"stride {name}"]).value = stride
        for name in others:
            if f"at {name}" in at:
                address = self._library.pointer(self.named[name])
                ctypes.c_int64.from_address(at[f"at {name}"]).value = address

    def _filled(
        self,
        layer: int,
        made: ForwardTemplate,
        bound: Bound,
        weights: Sequence[Array],
        below: Array,
    ) -> int:
        """The address of a layer's words, when its weights are packed."""
        library, call = self._library, made.call
        pointer = library.pointer
        self.packed += library.bits // 8 * sum(bound.packed)
        lease = library.lease(bound.room)
        self._kept.append(lease)
        *leased, words = lease.addresses
        own: dict[Buffer, int] = dict(
            zip(call.call.owned(Owner.PASSING, Owner.PACKED), leased, strict=True)
        )
        own |= zip(call.call.owned(Owner.GIVEN), map(pointer, weights), strict=False)
        own[call.x] = pointer(below)
        for name, rows in self.states[layer].items():
            own |= {call.states[name]: pointer(rows[0]), call.starts[name]: pointer(rows[1])}
        for buffer in call.records:
            own[buffer] = pointer(self.y)
        addresses = [own.get(buffer, 0) for buffer in call.call.owned(*Owner)]
        library.parallel(bound.pack, words, *addresses)
        return words
