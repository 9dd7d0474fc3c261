"""Running a kernel on several threads.

In: `Launches`, each a kernel `void kernel(void *arguments, int64 begin, int64 end)`, how many
jobs it has, and on how many threads. Out: nothing; when the call returns, every job is done.
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
import multiprocessing
import os
import queue
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from unrolled.engines.cpu.machine.launches import Launches, launch


class Parallel(Protocol):
    """Something that runs launches: with room for their words at this address, and the addresses
    that these are made of."""

    def __call__(self, launches: Launches, words: int, /, *addresses: int) -> None: ...


Kernel = Callable[[int, int, int], None]
_KERNEL = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)


def choose() -> Parallel:
    """The runtime to use in this process as it now is: torch's OpenMP, or threads of our own."""
    return pool_parallel if openmp() is None else openmp_parallel


def openmp_parallel(launches: Launches, words: int, /, *addresses: int) -> None:
    """Run the pieces on the threads of the OpenMP runtime that this process has loaded."""
    if launches.is_single:
        launch()(0, launches.address, words, *addresses)
        return
    runtime = openmp()
    if runtime is None or _forked():
        pool_parallel(launches, words, *addresses)
    else:
        launch()(runtime.address, launches.address, words, *addresses)


def pool_parallel(launches: Launches, words: int, /, *addresses: int) -> None:
    """Run the pieces on threads of our own; on this one alone while another caller has them. A team
    has one member here: a thread of ours may begin late, or not at all after Ctrl-C."""
    launch()(0, launches.only_words, words, *addresses)
    for one in launches.each:
        kernel: Kernel = _KERNEL(one.function)
        address, jobs, pieces = words + one.arguments, one.jobs, one.pieces
        if one.is_team:
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


class OpenMP:
    """The entry points of one runtime: `GOMP_parallel` is GCC's name, which LLVM's and Intel's
    runtimes answer to as well; omp_get_thread_num; omp_get_num_threads.
    """

    def __init__(self, *addresses: int) -> None:
        self.addresses = addresses
        self._table = (ctypes.c_int64 * len(addresses))(*addresses)
        self.address = ctypes.addressof(self._table)


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
    return OpenMP(parallel, number, team)


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
