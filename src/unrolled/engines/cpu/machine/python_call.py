"""Compiled functions that Python calls as its own, with whole numbers.

In: a module that is being written, then its machine code. Out: `Entry`, to write such a function,
and `builtin`, to call it; next: `launches` and `steps`. A call with two numbers takes 0.04
microseconds and one with 24 takes 0.4; by ctypes 0.3 and 2.6 (on a Zen 4), and a step of a stream
has one or two in all.

Only what is stable in Python's C interface is used: a function takes an array of objects
(METH_FASTCALL), reads whole numbers from them and returns None. Where Python's own functions lie is
told when the code is loaded, since the code itself may come from the cache of another process.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable

from llvmlite import ir

from unrolled.engines.cpu.machine import jit
from unrolled.engines.cpu.machine.loops import I64, POINTER, VOID, loop

_FASTCALL = 0x0080
_PYTHON = {
    "PyLong_AsLongLong": ir.FunctionType(I64, [POINTER]),
    "PyErr_Occurred": ir.FunctionType(POINTER, []),
    "PyEval_SaveThread": ir.FunctionType(POINTER, []),
    "PyEval_RestoreThread": ir.FunctionType(VOID, [POINTER]),
    "Py_IncRef": ir.FunctionType(VOID, [POINTER]),
}
BIND = "bind"  # the function that is told where Python's lie, and None


class Entry:
    """Adds to a module what its entries need: a table of Python's functions, and `bind`."""

    def __init__(self, module: ir.Module) -> None:
        self.module = module
        kind = ir.ArrayType(I64, len(_PYTHON) + 1)
        self.table = ir.GlobalVariable(module, kind, "python")
        self.table.linkage, self.table.initializer = "internal", ir.Constant(kind, None)
        bind = ir.Function(module, ir.FunctionType(VOID, [I64] * kind.count), BIND)
        builder = ir.IRBuilder(bind.append_basic_block())
        for number, address in enumerate(bind.args):
            builder.store(address, self._place(builder, number))
        builder.ret_void()

    def begin(self, name: str) -> tuple[ir.IRBuilder, ir.Value, ir.Value]:
        """A function of whole numbers: its builder, how many it was given, and where they are, as
        words."""
        kind = ir.FunctionType(POINTER, [POINTER, POINTER, I64])
        function = ir.Function(self.module, kind, name)
        _, objects, count = function.args
        builder = ir.IRBuilder(function.append_basic_block())
        words = builder.alloca(I64, size=count)
        with loop(builder, I64(0), count) as number:
            given = builder.inttoptr(word(builder, objects, number), POINTER)
            value = self._call(builder, "PyLong_AsLongLong", given)
            builder.store(value, builder.gep(words, [number], source_etype=I64))
        raised = builder.ptrtoint(self._call(builder, "PyErr_Occurred"), I64)
        with builder.if_then(builder.icmp_signed("!=", raised, I64(0)), likely=False):
            builder.ret(ir.Constant(POINTER, None))
        return builder, count, words

    def release(self, builder: ir.IRBuilder) -> ir.Value:
        """Let other Python threads run from here on."""
        return self._call(builder, "PyEval_SaveThread")

    def resume(self, builder: ir.IRBuilder, thread: ir.Value) -> None:
        self._call(builder, "PyEval_RestoreThread", thread)

    def finish(self, builder: ir.IRBuilder) -> None:
        none = builder.load(self._place(builder, len(_PYTHON)), typ=I64)
        none = builder.inttoptr(none, POINTER)
        self._call(builder, "Py_IncRef", none)
        builder.ret(none)

    def _place(self, builder: ir.IRBuilder, number: int) -> ir.Value:
        return builder.gep(self.table, [I64(0), I64(number)])

    def _call(self, builder: ir.IRBuilder, name: str, *arguments: ir.Value) -> ir.Value:
        number = list(_PYTHON).index(name)
        address = builder.load(self._place(builder, number), typ=I64)
        function = builder.inttoptr(address, _PYTHON[name].as_pointer())
        return builder.call(function, arguments)


def word(builder: ir.IRBuilder, words: ir.Value, number: ir.Value) -> ir.Value:
    """One of the words of 64 bits that lie there."""
    return builder.load(builder.gep(words, [number], source_etype=I64), typ=I64)


class _Method(ctypes.Structure):
    """Python's PyMethodDef."""

    _fields_ = [("name", ctypes.c_char_p), ("function", ctypes.c_void_p),
                ("flags", ctypes.c_int), ("doc", ctypes.c_char_p)]  # fmt: skip


_kept: list[object] = []  # a builtin does not hold its method or its code: they stay for ever


def builtin(kernels: jit.Kernels, name: str) -> Callable[..., None]:
    """An entry, as a function of whole numbers."""
    python = [ctypes.cast(getattr(ctypes.pythonapi, f), ctypes.c_void_p).value for f in _PYTHON]
    bind = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * (len(python) + 1))
    bind(kernels.address(BIND))(*python, id(None))
    method = _Method(name.encode(), kernels.address(name), _FASTCALL, None)
    make = ctypes.pythonapi.PyCFunction_NewEx
    make.restype, make.argtypes = ctypes.py_object, [ctypes.c_void_p] * 3
    _kept.extend((method, kernels))
    made: Callable[..., None] = make(ctypes.addressof(method), None, None)
    return made
