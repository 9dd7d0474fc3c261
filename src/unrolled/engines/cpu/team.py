"""Threads that share one job, step by step, in a kernel that is being written.

Comes in: the word that holds the address of the team's flags (0: there is no team), and the
kernel's two numbers. Goes out: which panels are this member's, and a barrier; next: `emit`.

Each member has a flag in a cache line of its own, and counts in it the barriers that it has come
to; it goes on when all the others have counted as far. Nobody else writes a flag, and the counts
only grow, so flags need no reset between one launch and the next. Who waits long lets other
threads run: there may be more threads than cores.
"""

from __future__ import annotations

from llvmlite import ir

from unrolled.engines.cpu.loops import loop
from unrolled.engines.cpu.target import Target
from unrolled.engines.cpu.tiles import I64, VOID

MEMBERS = 16  # at most
LINE = 64  # bytes of a flag
PATIENCE = 2000  # looks at a flag, some tens of microseconds, before another thread may run


class Team:
    """The members of one call of a kernel; alone, this is the only one."""

    def __init__(
        self, builder: ir.IRBuilder, flags: ir.Value, member: ir.Value, members: ir.Value,
        target: Target,
    ) -> None:  # fmt: skip
        self.builder, self.flags, self.target = builder, flags, target
        self.is_team = builder.icmp_signed("!=", flags, I64(0))
        self.member = builder.select(self.is_team, member, I64(0))
        self.members = builder.select(self.is_team, members, I64(1))
        self.is_first = builder.icmp_signed("==", self.member, I64(0))
        self.is_many = builder.icmp_signed(">", self.members, I64(1))
        self.count = builder.alloca(I64)
        builder.store(I64(0), self.count)
        with builder.if_then(self.is_team):
            builder.store(self._flag(self.member), self.count)

    def jobs(self, first: ir.Value, last: ir.Value) -> tuple[ir.Value, ir.Value]:
        """A team has one job; without it, the two numbers are bounds."""
        builder = self.builder
        return (
            builder.select(self.is_team, I64(0), first),
            builder.select(self.is_team, I64(1), last),
        )

    def share(self, count: ir.Value) -> tuple[ir.Value, ir.Value]:
        """This member's part of so many: from, to before."""
        builder = self.builder
        begin = builder.sdiv(builder.mul(count, self.member), self.members)
        next_ = builder.add(self.member, I64(1))
        return begin, builder.sdiv(builder.mul(count, next_), self.members)

    def wait(self) -> None:
        """Until every member has come here as often as this one."""
        builder = self.builder
        with builder.if_then(self.is_many):
            count = builder.add(builder.load(self.count, typ=I64), I64(1))
            builder.store(count, self.count)
            builder.store_atomic(count, self._pointer(self.member), "release", 8)
            with loop(builder, I64(0), self.members) as other:
                self._wait_for(other, count)

    def _wait_for(self, other: ir.Value, count: ir.Value) -> None:
        builder = self.builder
        before = builder.block
        look = builder.append_basic_block("look")
        again = builder.append_basic_block("again")
        long = builder.append_basic_block("long")
        come = builder.append_basic_block("come")
        builder.branch(look)
        builder.position_at_end(look)
        looks = builder.phi(I64)
        looks.add_incoming(I64(0), before)
        builder.cbranch(builder.icmp_signed("<", self._flag(other), count), again, come)
        builder.position_at_end(again)
        self._rest()
        more = builder.add(looks, I64(1))
        looks.add_incoming(more, again)
        builder.cbranch(builder.icmp_signed("<", more, I64(PATIENCE)), look, long)
        builder.position_at_end(long)
        if "windows" not in self.target.triple:
            builder.call(self._declared("sched_yield", ir.IntType(32)), [])
        looks.add_incoming(I64(0), long)
        builder.branch(look)
        builder.position_at_end(come)

    def _rest(self) -> None:
        """Tell the processor that this is a wait."""
        if self.target.triple.startswith("x86_64"):
            self.builder.call(self._declared("llvm.x86.sse2.pause", VOID), [])
        elif self.target.triple.startswith(("aarch64", "arm64")):
            number = ir.IntType(32)
            hint = self._declared("llvm.aarch64.hint", VOID, number)
            self.builder.call(hint, [number(1)])

    def _declared(self, name: str, result: ir.Type, *arguments: ir.Type) -> ir.Function:
        module = self.builder.module
        found = module.globals.get(name)
        return found or ir.Function(module, ir.FunctionType(result, arguments), name)

    def _flag(self, member: ir.Value) -> ir.Value:
        return self.builder.load_atomic(self._pointer(member), "acquire", 8, typ=I64)

    def _pointer(self, member: ir.Value) -> ir.Value:
        at = self.builder.add(self.flags, self.builder.mul(member, I64(LINE)))
        return self.builder.inttoptr(at, I64.as_pointer())
