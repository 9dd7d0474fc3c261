"""Compiling once, keeping it, and owning what runs."""

import ctypes
import gc
import os
import signal
import subprocess
import sys
import threading
import weakref
from pathlib import Path

import numpy as np
import pytest
from llvmlite import ir

from tests.tolerances import EXACT, assert_agrees
from tests.vector_kernels import map_module
from unrolled.engines.cpu.code import vector_math
from unrolled.engines.cpu.machine import cache, jit
from unrolled.engines.cpu.machine.target import AVX2, AVX512, NEON, host

WORD = ir.IntType(64)


def answer_module(answer: int) -> ir.Module:
    """`int64 answer()`"""
    module = ir.Module("answer")
    function = ir.Function(module, ir.FunctionType(WORD, []), "answer")
    ir.IRBuilder(function.append_basic_block()).ret(ir.Constant(WORD, answer))
    return module


class Build:
    """A callback that counts how often the IR was needed."""

    def __init__(self, answer: int) -> None:
        self.answer, self.calls = answer, 0

    def __call__(self) -> ir.Module:
        self.calls += 1
        return answer_module(self.answer)


def ask(kernels: jit.Kernels) -> int:
    return int(ctypes.CFUNCTYPE(ctypes.c_int64)(kernels.address("answer"))())


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("UNROLLED_CACHE", str(tmp_path))
    monkeypatch.setattr(cache, "_warned", set())
    return tmp_path / "kernels"


def forget() -> None:
    """As a new process would begin: nothing loaded."""
    gc.collect()
    jit._loaded.clear()


def test_first_compiled_then_shared_then_from_disk() -> None:
    build = Build(42)
    first = jit.load("a", build, ("answer",))
    assert ask(first) == 42
    assert jit.load("a", build, ("answer",)) is first
    forget()
    again = jit.load("a", build, ("answer",))
    assert again is not first
    assert (ask(again), ask(first)) == (42, 42)
    assert build.calls == 1


