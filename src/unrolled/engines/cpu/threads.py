"""Running a kernel on several threads.

Comes in: `Launches`, each a kernel `void kernel(void *arguments, int64 begin, int64 end)`, how many
jobs it has, and on how many threads. Goes out: nothing; when the call returns, every job is done.
Next: the machine code.

The jobs are cut into min(jobs, threads) pieces, and the kernel is called once for each, with the
same bounds whoever runs it: what is computed never depends on how many threads were to be had.

`openmp_parallel` uses the OpenMP runtime that is already in the process, above all torch's: its
threads spin for milliseconds after each of torch's own loops, and a second pool would fight them.
`pool_parallel` keeps a few threads of its own where there is no such runtime.

After a fork the child has none of its parent's threads, and an OpenMP runtime that waits for them
hangs. There, and in all its children, `openmp_parallel` is `pool_parallel`, with new threads.
"""

from __future__ import annotations

import ctypes
import functools
import itertools
import multiprocessing
import os
import queue
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from llvmlite import ir

from unrolled.engines.cpu import jit
from unrolled.engines.cpu.loops import least, loop
from unrolled.engines.cpu.tiles import I64, POINTER


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


FIELDS = len(Launch._fields)


class Launches:
    """One after another, each when the one before is done; also as a table for compiled code."""

    def __init__(self, launches: Sequence[Launch]) -> None:
        self.each = tuple(launches)
        self.is_single = all(launch.pieces <= 1 for launch in self.each)
        self.table = (ctypes.c_int64 * (FIELDS * len(self.each)))(*itertools.chain(*self.each))
        self.address = ctypes.addressof(self.table)


class Parallel(Protocol):
    """Something that runs launches, whose arguments begin at this address."""

    def __call__(self, launches: Launches, arguments: int, /) -> None: ...


Kernel = Callable[[int, int, int], None]
_KERNEL = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
_SEQUENCE = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 6)


def choose() -> Parallel:
    """The runtime to use in this process as it now is: torch's OpenMP, or threads of our own."""
    return pool_parallel if openmp() is None else openmp_parallel


def openmp_parallel(launches: Launches, arguments: int, /) -> None:
    """Run the pieces on the threads of the OpenMP runtime that this process has loaded."""
    if launches.is_single:
        addresses: tuple[int, int, int] = (0, 0, 0)
    else:
        runtime = openmp()
        if runtime is None or _forked():
            pool_parallel(launches, arguments)
            return
        addresses = runtime.addresses
    _sequence()(launches.address, len(launches.each), arguments, *addresses)


