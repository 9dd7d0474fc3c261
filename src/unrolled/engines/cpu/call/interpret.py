"""Run a call in NumPy, step by step, slow and simple. In: a `Call`, a `Schedule`, the arrays given
to the call. Out: the content of every buffer; next: tests and debugging, to find out whether the
call or the machine code is wrong.

A buffer is (rows, numbers); in panels it is (panels, tokens, units). What is stored in bfloat16 has
the dtype of the others, and numbers that are rounded.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unrolled.engines.cpu.call.batch import Now
from unrolled.engines.cpu.call.call import (
    Accumulate,
    Buffer,
    Call,
    Clear,
    CopyLast,
    CopyPanels,
    CopyRows,
    Multiply,
    Owner,
    Pack,
    Per,
    Reduce,
    RunKernel,
    Step,
    View,
)
from unrolled.engines.plan.plan import Block, Group, Kind, Place, Store
from unrolled.engines.plan.schedule import RaggedSchedule, Schedule
from unrolled.equations.nodes import ONE, Apply, Constant, Length, Node
from unrolled.equations.ops import OPS

Numbers = NDArray[Any]


def interpret(
    call: Call, schedule: Schedule, given: Mapping[Buffer, Numbers], dtype: Any = np.float64
) -> dict[Buffer, Numbers]:
    """Run the call. `given`: what a call is given, what forward has kept, and sums that are to be
    added to, in any form; what is missing of the given is zeros. What is not written stays NaN."""
    positions = {b: n for n, b in enumerate(call.owned(*Owner), 1)}
    now = Now(call, schedule, positions, np.dtype(dtype).itemsize)
    memory: dict[Buffer, Numbers] = {}
    for buffer in call.buffers:
        shape: tuple[int, ...] = now.rows_per(buffer.per), buffer.width
        if buffer.panel:
            shape = buffer.width // buffer.panel, shape[0], buffer.panel
        fill = 0.0 if buffer.owner is Owner.GIVEN else np.nan
        memory[buffer] = np.full(shape, fill, dtype)
        if buffer in given:
            numbers = np.asarray(given[buffer], dtype).reshape(shape)
            memory[buffer][...] = rounded(numbers) if buffer.half else numbers
    machine = _Machine(call, now, memory)
    for step in (*call.once, *call.before):
        machine.do(step)
    for first, last in reversed(now.chunks) if call.kernel.descending else now.chunks:
        now.begin(first, last)
        for step in call.each_chunk:
            machine.do(step)
    for step in call.after:
        machine.do(step)
    return memory


def rounded(numbers: Numbers) -> Numbers:
    """To the nearest bfloat16, and to even: the upper half of a float32."""
    bits = numbers.astype(np.float32).view(np.uint32)
    near = (bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000
    found = np.where(np.isnan(numbers), (bits | 0x400000) & 0xFFFF0000, near).astype(np.uint32)
    return found.view(np.float32).astype(numbers.dtype)


class _Machine:
    def __init__(self, call: Call, now: Now, memory: dict[Buffer, Numbers]) -> None:
        self.call, self.now, self.memory = call, now, memory

    def do(self, step: Step) -> None:
        """One step."""
        memory = self.memory
        match step:
            case Clear(to):
                memory[to][...] = 0
            case CopyRows():
                total = sum(self._columns(source, step.units) for source in step.sources)
                self._columns(step.to, step.fill)[...] = 0
                self._columns(step.to, step.units)[...] = total
            case CopyLast():
                memory[step.to][...] = self._last(step)[:, : step.units]
            case CopyPanels():
                self._panels(step)
            case Pack():
                self._pack(step)
            case Reduce():
                total = self._columns(step.source, step.units).sum(0)
                self._columns(step.to, step.units)[...] = total
            case Multiply():
                self._multiply(step)
            case Accumulate():
                self._accumulate(step)
            case RunKernel():
                _Kernel(step, self.now, memory, self.call.lanes).run()

    def _columns(self, view: View, units: int) -> Numbers:
        return self.memory[view.buffer][:, view.column : view.column + units]

    def _tokens(self, buffer: Buffer) -> slice:
        """A chunk's tokens among a buffer's rows."""
        start = 0 if buffer.per is Per.CHUNK else self.now.start
        return slice(start, start + self.now.count)

    def _last(self, step: CopyLast) -> Numbers:
        schedule = self.now.schedule
        if not schedule.steps:
            return self.memory[step.start]
        if isinstance(schedule, RaggedSchedule):
            return self.memory[step.state][schedule.last_tokens]
        return self.memory[step.state][schedule.span(schedule.steps - 1, schedule.steps)]

    def _panels(self, step: CopyPanels) -> None:
        now, schedule = self.now, self.now.schedule
        source = self.memory[step.source.buffer][:, step.source.column :]
        rows = source[now.start : now.start + now.count, : step.units]
        if step.start is not None:
            before, first = _before(schedule)
            here = slice(now.start, now.start + now.count)
            starts = self.memory[step.start][first[here], : step.units]
            is_first = before[here] < 0
            rows = np.where(is_first[:, None], starts, source[before[here], : step.units])
        to = self.memory[step.to]
        wide = np.zeros((now.count, step.to.width), to.dtype)
        wide[:, : step.units] = rows
        panels = wide.reshape(now.count, step.to.width // step.to.panel, step.to.panel)
        to[:, : now.count] = panels.swapaxes(0, 1)

    def _pack(self, step: Pack) -> None:
        lanes, flat = self.call.lanes, self.memory[step.matrix.buffer].ravel()
        numbers = flat[step.matrix.column :][: step.units * step.length]
        matrix = (numbers.reshape(step.length, step.units).T if step.transposed
                  else numbers.reshape(step.units, step.length))  # fmt: skip
        to = self.memory[step.to.buffer][0, step.to.column :]
        for panel in range(-(-step.units // lanes)):
            wide: Numbers = np.zeros((step.height, lanes), flat.dtype)
            part = matrix[panel * lanes : (panel + 1) * lanes]
            wide[: step.length, : len(part)] = part.T
            if step.to.buffer.half:  # k and k + 1 of a unit side by side
                wide = wide.reshape(-1, 2, lanes).swapaxes(1, 2)
            start = panel * step.distance
            to[start : start + wide.size] = wide.ravel()

    def _multiply(self, step: Multiply) -> None:
        lanes, source = self.call.lanes, step.source.buffer
        a = self._columns(step.source, step.length)[self._tokens(source)]
        panels = _panels(self.memory, step.packed, 1, step.length, lanes)[:, 0]
        product = np.concatenate([a @ panel for panel in panels], axis=1)
        to = self._columns(step.to, step.units)[self._tokens(step.to.buffer)]
        to[...] = to + product if step.add else product

    def _accumulate(self, step: Accumulate) -> None:
        now = self.now
        left = self._from_panels(step.left)[:, step.start :][:, : step.units]
        right = self._from_panels(step.right)[:, step.start :][:, : step.columns]
        to = self._columns(step.to, step.units * step.columns)[0]
        is_new = step.first and now.last == now.schedule.steps
        to[...] = (0 if is_new else to) + (left.T @ right).ravel()

    def _from_panels(self, buffer: Buffer) -> Numbers:
        """A chunk's tokens, row by row."""
        count = self.now.count
        return self.memory[buffer][:, :count].swapaxes(0, 1).reshape(count, buffer.width)


