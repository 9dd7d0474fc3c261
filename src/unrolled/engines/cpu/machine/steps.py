"""One time step through kernels that stand one above the other, as one call.

In: where kernels, their words and two rows for each state lie. Out: `Steps`, which runs a step;
next: the streams of `layers`.

A stream is a sequence of two steps that begins again after them: step 0 starts from the row that
step 1 has left. So a call says in every kernel's words which step it is, and where in front of the
user's rows, which both steps share, such a sequence would begin; then it calls the kernels.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from llvmlite import ir

from unrolled.engines.cpu.machine import jit
from unrolled.engines.cpu.machine.loops import I64, POINTER, VOID, loop
from unrolled.engines.cpu.machine.python_call import BIND, Entry, builtin, word

HEADER, FIELDS = 6, 3
_KERNEL = ir.FunctionType(VOID, [I64, I64, I64])


@dataclass
class Shared:
    """A row of the user's: the word that says where it lies, and how long it is, in bytes."""

    word: int
    bytes: int


class Steps:
    """`kernels`: the function, its words, and the word that says which step it is."""

    def __init__(
        self, input: Shared, output: Shared, to: int, kernels: Sequence[tuple[int, int, int]]
    ) -> None:
        header = [0, input.word, input.bytes, output.word, output.bytes, to]
        flat = [number for kernel in kernels for number in kernel]
        self._table = np.array([*header, len(kernels), *flat], np.int64)
        self.address = int(self._table.ctypes.data)

    @property
    def turn(self) -> int:
        """Which of the two steps is next."""
        return int(self._table[0])

    @turn.setter
    def turn(self, turn: int) -> None:
        self._table[0] = turn


@functools.cache
def step() -> Callable[..., None]:
    """`step(address of the steps, of the input)`, compiled."""
    return builtin(jit.load("steps", _module, ("step", BIND), optimise=False), "step")


def _module() -> ir.Module:
    module = ir.Module("steps")
    entry = Entry(module)
    builder, _, given = entry.begin("step")
    table, x = (word(builder, given, I64(i)) for i in range(2))
    thread = entry.release(builder)
    table = builder.inttoptr(table, POINTER)
    turn, *words, to = (word(builder, table, I64(i)) for i in range(HEADER))
    for address, place, bytes in ((x, *words[:2]), (to, *words[2:])):
        start = builder.sub(address, builder.mul(turn, bytes))
        builder.store(start, builder.inttoptr(place, POINTER))
    with loop(builder, I64(0), word(builder, table, I64(HEADER))) as number:
        at = builder.add(builder.mul(number, I64(FIELDS)), I64(HEADER + 1))
        kernel, arguments, first = (
            word(builder, table, builder.add(at, I64(i))) for i in range(FIELDS)
        )
        builder.store(turn, builder.inttoptr(first, POINTER))
        kernel = builder.inttoptr(kernel, _KERNEL.as_pointer())
        builder.call(kernel, [arguments, I64(0), I64(1)])
    builder.store(builder.sub(I64(1), turn), table)
    entry.resume(builder, thread)
    entry.finish(builder)
    return module
