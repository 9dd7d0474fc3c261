"""The CPU engine: compiled kernels for float32 and float64, and for arrays of bfloat16 and float16,
with which float32 computes. In: a step, sizes. Out: a recurrence; next: the autograd function of
`layers`, or the textbook.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from unrolled.engines.cpu.half import Half
from unrolled.engines.cpu.machine.arrays import Library
from unrolled.engines.cpu.program import Stored, program
from unrolled.engines.cpu.recurrence import Recurrence
from unrolled.engines.cpu.stream import Stepper
from unrolled.engines.engine import Sources
from unrolled.engines.plan.lower import Lowered

# How many bits the numbers have with which a dtype is computed.
BITS = {"float32": 32, "float64": 64, "bfloat16": 32, "float16": 32}
HALVES = ("bfloat16", "float16")
AnyRecurrence = Recurrence | Half


class CPU:
    """`library` gives the memory and the threads for numbers of so many bits."""

    name = "cpu"

    def __init__(self, library: Callable[[int], Library]) -> None:
        self.library = library

    def runs(self, device: str, dtype: str) -> bool:
        """Whether there are kernels for this."""
        return device == "cpu" and dtype in BITS

    def recurrence(
        self, lowered: Lowered, sizes: Mapping[str, int], sources: Sources, dtype: str,
        kept: str = "",
    ) -> AnyRecurrence:  # fmt: skip
        """A step with all its sizes."""
        bits = BITS[dtype]
        stored = Stored(kept == "bfloat16" and bits == 32, dtype == "bfloat16")
        found = Recurrence(program(lowered, bits), sizes, sources, self.library(bits), stored)
        return Half(found, dtype) if dtype in HALVES else found

    def stepper(self, recurrences: Sequence[AnyRecurrence], inputs: int, batch: int) -> Stepper:
        """Layers one above the other, one time step at a time."""
        return Stepper(recurrences, inputs, batch)
