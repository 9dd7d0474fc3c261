"""Counted loops in code that is being written. In: a builder and two bounds. Out: the counter, with
the builder standing inside the loop, and behind it afterwards; next: `emit`, and what copies
(`arrange`) and multiplies (`rows`, `outer`) for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from llvmlite import ir

I64, I1, POINTER, VOID = ir.IntType(64), ir.IntType(1), ir.PointerType(), ir.VoidType()


@contextmanager
def loop(builder: ir.IRBuilder, start: ir.Value, stop: ir.Value) -> Iterator[ir.Value]:
    """for i in range(start, stop)"""
    before = builder.block
    head = builder.append_basic_block("head")
    body = builder.append_basic_block("body")
    done = builder.append_basic_block("done")
    builder.branch(head)
    builder.position_at_end(head)
    i = builder.phi(I64)
    i.add_incoming(start, before)
    builder.cbranch(builder.icmp_signed("<", i, stop), body, done)
    builder.position_at_end(body)
    yield i
    i.add_incoming(builder.add(i, I64(1)), builder.block)
    builder.branch(head)
    builder.position_at_end(done)


def parts(builder: ir.IRBuilder, count: ir.Value, most: int) -> ir.Value:
    """How many parts of at most so many there are in a count."""
    return builder.sdiv(builder.add(count, I64(most - 1)), I64(most))


def most(builder: ir.IRBuilder, a: ir.Value, b: ir.Value) -> ir.Value:
    """The larger of two counts."""
    return builder.select(builder.icmp_signed(">", a, b), a, b)


def least(builder: ir.IRBuilder, a: ir.Value, b: ir.Value) -> ir.Value:
    """The smaller of two counts."""
    return builder.select(builder.icmp_signed("<", a, b), a, b)
