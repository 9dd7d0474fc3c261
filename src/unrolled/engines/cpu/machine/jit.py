"""From LLVM IR to machine code in this process, compiled once and kept on disk.

In: key material that says what the code does, and a callback that writes the IR when it is
needed. Out: `Kernels`, which own the machine code and give its addresses. Next: the caller
hands an address to `threads`, and keeps the `Kernels` for as long as it may be called.

A hit in the cache neither writes, parses nor optimises any IR: the object file is read, checked
and linked. One lock is held wherever LLVM works or frees, and across every fork: llvmlite has a
lock of its own, which a child would otherwise inherit from a thread that it does not have.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import os
import threading
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import llvmlite
import llvmlite.binding as llvm

from unrolled import _version
from unrolled.engines.cpu.machine import cache
from unrolled.engines.cpu.machine.target import Target, host

if TYPE_CHECKING:
    from llvmlite import ir

_CACHE_FORMAT = 1

_lock = threading.RLock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release
    )


P = ParamSpec("P")
R = TypeVar("R")


def _locked(function: Callable[P, R]) -> Callable[P, R]:
    """Hold the lock until the function's own variables are gone, too: LLVM frees what they own."""

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        with _lock:
            return function(*args, **kwargs)

    return call


class Kernels:
    """Machine code in memory, valid for as long as this object lives."""

    @_locked
    def __init__(self, code: bytes, functions: tuple[str, ...]) -> None:
        library = llvm.JITLibraryBuilder().add_object_img(code).add_current_process()
        for name in functions:
            library.export_symbol(name)
        linked = library.link(_linker(), f"kernels {next(_numbers)}")
        self.addresses: Mapping[str, int] = {name: int(linked[name]) for name in functions}
        # At the end of the process nothing is unloaded: another thread may still be running it.
        weakref.finalize(self, _locked(linked.close)).atexit = False

    def address(self, function: str) -> int:
        """Where the function begins."""
        return self.addresses[function]


_loaded: weakref.WeakValueDictionary[str, Kernels] = weakref.WeakValueDictionary()


@_locked
def load(
    key_material: str,
    build: Callable[[], ir.Module],
    functions: tuple[str, ...],
    target: Target | None = None,
    *,
    optimise: bool = True,
) -> Kernels:
    """The compiled functions: from this process, from disk, or from `build()`, in that order.

    `key_material` must say everything on which the IR depends, except what is common to all: the
    target, the versions of unrolled and LLVM, and the source of the engine are added here.
    `optimise=False` is for IR that is written as it should run: LLVM still chooses instructions and
    registers, and compiling takes half as long.
    """
    target = target or host()
    key = _key(f"{key_material} {optimise}", functions, target)
    kernels = _loaded.get(key)
    if kernels is None:
        kernels = _from_disk(key, functions)
        if kernels is None:
            code = object_code(build(), target, functions, optimise=optimise)
            cache.write(key, code)
            kernels = Kernels(code, functions)
        _loaded[key] = kernels
    return kernels


def _from_disk(key: str, functions: tuple[str, ...]) -> Kernels | None:
    """The kernels kept under a key; None where there are none, or none that can be linked."""
    code = cache.read(key)
    if code is None:
        return None
    try:
        return Kernels(code, functions)
    except RuntimeError:  # LLVM's word for an object file that is none, or lacks a function
        return None


@_locked
def object_code(
    module: ir.Module, target: Target, functions: tuple[str, ...] = (), *, optimise: bool = True
) -> bytes:
    """The object file of a module; `functions` are those it must define."""
    parsed, machine = _parsed(module, target, optimise)
    defined = {function.name for function in parsed.functions if not function.is_declaration}
    missing = [name for name in functions if name not in defined]
    if missing:
        raise ValueError(f"the module defines {sorted(defined)}, but not {missing}")
    return bytes(machine.emit_object(parsed))


@_locked
def assembly(module: ir.Module, target: Target) -> str:
    """What the machine would execute, to be read: for this processor or any other."""
    parsed, machine = _parsed(module, target, optimise=True)
    return str(machine.emit_assembly(parsed))


def _parsed(
    module: ir.Module, target: Target, optimise: bool
) -> tuple[llvm.ModuleRef, llvm.TargetMachine]:
    """Parse, check and, unless there is nothing to gain, optimise.

    The passes that guess are off: the emitter has written vectors and unrolled loops where they
    pay, and vectorising or unrolling its loops again costs time to compile and registers to run.
    """
    machine = _machine(target)
    module.triple = target.triple
    module.data_layout = str(machine.target_data)
    parsed = llvm.parse_assembly(str(module))
    parsed.verify()
    if not optimise:
        return parsed, machine
    options = llvm.create_pipeline_tuning_options(speed_level=2)
    options.loop_vectorization = options.slp_vectorization = False
    options.loop_unrolling = options.loop_interleaving = False
    passes = llvm.create_pass_builder(machine, options)
    passes.getModulePassManager().run(parsed, passes)
    return parsed, machine


def _machine(target: Target) -> llvm.TargetMachine:
    _initialize(target == host())
    return llvm.Target.from_triple(target.triple).create_target_machine(
        cpu=target.cpu,
        features=target.features,
        opt=3,
        reloc="pic",
        codemodel="small",
        jit=True,
    )


@functools.cache
def _linker() -> llvm.LLJIT:
    """Links object files into this process, each as one block of memory: code and constants stay
    within reach of the small code model's short addresses.
    """
    _initialize(True)
    return llvm.create_lljit_compiler(use_jit_link=True)


_numbers = itertools.count()  # of a library; its name cannot be used again


@functools.cache
def _initialize(native: bool) -> None:
    if native:
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
    else:
        llvm.initialize_all_targets()
        llvm.initialize_all_asmprinters()


def _key(material: str, functions: tuple[str, ...], target: Target) -> str:
    version = ".".join(map(str, llvm.llvm_version_info))
    parts = (
        f"format {_CACHE_FORMAT}",
        f"unrolled {_version.__version__} {_source_digest()}",
        f"llvmlite {llvmlite.__version__} llvm {version}",
        repr(target),
        repr(functions),
        material,
    )
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


@functools.cache
def _source_digest() -> str:
    """A digest of the source that writes kernels: a version number stays while that is edited."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parents[2].rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()
