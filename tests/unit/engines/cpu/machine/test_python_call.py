"""Compiled functions that Python calls with whole numbers."""

import ctypes
import hashlib
import subprocess
import sys
import threading
from collections.abc import Callable

import numpy as np
import pytest
from llvmlite import ir

from tests.tolerances import EXACT, assert_agrees
from unrolled.engines.cpu.machine import jit, launches, threads
from unrolled.engines.cpu.machine.loops import I64, POINTER, loop
from unrolled.engines.cpu.machine.python_call import BIND, Entry, builtin


@pytest.fixture(scope="module")
def total() -> Callable[..., None]:
    """`total(to, ...)`: the sum of all other arguments is stored at the address `to`."""
    module = ir.Module("total")
    entry = Entry(module)
    builder, count, words = entry.begin("total")
    to = builder.inttoptr(builder.load(words), POINTER)
    builder.store(I64(0), to)
    with loop(builder, I64(1), count) as number:
        word = builder.load(builder.gep(words, [number], source_etype=I64), typ=I64)
        builder.store(builder.add(builder.load(to, typ=I64), word), to)
    entry.finish(builder)
    names = ("total", BIND)
    return builtin(jit.Kernels(jit.object_code(module, jit.host(), names), names), "total")


def test_it_is_given_whole_numbers_and_returns_none(total: Callable[..., None]) -> None:
    room = ctypes.c_int64()
    for given in ((), (3,), (1 << 62, -5, 7), tuple(range(100))):
        assert total(ctypes.addressof(room), *given) is None
        assert room.value == sum(given)
    before = sys.getrefcount(None)
    for _ in range(10_000):
        total(ctypes.addressof(room))
    assert abs(sys.getrefcount(None) - before) < 1000
    for wrong in ("1", 1.5, None):
        with pytest.raises(TypeError):
            total(ctypes.addressof(room), wrong)
    with pytest.raises(OverflowError):
        total(ctypes.addressof(room), 1 << 64)


@pytest.mark.parametrize("parallel", [threads.openmp_parallel, threads.pool_parallel])
def test_words_are_numbers_and_addresses_of_the_call(parallel: threads.Parallel) -> None:
    called: list[list[int]] = []

    def read(argument: int, begin: int, end: int) -> None:
        called.append(list((ctypes.c_int64 * 3).from_address(argument)))

    kernel = threads._KERNEL(read)
    address = ctypes.cast(kernel, ctypes.c_void_p).value
    assert address is not None
    words = np.array([[10, 20, 30, 40], [0, 2, 1, 2]])
    several = [launches.Launch(address, 0, 1, 1), launches.Launch(address, 8, 1, 1)]
    room = np.zeros(4, np.int64)
    parallel(launches.Launches(several, words), room.ctypes.data, 100, 1000)
    assert_agrees(room, np.array([10, 1020, 130, 1040]), tolerance=EXACT)
    assert called == [[10, 1020, 130], [1020, 130, 1040]]


def waiting_module() -> ir.Module:
    """`void wait(int64 *words, begin, end)`: until the first word is no longer 0, or for some
    seconds; the second word is then what the first one was."""
    module = ir.Module("wait")
    kind = ir.FunctionType(ir.VoidType(), [I64.as_pointer(), I64, I64])
    function = ir.Function(module, kind, "wait")
    start, again, done = (function.append_basic_block() for _ in range(3))
    builder = ir.IRBuilder(start)
    builder.branch(again)
    builder.position_at_end(again)
    turn = builder.phi(I64)
    turn.add_incoming(I64(0), start)
    turn.add_incoming(builder.add(turn, I64(1)), again)
    word = builder.load_atomic(function.args[0], "acquire", 8)
    is_set = builder.icmp_signed("!=", word, I64(0))
    is_late = builder.icmp_signed(">", turn, I64(1 << 33))
    builder.cbranch(builder.or_(is_set, is_late), done, again)
    builder.position_at_end(done)
    builder.store(word, builder.gep(function.args[0], [I64(1)]))
    builder.ret_void()
    return module


def test_other_threads_run_meanwhile() -> None:
    kernels = jit.Kernels(jit.object_code(waiting_module(), jit.host(), ("wait",)), ("wait",))
    words, begun = (ctypes.c_int64 * 2)(), threading.Event()

    def answer() -> None:
        assert begun.wait(30)
        words[0] = 2

    other = threading.Thread(target=answer)
    other.start()
    alone = launches.Launches([launches.Launch(kernels.address("wait"), 0, 1, 1)])
    threads.openmp_parallel(launches.Launches([]), 0)  # what is loaded at first would take time
    begun.set()
    threads.openmp_parallel(alone, ctypes.addressof(words))
    other.join(30)
    assert list(words) == [2, 2]


DIGEST = """
import hashlib
from unrolled.engines.cpu.machine import jit, launches
from unrolled.engines.cpu.machine.python_call import BIND
code = jit.object_code(launches._module(), jit.host(), ("launch", BIND), optimise=False)
print(hashlib.sha256(code).hexdigest())
"""


def test_where_python_s_functions_lie_is_no_part_of_the_code() -> None:
    """They lie elsewhere in another process, which may take the code from the cache."""
    here = ctypes.cast(ctypes.pythonapi.PyLong_AsLongLong, ctypes.c_void_p).value
    code = jit.object_code(launches._module(), jit.host(), ("launch", BIND), optimise=False)
    assert here is not None
    assert here.to_bytes(8, sys.byteorder) not in code
    done = subprocess.run(
        [sys.executable, "-c", DIGEST], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == hashlib.sha256(code).hexdigest()
