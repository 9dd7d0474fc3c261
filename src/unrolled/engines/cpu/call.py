"""One kernel's arguments: the weights as it reads them, and where everything lies.

In: arrays of a `Library`. Out: `Weights`, packed once for a call, and `Call`, a kernel's words;
next: `sequence`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from unrolled.engines.cpu.arrays import Array, Library
from unrolled.engines.cpu.program import Kernel
from unrolled.engines.cpu.schedule import Schedule
from unrolled.engines.plan import Block, Kind, Matrix, Place
from unrolled.equations.nodes import ONE


@dataclass
class Weights:
    """The step's weights, and what is made of them once for a call: stacks and packs."""

    library: Library
    arrays: Mapping[str, Array]
    sizes: Mapping[str, int]
    stacks: dict[tuple[tuple[str, ...], int], Array] = field(default_factory=dict)
    packs: dict[tuple[tuple[tuple[Matrix, ...], ...], int], Array] = field(default_factory=dict)

    def stack(self, names: tuple[str, ...], rows: int) -> Array:
        """Matrices (or vectors) one above the other, each padded to `rows`."""
        if (names, rows) not in self.stacks:
            arrays = [self.arrays[name] for name in names]
            is_ready = len(arrays) == 1 and arrays[0].shape[0] == rows
            stacked = arrays[0] if is_ready else self.library.stack(arrays, rows)
            self.stacks[names, rows] = self.library.contiguous(stacked)
        return self.stacks[names, rows]

    def pack(self, block: Block, lanes: int) -> Array:
        """Panels of `lanes` units; in a panel accumulator after accumulator, each K vectors."""
        key = (block.matrices, lanes)
        if key not in self.packs:
            names = tuple(m.name for matrices in block.matrices for m in matrices)
            count, operands = len(block.matrices), len(block.operands)
            if block.matrices[0][0].transposed:
                length, units = self.arrays[names[0]].shape
                # operands side by side are whole vectors long: so are the rows that they meet
                height = length if operands == 1 else padded(length, lanes)
                wide = padded(units, lanes)
                rows = self.stack(names, height)
                rows = rows if wide == units else self.library.widen(rows, wide)
                shape = (count, operands * height, wide // lanes, lanes)
                self.packs[key] = self.library.transpose(rows.reshape(shape), (2, 0, 1, 3))
            else:
                units, length = self.arrays[names[0]].shape
                wide = padded(units, lanes)
                shape = (count, wide // lanes, lanes, length)
                stacked = self.stack(names, wide).reshape(shape)
                self.packs[key] = self.library.transpose(stacked, (1, 0, 3, 2))
        return self.packs[key]


def padded(units: int, lanes: int) -> int:
    return -(-units // lanes) * lanes


class Call:
    """The words of one kernel's calls: everything that does not change from chunk to chunk."""

    def __init__(
        self, kernel: Kernel, library: Library, schedule: Schedule, sizes: Mapping[str, int]
    ) -> None:
        self.kernel = kernel
        self.library = library
        self.schedule = schedule
        self.position = kernel.words.position
        self.alive: list[Array] = []
        self.bytes = library.bits // 8
        # what kernel, schedule and sizes decide is written once, and copied for each call
        key = (kernel, *sizes.values())
        if key not in schedule.templates:
            self.words = np.zeros(len(kernel.words), np.int64)
            self._write(sizes)
            schedule.templates[key] = self.words
        self.words = schedule.templates[key].copy()

    def _write(self, sizes: Mapping[str, int]) -> None:
        self.set("tiles", self.kernel.tiles.address)
        self.set("jobs", self.schedule.jobs)
        self.set("table", self.schedule.steps)
        for table, address in self.schedule.addresses.items():
            self.set(table, address)
        for name, length in sizes.items():
            self.set(f"size {name}", length)

    def set(self, name: str, word: int) -> None:
        position = self.position.get(name)
        if position is not None:
            self.words[position] = word

    def place(
        self, part: str, array: Array, stride: int, first_row: int = 0, column: int = 0
    ) -> None:
        """Tell where a place lies: in this column of an array that begins with row `first_row`."""
        position = self.position.get(f"at {part}")
        if position is not None:
            self.alive.append(array)
            offset = (column - first_row * stride) * self.bytes
            self.words[position] = self.library.pointer(array) + offset
            self.words[self.position[f"stride {part}"]] = stride

    def weights(self, weights: Weights, lanes: int) -> None:
        for number, (_, block) in enumerate(self.kernel.plan.blocks):
            packed = weights.pack(block, lanes)
            self.alive.append(packed)
            self.set(f"pack {number}", self.library.pointer(packed))
            size = weights.sizes[block.operands[0].size]
            count = len(block.operands)
            self.set(f"length {number}", size if count == 1 else count * padded(size, lanes))
        for place in self.kernel.plan.of_kind(Kind.UNIT):
            wide = padded(weights.sizes[place.size], lanes)
            self.place(place.name, weights.stack((place.name,), wide), 0)
        for place in self.kernel.plan.of_kind(Kind.NUMBER):
            self.place(place.name, weights.arrays[place.name], 0)

    def scratch(self, sizes: Mapping[str, int], lanes: int) -> None:
        """Rows that only this call uses."""
        for place in self.kernel.plan.of_kind(Kind.ROW):
            width = width_of(place, sizes, lanes)
            lease = self.library.lease(self.schedule.rows * width)
            self.alive.append(lease)
            self.place(place.name, lease.array, width)

    def run(self, first: int, last: int) -> None:
        self.set("first", first)
        self.set("steps", last - first)
        jobs = self.schedule.jobs
        self.library.parallel(self.kernel.address, self.words.ctypes.data, jobs, jobs)


def width_of(place: Place, sizes: Mapping[str, int], lanes: int) -> int:
    return 1 if place.size == ONE else padded(sizes[place.size], lanes)
