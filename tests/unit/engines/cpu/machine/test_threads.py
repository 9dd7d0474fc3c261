"""Kernels on several threads: every job once, the same pieces on any runtime, after a fork, too."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from llvmlite import ir

from tests.tolerances import EXACT, assert_agrees
from unrolled.engines.cpu.machine import jit, launches, threads

ROOT = Path(__file__).parents[4]
WORD = ir.IntType(64)
SHAPES = [(0, 2), (1, 4), (2, 2), (3, 2), (7, 3), (100, 1), (100, 4), (5, 50), (1000, 16)]


def marking_module() -> ir.Module:
    """`void mark(int64 *table, begin, end)`: row i of the table counts its calls, and keeps the
    bounds with which it was called.
    """
    module = ir.Module("mark")
    signature = ir.FunctionType(ir.VoidType(), [WORD.as_pointer(), WORD, WORD])
    function = ir.Function(module, signature, "mark")
    table, begin, end = function.args
    builder = ir.IRBuilder(function.append_basic_block())
    entry, head = builder.block, builder.append_basic_block()
    body, after = builder.append_basic_block(), builder.append_basic_block()
    builder.branch(head)
    builder.position_at_end(head)
    i = builder.phi(WORD)
    i.add_incoming(begin, entry)
    builder.cbranch(builder.icmp_signed("<", i, end), body, after)
    builder.position_at_end(body)
    row = builder.mul(i, WORD(3))
    count = builder.gep(table, [row])
    builder.store(builder.add(builder.load(count), WORD(1)), count)
    for column, value in ((1, begin), (2, end)):
        builder.store(value, builder.gep(table, [builder.add(row, WORD(column))]))
    i.add_incoming(builder.add(i, WORD(1)), builder.block)
    builder.branch(head)
    builder.position_at_end(after)
    builder.ret_void()
    return module


@pytest.fixture(autouse=True)
def _a_cache_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNROLLED_CACHE", str(tmp_path))


@pytest.fixture(scope="module")
def kernels() -> jit.Kernels:
    return jit.Kernels(jit.object_code(marking_module(), jit.host(), ("mark",)), ("mark",))


def marks(parallel: threads.Parallel, kernels: jit.Kernels, jobs: int, count: int) -> np.ndarray:
    table = np.zeros((jobs, 3), np.int64)
    launch = launches.Launch(kernels.address("mark"), 0, jobs, count)
    parallel(launches.Launches([launch]), table.ctypes.data)
    return table


def expected_marks(jobs: int, count: int) -> np.ndarray:
    pieces = min(jobs, max(count, 1))
    table = np.zeros((jobs, 3), np.int64)
    for i in range(pieces):
        begin, end = jobs * i // pieces, jobs * (i + 1) // pieces
        table[begin:end] = 1, begin, end
    return table


@pytest.mark.parametrize(("jobs", "count"), SHAPES)
@pytest.mark.parametrize("parallel", [threads.openmp_parallel, threads.pool_parallel])
def test_every_job_once_in_the_same_pieces(
    parallel: threads.Parallel, kernels: jit.Kernels, jobs: int, count: int
) -> None:
    for _ in range(3):
        assert_agrees(
            marks(parallel, kernels, jobs, count), expected_marks(jobs, count), tolerance=EXACT
        )


@pytest.mark.parametrize("parallel", [threads.openmp_parallel, threads.pool_parallel])
def test_from_several_python_threads_at_once(
    parallel: threads.Parallel, kernels: jit.Kernels
) -> None:
    wrong: list[int] = []

    def work(jobs: int) -> None:
        expected = expected_marks(jobs, 3)
        for _ in range(200):
            if not np.array_equal(marks(parallel, kernels, jobs, 3), expected):
                wrong.append(jobs)

    callers = [threading.Thread(target=work, args=(jobs,)) for jobs in (5, 50, 500)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(timeout=60)
    assert not any(caller.is_alive() for caller in callers)
    assert wrong == []


@pytest.mark.parametrize("parallel", [threads.openmp_parallel, threads.pool_parallel])
def test_launches_follow_one_another_each_with_its_own_arguments(
    parallel: threads.Parallel, kernels: jit.Kernels
) -> None:
    """The second launch counts in the rows behind the first one's, and the third again there."""
    address, row = kernels.address("mark"), 3 * 8
    table = np.zeros((11, 3), np.int64)
    several = [(0, 4, 2), (4 * row, 7, 1), (4 * row, 7, 3), (0, 0, 2)]
    parallel(
        launches.Launches([launches.Launch(address, *one) for one in several]),
        table.ctypes.data,
    )
    expected = np.concatenate([expected_marks(4, 2), expected_marks(7, 3)])
    expected[4:, 0] = 2
    assert_agrees(table, expected, tolerance=EXACT)


