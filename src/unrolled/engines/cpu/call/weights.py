"""How a kernel finds the weights. In: a plan and sizes. Out: `Packed`; next: `forward`, `backward`.

Matrices lie packed, in panels of units; vectors in whole vectors; single numbers as given. What is
packed of bfloat16 stays so, in pairs.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from unrolled.engines.cpu.call.call import Buffer, CopyRows, Owner, Pack, Per, Step, View
from unrolled.engines.cpu.call.sizes import CallSizes
from unrolled.engines.plan.plan import Block, Kind, Matrix, Place, Plan


@dataclass
class Packed:
    """`blocks`: packed weights of each of the plan's blocks; `lengths`: of their operands."""

    steps: list[Step] = field(default_factory=list)
    views: dict[Place, View] = field(default_factory=dict)
    blocks: list[Buffer] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)
    others: list[Buffer] = field(default_factory=list)

    @property
    def buffers(self) -> list[Buffer]:
        return [*self.blocks, *self.others]


def packed(plan: Plan, sizes: CallSizes) -> Packed:
    """Everything of weights that the kernel reads."""
    found = Packed()
    for number, (_, block) in enumerate(plan.blocks):
        _block(found, f"pack {number}", block, sizes)
    for place in plan.of_kind(Kind.UNIT):
        units, wide = sizes.sizes[place.size], sizes.padded(place.size)
        vector = _buffer(f"vector {place.name}", wide)
        found.others.append(vector)
        found.steps.append(CopyRows(View(vector), sizes.weight(place.name), units, wide))
        found.views[place] = View(vector)
    for place in plan.of_kind(Kind.NUMBER):
        (found.views[place],) = sizes.weight(place.name)
    return found


def _buffer(name: str, width: int, *, half: bool = False) -> Buffer:
    return Buffer(name, Owner.PACKED, Per.ONCE, width, half=half)


def _high(length: int, sizes: CallSizes) -> int:
    """How many vectors a panel has for so many numbers: whole pairs, where there are pairs."""
    return length + length % 2 if sizes.half else length


def _block(found: Packed, name: str, block: Block, sizes: CallSizes) -> None:
    """In a panel accumulator after accumulator, K vectors each. Operands side by side are whole
    vectors long: so are the rows that they meet."""
    lanes, count, operands = sizes.lanes, len(block.matrices), len(block.operands)
    length, units = sizes.length_and_units(block.matrices[0][0])
    height = length if operands == 1 else sizes.whole(length)
    found.lengths.append(operands * height)
    height = _high(height, sizes)
    stream = operands * height * lanes
    buffer = _buffer(name, -(-units // lanes) * count * stream, half=sizes.half)
    found.blocks.append(buffer)
    for m, matrices in enumerate(block.matrices):
        for o, matrix in enumerate(matrices):
            to = View(buffer, m * stream + o * height * lanes)
            found.steps += _pack(to, matrix, height, count * stream, sizes)


def alone(found: Packed, name: str, matrix: Matrix, sizes: CallSizes) -> tuple[Buffer, int, int]:
    """Pack one more matrix, for a `Multiply`: its buffer, units (in whole vectors) and length."""
    length, units = sizes.length_and_units(matrix)
    height = _high(length, sizes)
    buffer = _buffer(name, sizes.whole(units) * height, half=sizes.half)
    found.others.append(buffer)
    found.steps += _pack(View(buffer), matrix, height, height * sizes.lanes, sizes)
    return buffer, sizes.whole(units), length


def _pack(to: View, matrix: Matrix, height: int, distance: int, sizes: CallSizes) -> list[Pack]:
    """Blocks are whole vectors of units, so each has panels of its own; only where they are
    transposed do they lie in another order than the rows of one matrix."""
    length, units = sizes.length_and_units(matrix)
    (source,) = sizes.weight(matrix.name)
    if matrix.blocks == 1 or not matrix.transposed:
        return [Pack(to, source, units, length, height, distance, matrix.transposed)]
    return [
        Pack(
            replace(to, column=to.column + start // sizes.lanes * distance),
            replace(source, column=source.column + start * length),
            length, length, height, distance, transposed=True,
        )
        for start in range(0, units, length)
    ]  # fmt: skip
