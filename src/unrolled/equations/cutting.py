"""A vector that a step splits into parts. In: the arguments of `split`. Out: `Split`, whose parts
are nodes; next: `sizes`, which infers the lengths of the parts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from unrolled.equations.lengths import MOST_PARTS, sum_of
from unrolled.equations.nodes import Node, apply, constant, length
from unrolled.equations.where import teach


class SizeName:
    """`self.rank` in a step that is traced: a size by its name, whose value is not known yet."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __index__(self) -> int:
        teach(f"self.{self.name} is a size, whose value is not known while the equation is read: "
              f"it is for split(h, self.{self.name}, ...)")  # fmt: skip

    __float__ = __index__


class CountedSize(int):
    """A size to which the class gives a value: it can be used as an integer."""

    name: str


@dataclass(frozen=True, slots=True)
class Split:
    """One vector split into a number of equal parts, or into parts of named sizes."""

    vector: Node
    count: int
    sizes: tuple[str, ...]

    def open_part(self, number: int) -> str:
        """The placeholder for the size of an equal part until it is inferred."""
        return f"?part of {number}"

    def parts(self, number: int) -> list[Node]:
        """The parts, from top to bottom, of the split of this number in a step."""
        sizes = self.sizes or (self.open_part(number),) * self.count
        starts = [length(sum_of(*sizes[:place])) if place else constant(0)
                  for place in range(self.count)]  # fmt: skip
        return [apply("part", self.vector, start, length(size))
                for start, size in zip(starts, sizes, strict=True)]  # fmt: skip


def split_as(vector: Node, parts: tuple[Any, ...]) -> Split:
    """What a call of `split` asks for."""
    names = tuple(one.name for one in parts if isinstance(one, SizeName | CountedSize))
    is_count = len(parts) == 1 and type(parts[0]) is int
    if not is_count and (len(parts) < 2 or len(names) < len(parts)):
        teach("split takes a vector and a number of equal parts, split(v, 4), or the sizes of all "
              "its parts, by names that the class declares: split(h, self.memory, self.rest), with "
              'sizes = {"h": "memory + rest"}')  # fmt: skip
    if is_count and not 2 <= parts[0] <= MOST_PARTS:
        teach(f"split cuts a vector into 2 to {MOST_PARTS} parts, not into {parts[0]}")
    return Split(vector, parts[0] if is_count else len(parts), names)
