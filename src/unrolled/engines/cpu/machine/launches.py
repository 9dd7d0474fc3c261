"""Compiled functions one after another, each on several threads: what a call of the engine does.

In: `Launch`es, and the words that they will find. Out: `Launches`, tables that `launch` follows,
a compiled function; next: `threads`, which calls it.

    launch(runtime, table, words, ...)      the addresses of three numbers of a runtime, of a table,
                                            and of room for its words; then the addresses of a call

First the words: each is a number of the table plus an address of the call. Then launch after
launch: its jobs in as many pieces as threads, on the runtime, or by a plain call.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from llvmlite import ir
from numpy.typing import NDArray

from unrolled.engines.cpu.machine import jit
from unrolled.engines.cpu.machine.loops import I64, POINTER, least, loop
from unrolled.engines.cpu.machine.python_call import BIND, Entry, builtin, word


class Launch(NamedTuple):
    """A compiled function, where its arguments begin (in bytes from those of all), its jobs, and on
    how many threads they may run.

    A team is other than jobs: its members wait for one another, so all of them must run at the same
    time, and the function is told its member's number and how many there are: perhaps fewer than
    were wished for, and at least one."""

    function: int
    arguments: int
    jobs: int
    threads: int
    is_team: bool = False

    @property
    def pieces(self) -> int:
        return min(self.jobs, self.threads)


HEADER, FIELDS = 3, len(Launch._fields)
NOTHING = np.empty((2, 0), np.int64)


class Launches:
    """One after another, each when the one before is done. Before them, words are filled in: the
    sums of the numbers in `words[0]` and of those of a call's addresses that `words[1]` says; there
    are none where the caller has done it."""

    def __init__(self, launches: Sequence[Launch], words: NDArray[np.int64] = NOTHING) -> None:
        self.each = tuple(launches)
        self.is_single = all(launch.pieces <= 1 for launch in self.each)
        self._words = words  # kept: the tables say where they lie
        fill = (words.ctypes.data, words.shape[1])
        flat = itertools.chain(*self.each)
        self._tables = np.array([*fill, 0, *fill, len(self.each), *flat], np.int64)
        self.only_words = int(self._tables.ctypes.data)
        self.address = self.only_words + HEADER * self._tables.itemsize


@functools.cache
def launch() -> Callable[..., None]:
    """The compiled function."""
    kernels = jit.load("launches", _module, ("launch", BIND), optimise=False)
    return builtin(kernels, "launch")


# What each thread of a parallel region is given: function, arguments, jobs, pieces, whether they
# are a team, and the addresses of two questions: what number it has, and how many they are.
REGION = 7
_CALL = ir.FunctionType(ir.VoidType(), [I64, I64, I64])
_ASK = ir.FunctionType(ir.IntType(32), [])
_THREAD = ir.FunctionType(ir.VoidType(), [POINTER])


def _module() -> ir.Module:
    module = ir.Module("launches")
    region, entry = _region(module), Entry(module)
    builder, _, given = entry.begin("launch")
    room = builder.alloca(I64, size=REGION)
    runtime, table, words = (word(builder, given, I64(i)) for i in range(3))
    thread = entry.release(builder)
    begin = builder.inttoptr(table, POINTER)
    numbers, count, launches = (word(builder, begin, I64(i)) for i in range(HEADER))
    _fill(builder, builder.inttoptr(words, POINTER), numbers, count, given)
    runtime = builder.inttoptr(runtime, POINTER)
    with loop(builder, I64(0), launches) as number:
        at = builder.add(builder.mul(number, I64(FIELDS)), I64(HEADER))
        kernel, offset, jobs, threads, is_team = (
            word(builder, begin, builder.add(at, I64(i))) for i in range(FIELDS)
        )
        arguments, pieces = builder.add(words, offset), least(builder, jobs, threads)
        is_many = builder.icmp_signed(">", pieces, I64(1))
        with builder.if_else(is_many) as (many, one):
            with many:
                parallel, *asks = (word(builder, runtime, I64(i)) for i in range(3))
                for i, value in enumerate((kernel, arguments, jobs, pieces, is_team, *asks)):
                    builder.store(value, builder.gep(room, [I64(i)], source_etype=I64))
                types = [POINTER, POINTER, ir.IntType(32), ir.IntType(32)]
                start = ir.FunctionType(ir.VoidType(), types)
                threads = builder.trunc(pieces, ir.IntType(32))
                parallel = builder.inttoptr(parallel, start.as_pointer())
                builder.call(parallel, [region, room, threads, ir.IntType(32)(0)])
            with one, builder.if_then(builder.icmp_signed(">", jobs, I64(0))):
                alone = builder.inttoptr(kernel, _CALL.as_pointer())
                builder.call(alone, [arguments, I64(0), jobs])
    entry.resume(builder, thread)
    entry.finish(builder)
    return module


def _fill(
    builder: ir.IRBuilder, words: ir.Value, numbers: ir.Value, count: ir.Value, given: ir.Value
) -> None:
    """`numbers` and `which` lie one behind the other. An address stands where the launch's own
    three arguments were followed by it; and the number 2 stands for none, hence the zero."""
    which = builder.inttoptr(builder.add(numbers, builder.mul(count, I64(8))), POINTER)
    numbers = builder.inttoptr(numbers, POINTER)
    builder.store(I64(0), builder.gep(given, [I64(2)], source_etype=I64))
    with loop(builder, I64(0), count) as i:
        address = builder.add(word(builder, which, i), I64(2))
        value = builder.add(word(builder, numbers, i), word(builder, given, address))
        builder.store(value, builder.gep(words, [i], source_etype=I64))


def _region(module: ir.Module) -> ir.Function:
    """`void region(words)`: piece after piece, from this thread's number by that of all threads; or
    once, as a member of a team.

    A runtime may give fewer threads than it was asked for, hence the loop.
    """
    function = ir.Function(module, _THREAD, "region")
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    kernel, arguments, jobs, pieces, is_team, *asks = (
        word(builder, function.args[0], I64(i)) for i in range(REGION)
    )
    mine, threads = (
        builder.sext(builder.call(builder.inttoptr(ask, _ASK.as_pointer()), []), I64)
        for ask in asks
    )
    kernel = builder.inttoptr(kernel, _CALL.as_pointer())
    with builder.if_else(builder.icmp_signed("!=", is_team, I64(0))) as (member, worker):
        with member:
            builder.call(kernel, [arguments, mine, threads])
        with worker:
            left = builder.sub(builder.add(pieces, builder.sub(threads, I64(1))), mine)
            with loop(builder, I64(0), builder.sdiv(left, threads)) as turn:
                piece = builder.add(mine, builder.mul(turn, threads))
                begin = builder.sdiv(builder.mul(jobs, piece), pieces)
                end = builder.sdiv(builder.mul(jobs, builder.add(piece, I64(1))), pieces)
                builder.call(kernel, [arguments, begin, end])
    builder.ret_void()
    return function
