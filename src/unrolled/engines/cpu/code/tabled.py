"""A compiled function that processes a table of copies or products for the kernels.

In: how one entry is done. Out: `name(table, first_job, last_job)`; next: `arrange`,
`rows`, `outer`. A table is words of 64 bits: how many jobs share the work, how many entries there
are, what else its header has, and then the fields of entry after entry.
"""

from __future__ import annotations

from llvmlite import ir

from unrolled.engines.cpu.code.tiles import ROWS, STREAMS
from unrolled.engines.cpu.machine.loops import I64, POINTER, VOID, loop
from unrolled.engines.cpu.machine.target import Target


class TabledFunction:
    """Subclasses say what the fields are, and write the code of one entry."""

    fields: tuple[str, ...]
    more_header: tuple[str, ...] = ()

    def __init__(self, result: ir.Module, bits: int, target: Target) -> None:
        self.element = ir.FloatType() if bits == 32 else ir.DoubleType()
        self.lanes = target.lanes(bits)
        self.vector = ir.VectorType(self.element, self.lanes)
        self.zero = ir.Constant(self.vector, [0.0] * self.lanes)
        signature = ir.FunctionType(VOID, [POINTER, I64, I64])
        self.function = ir.Function(result, signature, result.name)
        self.builder = ir.IRBuilder(self.function.append_basic_block("entry"))

    def write(self) -> None:
        """Every entry, for every job of the call."""
        builder = self.builder
        self.table, first, last = self.function.args
        header = ("jobs", "entries", *self.more_header)
        self.header = {name: self._word(I64(n)) for n, name in enumerate(header)}
        entries = self.header["entries"]
        with loop(builder, first, last) as self.job, loop(builder, I64(0), entries) as number:
            at = builder.add(builder.mul(number, I64(len(self.fields))), I64(len(header)))
            self.known = {n: self._word(builder.add(at, I64(i))) for i, n in enumerate(self.fields)}
            self.entry()
        builder.ret_void()

    def entry(self) -> None:
        """The code of one entry: this job's share of it, by the fields in `known`."""
        raise NotImplementedError

    def tile_scratch(self) -> ir.Value:
        """Room for what a tile leaves; to be asked for before any loop."""
        scratch = self.builder.alloca(ir.ArrayType(self.vector, STREAMS * ROWS))
        scratch.align = 64
        return scratch

    def share(self, count: ir.Value) -> tuple[ir.Value, ir.Value]:
        """This job's part of so many: from, to before."""
        builder, jobs = self.builder, self.header["jobs"]
        begin = builder.sdiv(builder.mul(count, self.job), jobs)
        return begin, builder.sdiv(builder.mul(count, builder.add(self.job, I64(1))), jobs)

    def at(self, field: str, number: ir.Value) -> ir.Value:
        """Where this number of the array in a field lies."""
        pointer = self.builder.inttoptr(self.known[field], POINTER)
        return self.builder.gep(pointer, [number], source_etype=self.element)

    def _word(self, number: ir.Value) -> ir.Value:
        at = self.builder.gep(self.table, [number], source_etype=I64)
        return self.builder.load(at, typ=I64)
