"""A plan becomes a kernel. In: a `Plan` and a machine. Out: an LLVM module; next: `jit`.

One call of the kernel runs a range of *jobs* over all time steps it is given. A job is a block of
sequences (rows); jobs never meet, so there is no barrier in a step. For each step and stage:

    for each panel of units (V of them in a vector, a few vectors side by side)
        for each few rows
            accumulators = products of the stage              (calls of `tiles`, into scratch)
            for each row, for each vector of the panel
                values unit by unit, in registers; then stores

The panel stands outside, so its weights stay in the first-level cache while the rows go by. Every
second step takes the panels from the last one on, and finds in the caches what the step before it
read last: from the first one on, it would find what has just been pushed out.

A single job may be shared by a *team*: each member takes some of the panels of every stage, and
they wait for one another before the next one reads what they have left.

All arguments are in one array of 64-bit words, named by `Words`: counts, then an address and a
stride (in numbers) for each place of the plan, then the address of each block's packed weights. The
kernel writes only what the plan stores, in the rows and vectors it was given: every buffer belongs
to the caller. Rows of a place are padded to whole vectors.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

from llvmlite import ir

from unrolled.engines.cpu.code import halves
from unrolled.engines.cpu.code.anew import Anew
from unrolled.engines.cpu.code.arguments import StepPlace, Words, parts, sizes_of
from unrolled.engines.cpu.code.pointwise import Pointwise
from unrolled.engines.cpu.code.team import Team
from unrolled.engines.cpu.code.tiles import ROWS, SIGNATURE, STREAMS, index, most_rows, spread
from unrolled.engines.cpu.code.vector_math import maximum, minimum
from unrolled.engines.cpu.machine.loops import I64, POINTER, VOID, loop
from unrolled.engines.cpu.machine.target import Target
from unrolled.engines.plan.plan import WIDEST, Block, Group, Kind, Place, Plan, Reduction, Stage
from unrolled.equations.nodes import ONE, Node


def panel_width(group: Group) -> int:
    """How many vectors of units a tile takes side by side."""
    return max(1, WIDEST // max(1, len(group.accumulators)))


def write(
    plan: Plan, bits: int, target: Target, *, descending: bool, half: bool = False
) -> ir.Module:
    """The kernel `run(words, first_job, last_job)`, or `run(words, member, members)` for a team;
    steps ascend, or descend for a backward one. With `half` packed weights are pairs of bfloat16.
    """
    module = ir.Module("kernel")
    signature = ir.FunctionType(VOID, [POINTER, I64, I64])
    function = ir.Function(module, signature, "run")
    _Kernel(plan, function, bits, target, descending, half).write()
    return module


class _Kernel:
    def __init__(
        self, plan: Plan, function: ir.Function, bits: int, target: Target, descending: bool,
        half: bool,
    ) -> None:  # fmt: skip
        self.plan, self.half = plan, half
        self.target = target
        self.descending = descending
        self.element = ir.FloatType() if bits == 32 else ir.DoubleType()
        self.bytes = bits // 8
        self.lanes = target.lanes(bits)
        self.vector = ir.VectorType(self.element, self.lanes)
        self.words = Words(plan)
        self.function = function
        self.builder = ir.IRBuilder(function.append_basic_block("entry"))
        self.known: dict[str, ir.Value] = {}
        self.pack_number = {id(block): n for n, (_, block) in enumerate(plan.blocks)}

    def write(self) -> None:
        words, first_job, last_job = self.function.args
        for name, position in self.words.position.items():
            at = self.builder.gep(words, [I64(position)], source_etype=I64)
            self.known[name] = self.builder.load(at, typ=I64)
        groups = [group for stage in self.plan.stages for group in stage.groups.values()]
        widest = max((len(g.accumulators) * panel_width(g) for g in groups), default=0)
        room = ir.ArrayType(self.vector, max(1, widest * ROWS))
        self.scratch = self.builder.alloca(room)
        self.scratch.align = 64
        self.total = self.builder.alloca(self.vector)
        self.team = Team(self.builder, self.known["team"], first_job, last_job, self.target)
        self.anew = Anew(self.builder, self.plan, self.vector, self.known, self.address)
        with loop(self.builder, *self.team.jobs(first_job, last_job)) as job:
            self._job(job)
        self.builder.ret_void()

    def _job(self, job: ir.Value) -> None:
        builder, known = self.builder, self.known
        row = self._word("base", job)
        self.job = job
        with loop(self.builder, I64(0), known["steps"]) as turn:
            last = builder.add(known["first"], builder.sub(known["steps"], I64(1)))
            step = builder.sub(last, turn) if self.descending else builder.add(known["first"], turn)
            at = builder.add(builder.mul(job, known["table"]), step)
            is_odd = builder.icmp_signed("!=", builder.and_(step, I64(1)), I64(0))
            now = StepPlace(
                row, self._word("offsets", at), self._word("active", at), is_odd, {}, {}
            )
            before = self._word("offsets", builder.sub(at, I64(1)))
            for place in self.plan.places:
                self._locate(place, now, step, before)
            if self.plan.reset is not None:
                self.anew.before(now, self.team)
            for stage in self.plan.stages:
                self._stage(stage, now)
            if self.plan.reset is not None:
                self.anew.after(now, self.team)

    def _word(self, table: str, index_: ir.Value) -> ir.Value:
        # the word before the first step's is read and not used; the caller's tables begin with one
        pointer = self._pointer(self.known[table])
        return self.builder.load(self.builder.gep(pointer, [index_], source_etype=I64), typ=I64)

    def _pointer(self, word: ir.Value) -> ir.Value:
        return self.builder.inttoptr(word, POINTER)

    def _locate(self, place: Place, now: StepPlace, step: ir.Value, before: ir.Value) -> None:
        """The address of the place's first row at this step, and the stride from row to row."""
        builder, known = self.builder, self.known
        names = parts(place, self.plan)
        at = [known[f"at {name}"] for name in names]
        strides = [known[f"stride {name}"] for name in names]
        rows = {Kind.TOKEN: [now.offset], Kind.PANEL: [now.offset], Kind.ROW: [now.first_row],
                Kind.ADD: [self.job]}  # fmt: skip
        is_half = place in self.plan.halved
        bytes_ = I64(halves.BYTES if is_half else self.bytes)
        if is_half:
            now.halved[place] = None
        if place.kind is Kind.BEFORE:
            initial = builder.icmp_signed("==", step, I64(0))
            if is_half:  # the start is not
                bytes_ = builder.select(initial, I64(self.bytes), bytes_)
                now.halved[place] = initial
            at = [builder.select(initial, at[1], at[0])]
            strides = [builder.select(initial, strides[1], strides[0])]
            row = builder.select(initial, now.first_row, before)
        elif place.kind in (Kind.NOW, Kind.NEXT):
            first, second = (at[1], at[0]) if place.kind is Kind.NOW else (at[0], at[1])
            at = [builder.select(now.is_odd, first, second)]
            row = now.first_row
        else:
            row = rows.get(place.kind, [I64(0)])[0]
        stride = I64(self.lanes) if place.kind is Kind.PANEL else strides[0]
        distance = builder.mul(builder.mul(row, stride), bytes_)
        now.starts[place] = builder.add(at[0], distance)
        now.strides[place] = strides[0]

    # --------------------------------------------------------------------------------------- stages

    def _stage(self, stage: Stage, now: StepPlace) -> None:
        if stage.reductions or stage.scalars.stores:
            with self.builder.if_then(self.team.is_first):
                for reduction in stage.reductions:
                    with loop(self.builder, I64(0), now.rows) as row:
                        self._reduce(reduction, now, row)
                if stage.scalars.stores:
                    with loop(self.builder, I64(0), now.rows) as row:
                        self._values(stage.scalars, now, row, None, None)
            self.team.wait()
        for group in stage.groups.values():
            if group.stores:
                self._group(group, now)
        self.team.wait()

    def _reduce(self, reduction: Reduction, now: StepPlace, row: ir.Value) -> None:
        builder = self.builder
        length = self.known[f"size {reduction.operand.size}"]
        start = self.address(reduction.operand, now, row, I64(0))
        begin = {"sum": 0.0, "max": -math.inf, "min": math.inf}[reduction.op]
        nothing = ir.Constant(self.vector, [begin] * self.lanes)
        total = self.total
        builder.store(nothing, total)
        with loop(self.builder, I64(0), self._panels(length)) as panel:
            unit = builder.mul(panel, I64(self.lanes))
            if reduction.operand in now.halved:
                at = self.address(reduction.operand, now, row, unit)
                value = halves.load(builder, at, self.vector, now.halved[reduction.operand])
            else:
                at = builder.gep(start, [unit], source_etype=self.element)
                value = builder.load(at, align=4, typ=self.vector)
            value = builder.select(self._inside(length, unit), value, nothing)
            before = builder.load(total, typ=self.vector)
            builder.store(self._combined(reduction.op, before, value), total)
        number = self._across(reduction.op, builder.load(total, typ=self.vector))
        builder.store(number, self.address(reduction.place, now, row, I64(0)))

    def _inside(self, length: ir.Value, unit: ir.Value) -> ir.Value:
        """Which lanes of the vector that begins with this unit are units, and no padding."""
        numbers = ir.Constant(ir.VectorType(I64, self.lanes), list(range(self.lanes)))
        left = spread(self.builder, self.builder.sub(length, unit), numbers.type)
        return self.builder.icmp_signed("<", numbers, left)

    def _combined(self, op: str, a: ir.Value, b: ir.Value) -> ir.Value:
        if op == "sum":
            return self.builder.fadd(a, b)
        return {"max": maximum, "min": minimum}[op](self.builder, a, b)

    def _across(self, op: str, value: ir.Value) -> ir.Value:
        """The sum, or the largest or smallest, of a vector's lanes, halves by halves."""
        count = self.lanes
        while count > 1:
            count //= 2
            mask = [*range(count, 2 * count), *[0] * (self.lanes - count)]
            lanes = ir.Constant(ir.VectorType(ir.IntType(32), self.lanes), mask)
            undefined = ir.Constant(self.vector, ir.Undefined)
            moved = self.builder.shuffle_vector(value, undefined, lanes)
            value = self._combined(op, value, moved)
        return self.builder.extract_element(value, ir.IntType(32)(0))

    def _panels(self, length: ir.Value, of: int = 0) -> ir.Value:
        of = of or self.lanes
        return self.builder.sdiv(self.builder.add(length, I64(of - 1)), I64(of))

    def _group(self, group: Group, now: StepPlace) -> None:
        builder = self.builder
        panels = self._panels(self.known[f"size {group.size}"])
        width = panel_width(group) if group.accumulators else 1
        if not group.accumulators:
            mine = self.team.share(panels)
            with loop(builder, I64(0), now.rows) as row, loop(builder, *mine) as panel:
                self._values(group, now, row, panel, None)
            return
        most = min(most_rows(min(STREAMS, len(group.accumulators) * width), self.target), ROWS)
        first, last = self.team.share(panels)
        panel_parts = self._parts(builder.sub(last, first), width, first, backwards=now.is_odd)
        with panel_parts as (panel, wide), self._parts(now.rows, most) as (row, few):
            for block in group.blocks:
                self._tiles(block, group, now, (row, few), (panel, wide))
            with loop(self.builder, I64(0), few) as r, loop(self.builder, I64(0), wide) as w:
                stream = builder.mul(w, I64(len(group.accumulators)))
                at = (stream, r)
                self._values(group, now, builder.add(row, r), builder.add(panel, w), at)

    def _tiles(
        self,
        block: Block,
        group: Group,
        now: StepPlace,
        rows: tuple[ir.Value, ir.Value],
        panels: tuple[ir.Value, ir.Value],
    ) -> None:
        """One block's products for a few rows and panels, into scratch."""
        builder = self.builder
        (row, few), (panel, wide) = rows, panels
        count = len(block.matrices)
        length = self.known[f"length {self.pack_number[id(block)]}"]
        a = self.address(block.operands[0], now, row, I64(0))
        high = self._panels(length, 2) if self.half else length
        stream = builder.mul(high, I64(self.lanes))  # numbers in one stream of packed weights
        pack = self._pointer(self.known[f"pack {self.pack_number[id(block)]}"])
        in_blocks = block.matrices[0][0].blocks > 1
        # panels side by side may be of two blocks, whose operands begin at other units
        whole = count == len(group.accumulators) and not in_blocks
        with loop(self.builder, I64(0), I64(1) if whole else wide) as w:
            skip = builder.mul(builder.add(panel, w), builder.mul(I64(count), stream))
            b = builder.gep(pack, [skip], source_etype=self.element)
            place = builder.add(builder.mul(w, I64(len(group.accumulators))), I64(block.first))
            c = self._scratch(place, I64(0))
            streams = builder.mul(wide, I64(count)) if whole else I64(count)
            slot = builder.add(builder.mul(streams, I64(index(0, 1))), few)
            tile = builder.inttoptr(self._word("tiles", slot), SIGNATURE.as_pointer())
            again = ir.IntType(1)(0 if block.fresh else 1)
            from_ = a
            if in_blocks:  # the block of these units, which is as long as it is high
                unit = builder.mul(builder.add(panel, w), I64(self.lanes))
                start = builder.sub(unit, builder.srem(unit, length))
                from_ = builder.gep(a, [start], source_etype=self.element)
            builder.call(tile, [from_, now.strides[block.operands[0]], b, stream, length, c, again])

    def _scratch(self, stream: ir.Value, row: ir.Value) -> ir.Value:
        number = self.builder.add(self.builder.mul(stream, I64(ROWS)), row)
        return self.builder.gep(self.scratch, [number], source_etype=self.vector)

    def _values(
        self,
        group: Group,
        now: StepPlace,
        row: ir.Value,
        panel: ir.Value | None,
        at: tuple[ir.Value, ir.Value] | None,
    ) -> None:
        """The values of one row and one vector of units (or of one number), and their stores."""
        known: dict[Node, ir.Value] = {}
        if at is not None:
            for number, node in enumerate(group.accumulators):
                stream = self.builder.add(at[0], I64(number))
                known[node] = self.builder.load(self._scratch(stream, at[1]), typ=self.vector)
        unit = None if panel is None else self.builder.mul(panel, I64(self.lanes))

        def address(place: Place) -> ir.Value:
            return self.address(place, now, row, unit if place.size != ONE and unit else I64(0))

        def inside(place: Place) -> ir.Value:
            return self._inside(self.known[f"size {place.size}"], unit)

        type_ = self.element if panel is None else self.vector
        lengths = {size: self.known[f"size {size}"] for size in sizes_of(self.plan)}
        Pointwise(
            self.builder, type_, self.plan.leaves, address, lengths, inside, now.halved
        ).write(group, known)

    # ------------------------------------------------------------------------------------ addresses

    def address(self, place: Place, now: StepPlace, row: ir.Value, unit: ir.Value) -> ir.Value:
        """Where a place holds this row's unit; ADD, UNIT and NUMBER are the same for every row."""
        builder = self.builder
        if place.kind in (Kind.ADD, Kind.UNIT, Kind.NUMBER):
            number = unit
        elif place.kind is Kind.PANEL:  # its stride is how many tokens a panel has room for
            number = builder.add(builder.mul(unit, now.strides[place]),
                                 builder.mul(row, I64(self.lanes)))  # fmt: skip
        else:
            number = builder.add(builder.mul(row, now.strides[place]), unit)
        start = self._pointer(now.starts[place])
        if place not in now.halved:
            return builder.gep(start, [number], source_etype=self.element)
        is_whole = now.halved[place]
        if is_whole is None:
            return builder.gep(start, [number], source_etype=halves.I16)
        bytes_ = builder.select(is_whole, I64(self.bytes), I64(halves.BYTES))
        return builder.gep(start, [builder.mul(number, bytes_)], source_etype=ir.IntType(8))

    # ---------------------------------------------------------------------------------------- loops

    @contextmanager
    def _parts(
        self,
        count: ir.Value,
        most: int,
        begin: ir.Value | None = None,
        backwards: ir.Value | None = None,
    ) -> Iterator[tuple[ir.Value, ir.Value]]:
        """Cut `count` into as few parts as `most` allows, all about as long: (start, length)."""
        builder = self.builder
        parts_ = builder.sdiv(builder.add(count, I64(most - 1)), I64(most))
        with loop(self.builder, I64(0), parts_) as part:
            if backwards is not None:
                other = builder.sub(builder.sub(parts_, I64(1)), part)
                part = builder.select(backwards, other, part)
            start = builder.sdiv(builder.mul(part, count), parts_)
            stop = builder.sdiv(builder.mul(builder.add(part, I64(1)), count), parts_)
            yield start if begin is None else builder.add(begin, start), builder.sub(stop, start)
