"""Threads that share one job, step by step, in a kernel that is being written.

In: the word that holds the address of the team's flags (0: there is no team), and the
kernel's two numbers. Out: which panels are this member's, and a barrier; next: `emit`.

Each member has a flag in its own cache line, in which it counts the barriers that it has reached;
it continues when all others have reached the same count. Only the member writes its flag, and
counts only increase, so flags need no reset between launches.

A waiting member spins on the flag for some microseconds, and then sleeps until the writer of the
flag wakes it (by Linux's futex). So a team makes progress, if slowly, when other processes take its
cores. A word next to the flag says that a member is sleeping. Both sides write first and then read,
in sequentially consistent order, so one of them sees the other; and no sleep is long.
"""

from __future__ import annotations

from llvmlite import ir

from unrolled.engines.cpu.machine.loops import I64, VOID, loop
from unrolled.engines.cpu.machine.target import Target

MEMBERS = 16  # at most
LINE = 64  # bytes of a flag and what stands beside it
PATIENCE = 3000  # looks at a flag before sleeping, some tens of microseconds
NANOSECONDS = 20_000_000  # that a sleep lasts at most
# The number of the system call on Linux, by the processor; WAIT and WAKE within this process.
FUTEX = {"x86_64": 202, "aarch64": 98}
WAIT, WAKE, EVERYBODY = 128, 129, 1 << 30


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
            builder.call(self._barrier(), [self.flags, self.member, self.members, count])

    def _barrier(self) -> ir.Function:
        """`void barrier(flags, member, members, count)`, written once for all stages."""
        module = self.builder.module
        found = module.globals.get("barrier")
        if found is not None:
            return found
        function = ir.Function(module, ir.FunctionType(VOID, [I64] * 4), "barrier")
        function.linkage = "internal"
        function.attributes.add("noinline")
        outside = self.builder, self.flags, self.member
        self.builder = ir.IRBuilder(function.append_basic_block("entry"))
        self.flags, self.member, members, count = function.args
        self.time = self.builder.alloca(ir.ArrayType(I64, 2))
        self.builder.store_atomic(count, self._pointer(self.member), "seq_cst", 8)
        self._wake()
        with loop(self.builder, I64(0), members) as other:
            self._wait_for(other, count)
        self.builder.ret_void()
        self.builder, self.flags, self.member = outside
        return function

    def _wait_for(self, other: ir.Value, count: ir.Value) -> None:
        builder = self.builder
        before = builder.block
        look, again, long, come = (
            builder.append_basic_block(name) for name in ("look", "again", "long", "come")
        )
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
        self._sleep(other, count)
        looks.add_incoming(I64(0), builder.block)
        builder.branch(look)
        builder.position_at_end(come)

    def _sleep(self, other: ir.Value, count: ir.Value) -> None:
        """Until the other member writes its flag."""
        builder, futex = self.builder, self._futex()
        if futex is None:
            return
        builder.store_atomic(I64(1), self._pointer(other, beside=True), "seq_cst", 8)
        seen = self._flag(other)
        with builder.if_then(builder.icmp_signed("<", seen, count)):
            time = ir.Constant(ir.ArrayType(I64, 2), [0, NANOSECONDS])
            builder.store(time, self.time)
            address = builder.ptrtoint(self._pointer(other), I64)
            limit = builder.ptrtoint(self.time, I64)
            low = builder.and_(seen, I64(0xFFFFFFFF))
            builder.call(self._system(), [futex, address, I64(WAIT), low, limit])

    def _wake(self) -> None:
        """Whoever sleeps at this member's flag."""
        builder, futex = self.builder, self._futex()
        if futex is None:
            return
        sleeper = self._pointer(self.member, beside=True)
        asleep = builder.load_atomic(sleeper, "seq_cst", 8, typ=I64)
        with builder.if_then(builder.icmp_signed("!=", asleep, I64(0)), likely=False):
            builder.store_atomic(I64(0), sleeper, "seq_cst", 8)
            address = builder.ptrtoint(self._pointer(self.member), I64)
            builder.call(self._system(), [futex, address, I64(WAKE), I64(EVERYBODY), I64(0)])

    def _futex(self) -> ir.Value | None:
        processor = self.target.triple.partition("-")[0]
        if "linux" not in self.target.triple or processor not in FUTEX:
            return None
        return I64(FUTEX[processor])

    def _system(self) -> ir.Function:
        """`long syscall(long number, ...)`"""
        name, module = "syscall", self.builder.module
        type_ = ir.FunctionType(I64, [I64], var_arg=True)
        return module.globals.get(name) or ir.Function(module, type_, name)

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
        return self.builder.load_atomic(self._pointer(member), "seq_cst", 8, typ=I64)

    def _pointer(self, member: ir.Value, *, beside: bool = False) -> ir.Value:
        at = self.builder.add(self.flags, self.builder.mul(member, I64(LINE)))
        if beside:
            at = self.builder.add(at, I64(8))
        return self.builder.inttoptr(at, I64.as_pointer())
