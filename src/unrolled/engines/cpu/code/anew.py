"""Code for steps before which states are reset. In: a kernel that is being written, where it
stands. Out: code around a step; next: `emit`.

A step with no reset among the rows of its job runs as usual. Before a step with resets, the old
states are copied to separate rows, with the initial values in the rows that are reset, and the step
reads them there. After such a step of the backward kernel, the derivatives for the previous step
are cleared in these rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from llvmlite import ir

from unrolled.engines.cpu.code import halves
from unrolled.engines.cpu.code.arguments import StepPlace
from unrolled.engines.cpu.code.team import Team
from unrolled.engines.cpu.machine.loops import I1, I64, POINTER, loop, parts
from unrolled.engines.plan.plan import Kind, Place, Plan
from unrolled.equations.nodes import ONE

I8 = ir.IntType(8)
Address = Callable[[Place, StepPlace, ir.Value, ir.Value], ir.Value]


class Anew:
    """`address`: of a place, at a step, for a row and a unit. It stands where a kernel begins."""

    def __init__(
        self, builder: ir.IRBuilder, plan: Plan, vector: ir.VectorType,
        known: Mapping[str, ir.Value], address: Address,
    ) -> None:  # fmt: skip
        self.builder, self.plan, self.vector = builder, plan, vector
        self.known, self.address = known, address
        self.found = builder.alloca(I1)

    def before(self, now: StepPlace, team: Team) -> None:
        """Test the rows of this step, and copy states to where it reads them."""
        builder = self.builder
        builder.store(I1(0), self.found)
        with loop(builder, I64(0), now.rows) as row:
            either = builder.or_(builder.load(self.found, typ=I1), self._is_new(now, row))
            builder.store(either, self.found)
        self.any = builder.load(self.found, typ=I1)
        with builder.if_then(self.any, likely=False):
            self._each_row(now, team, lambda place: place.kind is not Kind.NEXT)
        for place in self.plan.of_kind(Kind.BEFORE):
            if place in self.plan.anew:
                self._turn(place, now)

    def after(self, now: StepPlace, team: Team) -> None:
        """Stop derivatives at a reset."""
        if any(place.kind is Kind.NEXT for place in self.plan.anew):
            with self.builder.if_then(self.any, likely=False):
                self._each_row(now, team, lambda place: place.kind is Kind.NEXT)

    def _is_new(self, now: StepPlace, row: ir.Value) -> ir.Value:
        assert self.plan.reset is not None
        builder, token = self.builder, self.builder.add(now.offset, row)
        at = builder.add(self.known[f"at {self.plan.reset.name}"], token)  # a byte each
        byte = builder.load(builder.inttoptr(at, POINTER), typ=I8)
        return builder.icmp_unsigned("!=", byte, I8(0))

    def _each_row(self, now: StepPlace, team: Team, is_meant: Callable[[Place], bool]) -> None:
        builder = self.builder
        with builder.if_then(team.is_first), loop(builder, I64(0), now.rows) as row:
            is_new = self._is_new(now, row)
            for place in filter(is_meant, self.plan.anew):
                if place.size == ONE:
                    self._start(place, now, row, I64(0), is_new)
                    continue
                lanes = self.vector.count
                panels = parts(builder, self.known[f"size {place.size}"], lanes)
                with loop(builder, I64(0), panels) as panel:
                    self._start(place, now, row, builder.mul(panel, I64(lanes)), is_new)
        team.wait()

    def _start(
        self, place: Place, now: StepPlace, row: ir.Value, unit: ir.Value, is_new: ir.Value
    ) -> None:
        """One vector, or one number."""
        builder = self.builder
        type_ = self.vector.element if place.size == ONE else self.vector
        start = self.plan.anew[place]
        value = ir.Constant(type_, start if place.size == ONE else [start] * type_.count)
        at = self.address(place, now, row, unit)
        if place.kind is not Kind.BEFORE:
            with builder.if_then(is_new):
                builder.store(value, at, align=4)
            return
        if place in now.halved:
            old = halves.load(builder, at, type_, now.halved[place])
        else:
            old = builder.load(at, align=4, typ=type_)
        address, stride = self._own(place, now)
        number = builder.add(builder.mul(row, stride), unit)
        start_of_row = builder.inttoptr(address, POINTER)
        to = builder.gep(start_of_row, [number], source_etype=self.vector.element)
        builder.store(builder.select(is_new, value, old), to, align=4)

    def _own(self, place: Place, now: StepPlace) -> tuple[ir.Value, ir.Value]:
        """Where a state is that may have been reset: its first row, and the stride."""
        builder, name = self.builder, f"anew {place.name}"
        stride = self.known[f"stride {name}"]
        bytes_ = 4 if isinstance(self.vector.element, ir.FloatType) else 8
        distance = builder.mul(builder.mul(now.first_row, stride), I64(bytes_))
        return builder.add(self.known[f"at {name}"], distance), stride

    def _turn(self, place: Place, now: StepPlace) -> None:
        """From here on the step finds this state there, if there is a reset."""
        builder = self.builder
        address, stride = self._own(place, now)
        now.starts[place] = builder.select(self.any, address, now.starts[place])
        now.strides[place] = builder.select(self.any, stride, now.strides[place])
        is_whole = now.halved.get(place)
        if is_whole is not None:
            now.halved[place] = builder.or_(is_whole, self.any)