def test_a_team_is_told_who_it_is() -> None:
    """Each member is called once, with its number and how many they are; and where they could not
    wait for one another, there is one."""
    called: list[tuple[int, int]] = []
    kernel = threads._KERNEL(lambda argument, member, members: called.append((member, members)))
    address = ctypes.cast(kernel, ctypes.c_void_p).value
    team = launches.Launches([launches.Launch(address, 0, 3, 3, is_team=True)])
    threads.openmp_parallel(team, 0)
    assert sorted(called) in ([(0, 1)], [(m, 3) for m in range(3)])
    called.clear()
    threads.pool_parallel(team, 0)
    assert called == [(0, 1)]


def test_an_interruption_waits_for_the_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C while a piece runs elsewhere is raised, but only when that piece is done."""
    release, finished = threading.Event(), []

    def kernel(argument: int, begin: int, end: int) -> None:
        if begin == 0:
            raise KeyboardInterrupt
        release.wait(10)
        finished.append(begin)

    threading.Timer(0.05, release.set).start()
    pool = threads._Pool()
    with pytest.raises(KeyboardInterrupt):
        pool.run(kernel, 0, [(0, 1), (1, 2), (2, 3)])
    assert sorted(finished) == [1, 2]
    done: list[int] = []
    pool.run(lambda argument, begin, end: done.append(begin), 0, [(0, 1), (1, 2), (2, 3)])
    assert sorted(done) == [0, 1, 2]


def test_the_choice_follows_what_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "_found", None)
    monkeypatch.setattr(threads, "_candidates", list)
    assert threads.choose() is threads.pool_parallel
    monkeypatch.undo()
    runtime = threads.OpenMP(1, 2, 3)
    monkeypatch.setattr(threads, "_found", runtime)
    assert threads.choose() is threads.openmp_parallel


def run(program: str) -> str:
    """What a program prints in a process of its own, which must end well within a minute."""
    prelude = f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", prelude + program],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        output, errors = process.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)  # a child that hangs outlives its parent
        raise
    assert process.returncode == 0, errors[-3000:]
    return output


COUNT = """
import ctypes, os
import numpy as np
from llvmlite import ir
from unrolled.engines.cpu.machine import jit, launches, threads

def team_module():
    # void note(int64 *flags, begin, end): the address of a local variable, one for each stack
    word = ir.IntType(64)
    module = ir.Module("note")
    signature = ir.FunctionType(ir.VoidType(), [word.as_pointer(), word, word])
    function = ir.Function(module, signature, "note")
    b = ir.IRBuilder(function.append_basic_block())
    local = b.alloca(word)
    b.store(b.ptrtoint(local, word), b.gep(function.args[0], [function.args[1]]))
    b.ret_void()
    return module

kernels = jit.Kernels(jit.object_code(team_module(), jit.host(), ("note",)), ("note",))

def stacks(parallel, count):
    table = np.zeros(count, np.int64)
    launch = launches.Launch(kernels.address("note"), 0, count, count)
    parallel(launches.Launches([launch]), table.ctypes.data)
    assert table.all()
    return len(set(table >> 16))