def test_other_material_is_other_code(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = (jit.load(name, Build(n), ("answer",)) for name, n in (("a", 1), ("b", 2)))
    assert (ask(first), ask(second)) == (1, 2)
    forget()
    third = Build(3)
    monkeypatch.setattr(jit._version, "__version__", "9.9.9")
    assert ask(jit.load("a", third, ("answer",))) == 3
    forget()
    fourth = Build(4)
    monkeypatch.setattr(jit, "_source_digest", lambda: "edited")
    assert ask(jit.load("a", fourth, ("answer",))) == 4
    assert (third.calls, fourth.calls) == (1, 1)


def test_code_that_is_not_optimised_is_kept_apart() -> None:
    """A sum that optimisation folds away is the same number, and another object."""

    def build() -> ir.Module:
        module = ir.Module("answer")
        function = ir.Function(module, ir.FunctionType(WORD, []), "answer")
        builder = ir.IRBuilder(function.append_basic_block())
        room = builder.alloca(WORD)
        builder.store(WORD(40), room)
        builder.ret(builder.add(builder.load(room), WORD(2)))
        return module

    plain = jit.object_code(build(), host(), ("answer",), optimise=False)
    short = jit.object_code(build(), host(), ("answer",))
    assert len(plain) > len(short)
    first = jit.load("a", build, ("answer",), optimise=False)
    second = jit.load("a", build, ("answer",))
    assert first is not second
    assert (ask(first), ask(second)) == (42, 42)


def test_the_target_is_part_of_the_key() -> None:
    assert len({jit._key("a", (), target) for target in (AVX2, AVX512, NEON, host())}) >= 3


def test_a_damaged_file_is_compiled_again_and_replaced(place: Path) -> None:
    build = Build(7)
    jit.load("a", build, ("answer",))
    (path,) = place.iterdir()
    whole = path.read_bytes()
    path.write_bytes(whole[:100])
    forget()
    assert ask(jit.load("a", build, ("answer",))) == 7
    assert build.calls == 2
    assert path.read_bytes() == whole


def test_a_folder_that_cannot_be_written_still_compiles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("UNROLLED_CACHE", str(tmp_path / "file"))
    with pytest.warns(cache.CacheWarning, match="every process compiles them again"):
        kernels = jit.load("a", Build(5), ("answer",))
    assert ask(kernels) == 5


def test_a_missing_function_is_an_error_not_a_crash() -> None:
    with pytest.raises(ValueError, match="defines \\['answer'\\], but not \\['question'\\]"):
        jit.load("a", Build(1), ("answer", "question"))


def test_code_lives_as_long_as_its_owner() -> None:
    kernels = jit.load("a", Build(1), ("answer",))
    gone = weakref.ref(kernels)
    assert len(jit._loaded) == 1
    del kernels
    gc.collect()
    assert gone() is None
    assert len(jit._loaded) == 0


def test_threads_that_load_at_once_share_one_compilation() -> None:
    build, found = Build(3), []
    start = threading.Barrier(4)

    def work() -> None:
        start.wait()
        found.append(jit.load("a", build, ("answer",)))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert build.calls == 1
    assert len(set(map(id, found))) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_child_forked_during_a_compilation_compiles_too() -> None:
    program = f"""
import os, sys, threading
sys.path.insert(0, {str(Path(__file__).parents[4])!r})
from tests.vector_kernels import map_module
from unrolled.engines.cpu.machine import jit
from unrolled.engines.cpu.code import vector_math
stop = False
def work():
    n = 0
    while not stop:
        n += 1
        jit.load(f"parent {{n}}", lambda: map_module(vector_math.tanh, 32, 8), ("map",))
thread = threading.Thread(target=work)
thread.start()
for n in range(5):
    child = os.fork()
    if child == 0:
        jit.load(f"child {{n}}", lambda: map_module(vector_math.exp, 32, 8), ("map",))
        os._exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
stop = True
thread.join()
"""
    process = subprocess.Popen([sys.executable, "-c", program], start_new_session=True)
    try:
        assert process.wait(timeout=60) == 0
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)  # a child that hangs outlives its parent
        raise


def test_large_constants_and_library_calls_link() -> None:
    """A loop that LLVM turns into memset, and a table of constants far from the code."""
    module = ir.Module("fill")
    pointer = ir.IntType(8).as_pointer()
    fill = ir.Function(module, ir.FunctionType(ir.VoidType(), [pointer, WORD]), "fill")
    builder = ir.IRBuilder(fill.append_basic_block())
    signature = ir.FunctionType(ir.VoidType(), [pointer, ir.IntType(8), WORD, ir.IntType(1)])
    memset = ir.Function(module, signature, "llvm.memset.p0.i64")
    builder.call(memset, [fill.args[0], ir.IntType(8)(9), fill.args[1], ir.IntType(1)(0)])
    builder.ret_void()
    kernels = jit.load("fill", lambda: module, ("fill",))
    data = np.zeros(1000, np.uint8)
    call = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64)(kernels.address("fill"))
    call(data.ctypes.data, 900)
    assert_agrees(data, np.repeat(np.uint8([9, 0]), [900, 100]), tolerance=EXACT)


@pytest.mark.parametrize(
    ("target", "register", "instruction"),
    [(AVX2, "%ymm", "vfmadd"), (AVX512, "%zmm", "vfmadd"), (NEON, ".4s", "fmla")],
)
def test_assembly_uses_the_whole_vector(target: object, register: str, instruction: str) -> None:
    text = jit.assembly(map_module(vector_math.tanh, 32, target.lanes(32)), target)  # type: ignore[attr-defined]
    body = text[text.index(".LBB0_1:") :]
    assert body.count(register) > 15
    assert instruction in body
    assert "call" not in body
    assert "\tbl\t" not in body
