"""A cell's sizes in numbers, and where its weights lie. In: a lowered step, a length for each size,
the weights' places in the caller's arrays. Out: `Sizes`; next: `forward` and `backward`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from functools import cached_property

from unrolled.engines.cpu.call.call import Buffer, Owner, Per, View
from unrolled.engines.engine import Sources
from unrolled.engines.plan.lower import Lowered
from unrolled.engines.plan.plan import Matrix
from unrolled.equations.nodes import ONE, Apply, topological
from unrolled.equations.ops import shape_of


class CallSizes:
    """`lanes`: how many numbers a vector has. `arrays`: the caller's, flat; with `half` those that
    hold nothing but matrices are of bfloat16, and so are packed weights."""

    def __init__(
        self, lowered: Lowered, sizes: Mapping[str, int], sources: Sources, lanes: int,
        *, half: bool = False,
    ) -> None:  # fmt: skip
        self.sizes, self.sources, self.lanes, self.half = sizes, sources, lanes, half
        self.step, self._weights = lowered.step, lowered.weights
        self.states = {name: sizes[shape[0]] for name, shape in self.step.states.items()}
        self.output = next(iter(self.states))
        self.inputs = {name: self.length(shape[0]) for name, shape in self.step.inputs.items()}
        count = 1 + max((s.array for given in sources.values() for s in given), default=-1)
        numbers, halves = [0] * count, [half] * count
        for weight, given in sources.items():
            for source in given:
                numbers[source.array] += math.prod(self.shape(weight))
                halves[source.array] &= len(self.shape(weight)) == 2
        self.numbers = numbers  # of each array, how many hold weights
        self.arrays = tuple(
            Buffer(f"array {n}", Owner.GIVEN, Per.ONCE, width, half=halves[n])
            for n, width in enumerate(numbers)
        )

    @cached_property
    def columns(self) -> dict[str, int]:
        """Where each input begins in a token's row. Each is whole vectors wide, for a kernel writes
        whole vectors of its derivative; single numbers come last."""
        found, column = {}, 0
        for name in sorted(self.inputs, key=lambda name: self.step.inputs[name] == (ONE,)):
            found[name] = column
            column += self.padded(self.step.inputs[name][0])
        return found

    @cached_property
    def row(self) -> int:
        """How wide such a row is, in whole vectors."""
        return self.whole(sum(self.padded(shape[0]) for shape in self.step.inputs.values()))

    @cached_property
    def places(self) -> dict[str, int]:
        """Where each input begins in a row that is read: as in `columns`, or side by side where
        kernels read no vector of them."""
        if self._reads_vectors:
            return self.columns
        ends = itertools.accumulate(self.inputs.values(), initial=0)
        return dict(zip(self.inputs, ends, strict=False))

    @cached_property
    def read_row(self) -> int:
        """How wide that row is."""
        return self.row if self._reads_vectors else sum(self.inputs.values())

    @cached_property
    def _reads_vectors(self) -> bool:
        """Whether an input of several numbers stands anywhere but to the right of a product."""
        wide = {v for v in self.step.given if v.role == "input" and shape_of(v) != (ONE,)}
        roots = [node for _, node in self.step.statements]
        return any(
            isinstance(node, Apply) and node.op != "matmul" and not wide.isdisjoint(node.args)
            for node in topological(roots)
        ) or not wide.isdisjoint(roots)

    def length(self, size: str) -> int:
        return 1 if size == ONE else self.sizes[size]

    def padded(self, size: str) -> int:
        """A length rounded up to whole vectors."""
        return 1 if size == ONE else self.whole(self.sizes[size])

    def whole(self, units: int) -> int:
        """Rounded up to whole vectors."""
        return -(-units // self.lanes) * self.lanes

    def shape(self, weight: str) -> tuple[int, ...]:
        return tuple(self.length(size) for size in self._weights[weight])

    def length_and_units(self, matrix: Matrix) -> tuple[int, int]:
        """Over how many numbers a product with the matrix sums, and how many it gives."""
        rows, columns = self.shape(matrix.name)
        if matrix.blocks > 1:
            return columns, rows
        return (rows, columns) if matrix.transposed else (columns, rows)

    def weight(self, name: str) -> tuple[View, ...]:
        """Where a weight lies in the caller's arrays; it is the sum of these."""
        shape = self.shape(name)
        row = shape[1] if len(shape) == 2 else 1
        return tuple(View(self.arrays[s.array], s.row * row) for s in self.sources[name])