def _panels(
    memory: Mapping[Buffer, Numbers], pack: Buffer, count: int, length: int, lanes: int
) -> Numbers:
    """Packed weights: panel, matrix, k, unit."""
    if not pack.half:
        return memory[pack].reshape(-1, count, length, lanes)
    pairs = memory[pack].reshape(-1, count, -(-length // 2), lanes, 2)
    return pairs.swapaxes(3, 4).reshape(*pairs.shape[:2], -1, lanes)[:, :, :length]


def _before(schedule: Schedule) -> tuple[Numbers, Numbers]:
    """For every token the token of the same row one step before (-1: none), and its row."""
    before = np.full(schedule.tokens, -1, np.int64)
    row = np.zeros(schedule.tokens, np.int64)
    for step in range(schedule.steps):
        for job, base in enumerate(schedule.base):
            count = int(schedule.active[job, step])
            here = schedule.offsets[job, step] + np.arange(count)
            row[here] = base + np.arange(count)
            if step:
                before[here] = schedule.offsets[job, step - 1] + np.arange(count)
    return before, row


class _Kernel:
    """The plan, stage by stage, for the rows of one job at one step; values are columns."""

    def __init__(
        self, step: RunKernel, now: Now, memory: dict[Buffer, Numbers], lanes: int
    ) -> None:
        self.step, self.now, self.memory, self.lanes = step, now, memory, lanes
        self.packs = {id(block): (pack, length) for (_, block), pack, length
                      in zip(step.plan.blocks, step.packs, step.lengths, strict=True)}  # fmt: skip

    def run(self) -> None:
        """All steps of the chunk."""
        steps = range(self.now.first, self.now.last)
        for time in reversed(steps) if self.step.descending else steps:
            for job in range(self.now.schedule.jobs):
                self.time, self.job = time, job
                self.count = int(self.now.schedule.active[job, time])
                self._start_anew(is_after=False)
                for stage in self.step.plan.stages:
                    for reduction in stage.reductions:
                        total = OPS[reduction.op].compute(self._read(reduction.operand))
                        self._write(reduction.place, total)
                    self._group(stage.scalars)
                    for group in stage.groups.values():
                        self._group(group)
                self._start_anew(is_after=True)

    def _start_anew(self, *, is_after: bool) -> None:
        """Set the places of `anew` in rows whose reset is set."""
        plan = self.step.plan
        self.is_anew: bool = is_after and self.is_anew
        if plan.reset is None:
            return
        is_new = self._read(plan.reset)[0] > 0
        for place, start in plan.anew.items():
            if (place.kind is Kind.NEXT) != is_after:
                continue
            view, rows = self._at(place)
            numbers = self.memory[view.buffer]
            if place.kind is Kind.PANEL:
                numbers[:, rows[is_new]] = start
            elif place.kind is Kind.BEFORE:
                own, mine = self._own(place)
                wide = slice(view.column, view.column + self.memory[own.buffer].shape[1])
                before = numbers[rows, wide]
                self.memory[own.buffer][mine] = np.where(is_new[:, None], start, before)
            else:
                wide = slice(view.column, view.column + self._units(place))
                numbers[rows[is_new], wide] = start
        self.is_anew = bool(is_new.any())

    def _own(self, place: Place) -> tuple[View, Any]:
        """Where a state is at a step before which some of its rows were reset."""
        return self.step.bind[place][2], self.now.schedule.base[self.job] + np.arange(self.count)

    def _group(self, group: Group) -> None:
        known: dict[Node, Any] = {}
        for block in group.blocks:
            for number, product in enumerate(self._products(block, group), block.first):
                node = group.accumulators[number]
                known[node] = product if block.fresh else known[node] + product
        for node in group.values:  # computed here, though later stages find it in its place
            known[node] = self._apply(node, known)
        stored = [(store, self._value(store.node, known)) for store in group.stores]
        for store, value in stored:
            self._store(store, value)

    def _products(self, block: Block, group: Group) -> Numbers:
        pack, length = self.packs[id(block)]
        view, rows = self._at(block.operands[0])
        wide = length * block.matrices[0][0].blocks
        operand = self.memory[view.buffer][rows, view.column : view.column + wide]
        count = len(block.matrices)
        panels = _panels(self.memory, pack, count, length, self.lanes)
        units = self.step.sizes[group.size]
        return np.stack([
            np.concatenate([
                operand[:, number * self.lanes // length % (wide // length) * length :][:, :length]
                @ panel[m] for number, panel in enumerate(panels)
            ], axis=1)[:, :units].T
            for m in range(count)
        ])  # fmt: skip

    def _value(self, node: Node, known: dict[Node, Any]) -> Any:
        if node in known:
            return known[node]
        if node in self.step.plan.leaves:
            known[node] = self._read(self.step.plan.leaves[node])
            if isinstance(node, Apply) and OPS[node.op].is_condition:
                known[node] = known[node] != 0
        elif isinstance(node, Constant):
            known[node] = node.value
        elif isinstance(node, Length):
            known[node] = self.step.sizes[node.size]
        else:
            known[node] = self._apply(node, known)
        return known[node]

    def _apply(self, node: Node, known: dict[Node, Any]) -> Any:
        assert isinstance(node, Apply), f"{node} is never computed"
        values = [self._value(argument, known) for argument in node.args]
        return values[0] if node.op == "spread" else OPS[node.op].compute(*values)

    def _units(self, place: Place) -> int:
        return 1 if place.size == ONE else self.step.sizes[place.size]

    def _at(self, place: Place) -> tuple[View, Any]:
        """Where a place lies at this step, and which rows of it."""
        views, schedule, time = self.step.bind[place], self.now.schedule, self.time
        mine = schedule.base[self.job] + np.arange(self.count)
        tokens = schedule.offsets[self.job, time] + np.arange(self.count)
        if place.kind in (Kind.TOKEN, Kind.PANEL):
            chunk = views[0].buffer.per is Per.CHUNK
            return views[0], tokens - (self.now.start if chunk else 0)
        if place.kind is Kind.BEFORE and self.is_anew:
            return self._own(place)
        if place.kind is Kind.BEFORE and time:
            return views[0], schedule.offsets[self.job, time - 1] + np.arange(self.count)
        if place.kind is Kind.BEFORE:
            return views[1], mine
        if place.kind in (Kind.NOW, Kind.NEXT):
            return views[(time + (place.kind is Kind.NEXT)) % 2], mine
        if place.kind is Kind.ROW:
            return views[0], mine
        return views[0], np.array([self.job if place.kind is Kind.ADD else 0])

    def _read(self, place: Place) -> Numbers:
        view, rows = self._at(place)
        values = self.memory[view.buffer][rows, view.column : view.column + self._units(place)].T
        return values[0, 0] if place.kind is Kind.NUMBER else values

    def _store(self, store: Store, value: Any) -> None:
        self._write(store.place, np.asarray(value, np.float64))

    def _write(self, place: Place, value: Numbers) -> None:
        (view, rows), units = self._at(place), self._units(place)
        if place.kind is Kind.ADD:
            wide = np.broadcast_to(value, (units, self.count))
            self.memory[view.buffer][rows, view.column : view.column + units] += wide.sum(1)
            return
        units_wide = units if place.size == ONE else -(-units // self.lanes) * self.lanes
        wide = np.zeros((self.count, units_wide))
        wide[:, :units] = np.broadcast_to(value, (units, self.count)).T
        wide = rounded(wide) if view.buffer.half else wide
        if place.kind is Kind.PANEL:
            panels = wide.reshape(self.count, units_wide // self.lanes, self.lanes).swapaxes(0, 1)
            self.memory[view.buffer][:, rows] = panels
            return
        self.memory[view.buffer][rows, view.column : view.column + wide.shape[1]] = wide
