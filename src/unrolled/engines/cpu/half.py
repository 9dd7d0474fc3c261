"""Steps on arrays of 16-bit numbers. In: a `Recurrence` in float32. Out: `Half`, the same for
bfloat16 or float16; next: the autograd function of `layers`.

Numbers are stored in 16 bits and computed in float32. Inputs are widened, which is exact; products
are accumulated, pointwise operations computed and states passed from step to step in float32;
results are rounded once, to nearest even.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from unrolled.engines.cpu.machine.arrays import Library
from unrolled.engines.cpu.recurrence import Left, Recurrence
from unrolled.engines.engine import Array, BackwardResults, ForwardResults, Packs, Sources
from unrolled.engines.plan.lower import Lowered
from unrolled.engines.plan.schedule import Schedule

WEIGHTS = "widened weights"  # among the packs that calls share


class Half:
    """A step with all its sizes, on arrays of `dtype`."""

    def __init__(self, wide: Recurrence, dtype: str) -> None:
        self.wide, self.dtype = wide, dtype
        self.sizes = wide.sizes
        self.library: Library = wide.library

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
        results = self.wide.forward(
            schedule, self._weights(weights, packs), self._widened(xs),
            [*map(self._widened, initial)], record,
            keep=keep, packs=packs, room=None if room is None else self._room(room), reset=reset,
        )  # fmt: skip
        outputs = self._narrowed(results.outputs)
        if into is not None:
            into[...] = outputs
            outputs = into
        finals, records = map(self._narrowed, results.finals), map(self._narrowed, results.records)
        return ForwardResults(outputs, [*finals], [*records], results.left)

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
        """As the protocol says; derivatives with respect to weights are sums and stay float32, for
        whoever adds up several calls."""
        found = self.wide.backward(
            schedule, self._weights(weights, packs), self._widened(xs), self._widened(outputs),
            left, self._widened(d_outputs), [*map(self._widened, d_finals)], norms,
            packs=packs, need_input=need_input, need_states=need_states, reuse=reuse, reset=reset,
        )  # fmt: skip
        inputs = None if found.inputs is None else self._narrowed(found.inputs)
        measured = {name: self._narrowed(norm) for name, norm in found.norms.items()}
        return BackwardResults(inputs, [*map(self._narrowed, found.states)], found.arrays, measured)

    def kept(self, record: tuple[str, ...]) -> tuple[int, int, int]:
        """As the protocol says: two of these numbers have room for one of float32."""
        token, row, once = self.wide.kept(record)
        return 2 * token, 2 * row, 2 * once

    def left(self, schedule: Schedule, record: tuple[str, ...], room: Array, width: int) -> Left:
        """As the protocol says."""
        return self.wide.left(schedule, record, self._room(room), width)

    @property
    def origin(self) -> tuple[Lowered, Mapping[str, int], Sources]:
        """As the protocol says."""
        return self.wide.origin

    @property
    def states(self) -> tuple[str, ...]:
        """Their names; the first is the output."""
        return self.wide.states

    def state(self, name: str, outputs: Array, left: Left) -> Array:
        """As `Recurrence.state`."""
        return self._narrowed(self.wide.state(name, self._widened(outputs), left))

    @cached_property
    def tangent(self) -> Half:
        """As `Recurrence.tangent`."""
        return Half(self.wide.tangent, self.dtype)

    def _weights(self, weights: Sequence[Array], packs: Packs | None) -> list[Array]:
        """Widened; once for all calls that share what is packed."""
        if packs is None:
            return self.given(weights)
        if WEIGHTS not in packs:
            packs[WEIGHTS] = self.given(weights)
        found: list[Array] = packs[WEIGHTS]
        return found

    def given(self, weights: Sequence[Array]) -> list[Array]:
        """Arrays as the kernels take them: those of matrices in bfloat16 as they are."""
        return [
            weight if buffer.half else self._widened(weight)
            for weight, buffer in zip(weights, self.sizes.arrays, strict=True)
        ]

    def _widened(self, array: Array | None) -> Any:
        return None if array is None else self.library.converted(array, "float32")

    def _narrowed(self, array: Array) -> Array:
        return self.library.converted(array, self.dtype)

    def _room(self, room: Array) -> Array:
        """The same memory, as numbers of float32."""
        return self.library.seen(room[: len(room) // 2 * 2], "float32")