def pool_parallel(launches: Launches, arguments: int, /) -> None:
    """Run the pieces on threads of our own; on this one alone while another caller has them. A team
    has one member here: a thread of ours may begin late, or not at all after Ctrl-C."""
    for launch in launches.each:
        kernel: Kernel = _KERNEL(launch.function)
        address, jobs, pieces = arguments + launch.arguments, launch.jobs, launch.pieces
        if launch.is_team:
            kernel(address, 0, 1)
        elif pieces > 1:
            bounds = [(jobs * i // pieces, jobs * (i + 1) // pieces) for i in range(pieces)]
            _pooled(kernel, address, bounds)
        elif jobs > 0:
            kernel(address, 0, jobs)


def _pooled(kernel: Kernel, argument: int, bounds: list[tuple[int, int]]) -> None:
    pool = _pool()
    if pool.free.acquire(blocking=False):
        try:
            pool.run(kernel, argument, bounds)
        finally:
            pool.free.release()
    else:
        for begin, end in bounds:
            kernel(argument, begin, end)


def cores() -> int:
    """On how many this process may run."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


# ---- the OpenMP runtime of the process


@dataclass(frozen=True)
class OpenMP:
    """The entry points of one runtime: `GOMP_parallel` is GCC's name, which LLVM's and Intel's
    runtimes answer to as well.
    """

    addresses: tuple[int, int, int]  # and of omp_get_thread_num and omp_get_num_threads


_found: OpenMP | None = None


def openmp() -> OpenMP | None:
    """The OpenMP runtime in this process that torch calls, if there is one. None is loaded."""
    global _found
    if _found is None:  # a miss is not kept: torch may be imported later
        _found = next(filter(None, map(_entry_points, _candidates())), None)
    return _found


def _candidates() -> list[ctypes.CDLL]:
    """Where to look, in the order in which the loader resolves torch's own calls."""
    if os.name == "nt":
        return []  # Microsoft's and Intel's runtimes there have no GOMP_parallel
    torch = [
        ctypes.CDLL(path, mode=os.RTLD_NOLOAD | os.RTLD_LAZY)
        for path in _loaded_libraries()
        if Path(path).name.startswith("libtorch_cpu.")
    ]
    process = ctypes.CDLL(None)
    # Linux asks the global scope first (a preloaded runtime wins); macOS asks what is linked.
    return [*torch, process] if sys.platform == "darwin" else [process, *torch]


def _entry_points(library: ctypes.CDLL) -> OpenMP | None:
    names = ("GOMP_parallel", "omp_get_thread_num", "omp_get_num_threads")
    if not all(hasattr(library, name) for name in names):
        return None
    found = [ctypes.cast(getattr(library, name), ctypes.c_void_p).value for name in names]
    parallel, number, team = found
    assert parallel is not None
    assert number is not None
    assert team is not None
    return OpenMP((parallel, number, team))


def _loaded_libraries() -> list[str]:
    """The paths of the shared libraries in this process."""
    if sys.platform == "darwin":
        dyld = ctypes.CDLL(None)
        dyld._dyld_get_image_name.restype = ctypes.c_char_p
        names = [dyld._dyld_get_image_name(i) for i in range(dyld._dyld_image_count())]
        return [os.fsdecode(name) for name in names if name]
    maps = Path("/proc/self/maps")
    lines = maps.read_text().splitlines() if maps.exists() else []
    fields = (line.split(maxsplit=5) for line in lines)
    return list(dict.fromkeys(field[5] for field in fields if len(field) == 6))


@functools.cache
def _sequence_kernels() -> jit.Kernels:
    return jit.load("launches", _sequence_module, ("sequence",), optimise=False)


@functools.cache
def _sequence() -> Callable[..., None]:
    return _SEQUENCE(_sequence_kernels().address("sequence"))


# What each thread of a parallel region is given: function, arguments, jobs, pieces, whether they
# are a team, and the addresses of two questions: what number it has, and how many they are.
REGION = 7
_CALL = ir.FunctionType(ir.VoidType(), [I64, I64, I64])
_ASK = ir.FunctionType(ir.IntType(32), [])
_THREAD = ir.FunctionType(ir.VoidType(), [POINTER])


def _sequence_module() -> ir.Module:
    """`void sequence(launches, count, arguments, parallel, thread_number, team_size)`: launch after
    launch, each with its jobs in as many pieces as threads, or by a plain call."""
    module = ir.Module("threads")
    region = _region(module)
    signature = ir.FunctionType(ir.VoidType(), [I64] * 6)
    function = ir.Function(module, signature, "sequence")
    table, count, arguments, parallel, *asks = function.args
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    room = builder.alloca(I64, size=REGION)
    words = builder.inttoptr(table, POINTER)
    with loop(builder, I64(0), count) as launch:
        at = builder.mul(launch, I64(FIELDS))
        kernel, offset, jobs, threads, is_team = (
            _load(builder, words, builder.add(at, I64(i))) for i in range(FIELDS)
        )
        begin, pieces = builder.add(arguments, offset), least(builder, jobs, threads)
        is_many = builder.icmp_signed(">", pieces, I64(1))
        with builder.if_else(is_many) as (many, one):
            with many:
                for i, value in enumerate((kernel, begin, jobs, pieces, is_team, *asks)):
                    place = builder.gep(room, [I64(i)], source_etype=I64)
                    builder.store(value, place)
                types = [POINTER, POINTER, ir.IntType(32), ir.IntType(32)]
                start = ir.FunctionType(ir.VoidType(), types)
                threads = builder.trunc(pieces, ir.IntType(32))
                runtime = builder.inttoptr(parallel, start.as_pointer())
                builder.call(runtime, [region, room, threads, ir.IntType(32)(0)])
            with one, builder.if_then(builder.icmp_signed(">", jobs, I64(0))):
                alone = builder.inttoptr(kernel, _CALL.as_pointer())
                builder.call(alone, [begin, I64(0), jobs])
    builder.ret_void()
    return module


def _region(module: ir.Module) -> ir.Function:
    """`void region(words)`: piece after piece, from this thread's number by that of all threads; or
    once, as a member of a team.

    A runtime may give fewer threads than it was asked for, hence the loop.
    """
    function = ir.Function(module, _THREAD, "region")
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    kernel, arguments, jobs, pieces, is_team, *asks = (
        _load(builder, function.args[0], I64(i)) for i in range(REGION)
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


def _load(builder: ir.IRBuilder, words: ir.Value, number: ir.Value) -> ir.Value:
    return builder.load(builder.gep(words, [number], source_etype=I64), typ=I64)


# ---- threads of our own


class _Task:
    """One piece, and whether it is done."""

    def __init__(self, kernel: Kernel, argument: int, begin: int, end: int) -> None:
        self.kernel, self.arguments = kernel, (argument, begin, end)
        self.finished = False
        self.signal = threading.Lock()
        self.signal.acquire()

    def run(self) -> None:
        self.kernel(*self.arguments)
        self.finished = True
        self.signal.release()

    def wait(self) -> None:
        """Until it is done, even if Ctrl-C is pressed: the kernel writes to memory of the caller,
        who may free it as soon as the interruption reaches him.
        """
        interruption: KeyboardInterrupt | None = None
        while not self.finished:
            try:
                self.signal.acquire()
            except KeyboardInterrupt as pressed:
                interruption = pressed
        if interruption is not None:
            raise interruption


class _Pool:
    """Threads that wait for a task; they are daemons, and never outlive the process."""

    def __init__(self) -> None:
        self.process = os.getpid()
        self.free = threading.Lock()
        self.workers: list[queue.SimpleQueue[_Task]] = []

    def run(self, kernel: Kernel, argument: int, bounds: list[tuple[int, int]]) -> None:
        """Give all pieces but the first away, run the first, wait. Held: `free`."""
        while len(self.workers) < len(bounds) - 1:
            self.workers.append(_start_worker())
        given: list[_Task] = []
        try:
            for worker, (begin, end) in zip(self.workers, bounds[1:]):
                task = _Task(kernel, argument, begin, end)
                worker.put(task)
                given.append(task)
            kernel(argument, *bounds[0])
        finally:
            for task in given:
                task.wait()


def _start_worker() -> queue.SimpleQueue[_Task]:
    tasks: queue.SimpleQueue[_Task] = queue.SimpleQueue()

    def serve() -> None:
        while True:
            tasks.get().run()

    threading.Thread(target=serve, name="unrolled", daemon=True).start()
    return tasks


_current = _Pool()
_started_in = os.getpid()
# A child of `multiprocessing` that was forked before this module was imported is a child, too.
_born_forked = (
    multiprocessing.parent_process() is not None
    and multiprocessing.get_start_method(allow_none=True) == "fork"
)


def _forked() -> bool:
    return _born_forked or os.getpid() != _started_in


def _pool() -> _Pool:
    """This process's threads: a child begins with none, whatever its parent was doing."""
    global _current
    if _current.process != os.getpid():
        _current = _Pool()
    return _current
