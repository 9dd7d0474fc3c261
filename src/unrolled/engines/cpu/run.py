"""What both directions of a run share: one cell on one batch of sequences.

In: a `Program`, a `Library`, a `Schedule`, sizes, weights. Out: `Run`; next: `forward`, `backward`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from unrolled.engines.cpu.arrays import Array, Library
from unrolled.engines.cpu.call import Call, Weights, padded
from unrolled.engines.cpu.memory import Lease
from unrolled.engines.cpu.program import Kernel, Program
from unrolled.engines.cpu.schedule import Schedule
from unrolled.equations.nodes import Shape

T = TypeVar("T")

# What a chunk's hoisted products, or left sides, may take: the second-level caches of two cores.
CHUNK_BYTES = 2 << 20
# But a product over few tokens would spend its time on reading and writing the gradient it adds to.
LEAST_TOKENS = 2048


@dataclass(frozen=True)
class Run:
    """A cell's kernels, and what they run on."""

    program: Program
    library: Library
    schedule: Schedule
    sizes: Mapping[str, int]
    weights: Weights

    @property
    def lanes(self) -> int:
        return self.program.lanes

    @property
    def states(self) -> dict[str, Shape]:
        return self.program.lowered.step.states

    @property
    def input_name(self) -> str:
        return next(iter(self.program.lowered.step.inputs))

    def padded(self, size: str) -> int:
        """A length rounded up to whole vectors."""
        return padded(self.sizes[size], self.lanes)

    def call(self, kernel: Kernel) -> Call:
        """A call of a kernel that knows its weights and has its scratch."""
        call = Call(kernel, self.library, self.schedule, self.sizes)
        call.weights(self.weights, self.lanes)
        call.scratch(self.sizes, self.lanes)
        return call

    def wide(self, array: Array, width: int) -> Array:
        """Rows of whole vectors, one after another."""
        if array.shape[-1] != width:
            array = self.library.widen(array, width)
        return self.library.contiguous(array)

    def place_input(self, call: Call, xs: Array) -> None:
        """The input as this kernel reads it: of whole vectors where it is read unit by unit."""
        if f"at {self.input_name}" in call.position:
            if self.program.equation.input_is_hidden:
                xs = self.wide(xs, padded(xs.shape[-1], self.lanes))
            call.place(self.input_name, xs, xs.shape[-1])

    def lease(self, leases: list[Lease], rows: int, width: int) -> Array:
        """An array of the engine's own, for as long as somebody holds `leases`."""
        lease = self.library.lease(rows * width)
        leases.append(lease)
        return lease.array[: rows * width].reshape(rows, width)

    def layout(self, made: Any, build: Callable[[], T]) -> T:
        """What follows from a plan and the sizes alone is found once."""
        key = (id(made), tuple(self.sizes.values()))
        if key not in self.program.layouts:
            self.program.layouts[key] = build()
        return cast(T, self.program.layouts[key])

    def chunks(self, columns: int) -> list[tuple[int, int]]:
        """The steps in runs whose buffers of so many columns stay in the cache."""
        tokens = CHUNK_BYTES // (self.library.bits // 8 * max(1, columns))
        return self.schedule.chunks(max(LEAST_TOKENS, tokens))

    def most_tokens(self, chunks: list[tuple[int, int]]) -> int:
        spans = (self.schedule.span(first, last) for first, last in chunks)
        return max((span.stop - span.start for span in spans), default=0)