"""


@pytest.mark.exhaustive
def test_torch_s_own_runtime_is_used_and_no_other_is_loaded() -> None:
    pytest.importorskip("torch")
    program = """
import torch
def runtimes():
    names = ("libgomp", "libiomp", "libomp")
    return {p for p in threads._loaded_libraries() if p.rpartition("/")[2].startswith(names)}
before = runtimes()
torch.set_num_threads(3)
torch.ones(1000, 1000).sum()
assert threads.choose() is threads.openmp_parallel
assert stacks(threads.openmp_parallel, 3) == 3
assert runtimes() == before, runtimes()

class Info(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("base", ctypes.c_void_p),
                ("symbol", ctypes.c_char_p), ("address", ctypes.c_void_p)]
info = Info()
address = threads.openmp().addresses[0]
assert ctypes.CDLL(None).dladdr(ctypes.c_void_p(address), ctypes.byref(info))
print(os.fsdecode(info.name), torch.__path__[0])
"""
    if sys.platform != "linux":
        pytest.skip("how torch brings its OpenMP runtime is known for Linux only")
    library, package = run(COUNT + program).split()
    assert Path(package).parent in Path(library).parents


def test_without_openmp_the_pool_has_threads_of_its_own() -> None:
    program = """
assert threads.openmp() is None
assert threads.choose() is threads.pool_parallel
assert stacks(threads.pool_parallel, 3) == 3
assert stacks(threads.openmp_parallel, 3) == 3
"""
    run(COUNT + program)


FORK = """
def in_child(work):
    child = os.fork()
    if child == 0:
        work()
        os._exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7

def use():
    assert stacks(threads.choose(), 3) == 3
    assert stacks(threads.pool_parallel, 2) == 2

use()
in_child(use)
use()
in_child(lambda: in_child(use))
"""


@pytest.mark.exhaustive
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.parametrize("first", ["", "import torch; torch.ones(1000, 1000).sum()\n"])
def test_a_forked_child_has_threads_of_its_own(first: str) -> None:
    if first:
        pytest.importorskip("torch")
    run(first + COUNT + FORK)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_child_forked_while_the_pool_is_busy_does_not_hang() -> None:
    program = """
import threading
stop = False
def work():
    while not stop:
        stacks(threads.pool_parallel, 3)
caller = threading.Thread(target=work)
caller.start()
for _ in range(20):
    in_child(lambda: stacks(threads.pool_parallel, 3))
stop = True
caller.join()
"""
    run(COUNT + FORK.split("def use")[0] + program)


@pytest.mark.exhaustive
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_multiprocessing_child_that_imports_late_does_not_hang() -> None:
    pytest.importorskip("torch")
    program = f"""
import multiprocessing
import torch
torch.set_num_threads(2)
torch.ones(1000, 1000).sum()

def work():
    exec({COUNT!r}, globals())
    assert stacks(threads.choose(), 2) == 2

process = multiprocessing.get_context("fork").Process(target=work)
process.start()
process.join(30)
assert process.exitcode == 0, process.exitcode
"""
    run(program)


def test_one_thread_is_a_plain_call(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*arguments: object) -> None:
        raise AssertionError("a runtime was asked for")

    monkeypatch.setattr(threads, "openmp", never)
    monkeypatch.setattr(threads, "_pool", never)
    called: list[tuple[int, int]] = []
    kernel = threads._KERNEL(lambda argument, begin, end: called.append((begin, end)))
    address = ctypes.cast(kernel, ctypes.c_void_p).value
    run_on: Callable[..., None]
    for run_on in (threads.openmp_parallel, threads.pool_parallel):
        several = [launches.Launch(address, 0, *n) for n in ((9, 1), (1, 8), (0, 8))]
        run_on(launches.Launches(several), 0)
    assert called == [(0, 9), (0, 1)] * 2
