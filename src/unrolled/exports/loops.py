"""Write stages as loops, in a language of curly braces. In: `Stages`, a `Syntax`. Out: lines.

Next: `c_code` and `javascript`, which put functions around them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from unrolled.equations.nodes import ONE, Apply, Constant, Eye, Length, Node, Variable
from unrolled.equations.ops import shape_of
from unrolled.equations.verify import is_condition
from unrolled.exports.formulas import Dialect, Formulas, Names, describe
from unrolled.exports.stages import REDUCTIONS, Stage, Stages

UNIT, COLUMN = "k", "j"  # what counts in a loop over units, and over the columns of a matrix


class Syntax(Protocol):
    """What a language with loops adds to its dialect."""

    dialect: Dialect

    def array(self, name: str, *sizes: str) -> str:
        """Declare an array."""

    def local(self, name: str, text: str) -> str:
        """Declare a number that does not change."""

    def begin(self, name: str, text: str) -> str:
        """Declare a number that will change."""

    def loop(self, index: str, size: str) -> str:
        """Begin a loop."""

    def length(self, size: str) -> str:
        """How a size is written."""

    def count(self, size: str) -> str:
        """The same, where it counts."""

    def array_of(self, number: str) -> str:
        """An array of one number, for a product to read."""

    def add_product(
        self,
        target: str,
        matrix: str,
        vector: str,
        sizes: tuple[str, str],
        transposed: bool,
        first: bool,
    ) -> str:
        """Set an array to a product, or add the product to it."""


@dataclass
class Loops:
    """Writes the body of one function. `given` maps values from outside to their names, and
    `targets` maps values to the places where they must be written."""

    syntax: Syntax
    stages: Stages
    names: Names
    given: Mapping[Node, str]
    constants: Callable[[Constant], str | None]
    targets: Mapping[str, str] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    arrays: dict[str, tuple[str, ...]] = field(default_factory=dict)  # name -> its sizes
    known: dict[Node, str] = field(default_factory=dict)
    places: dict[Node, str] = field(default_factory=dict)
    wanted: dict[Node, str] = field(default_factory=dict)  # the names of the statements

    def write(self) -> list[str]:
        """All lines, declarations of arrays first."""
        wanted = self.wanted
        for name, node in self.stages.statements:
            wanted.setdefault(node, name)
        for node in (*self.stages.sums, *self._in_order()):
            name = wanted.get(node) or (node.name if isinstance(node, Variable) else "part")
            if name in self.targets:
                self.places[node] = self.targets[name]
            elif isinstance(node, Variable) or node in self.stages.stored:
                self.places[node] = self.names.take(name)
                if shape_of(node) not in ((), (ONE,)) or isinstance(node, Variable):
                    self.arrays[self.places[node]] = shape_of(node)
        for stage in self.stages.stages:
            self._write(stage)
        return [self.syntax.array(name, *sizes) for name, sizes in self.arrays.items()] + self.lines

    def _in_order(self) -> list[Node]:
        return [
            node
            for stage in self.stages.stages
            for group in (stage.reductions, stage.scalars, *stage.vectors.values(), stage.matrices)
            for node in group
        ]

    def _write(self, stage: Stage) -> None:
        for total in stage.sums:
            self._write_sum(total)
        for node in stage.reductions:
            self._write_reduction(node)
        for node in stage.scalars:
            text = self._element(node, ())
            self._write_scalar(node, text)
        for size, nodes in stage.vectors.items():
            self._write_loop(size, nodes)
        for node in stage.matrices:
            if node in self.stages.stored:
                self._write_matrix(node)

    def _write_sum(self, total: Variable) -> None:
        target = self.places[total]
        for number, product in enumerate(self.stages.sums[total]):
            rows, columns = shape_of(product.matrix)
            self.lines.append(
                self.syntax.add_product(
                    target, self._whole(product.matrix), self._whole(product.vector),
                    (rows, columns), product.transposed, number == 0,
                )
            )  # fmt: skip
        self.known[total] = f"{target}[0]" if shape_of(total) == (ONE,) else target

    def _write_reduction(self, node: Apply) -> None:
        name = self.places.get(node) if shape_of(node) == () else None
        name = name or self.names.take(f"{node.op}_units")
        shape = shape_of(node.args[0])
        begin = {"max": -math.inf, "min": math.inf}.get(node.op, 0.0)
        self.lines.append(self.syntax.begin(name, self.syntax.dialect.number(begin)))
        indices = (UNIT, COLUMN)[: len(shape)]
        for index, size in zip(indices, shape, strict=True):
            self.lines.append(self.syntax.loop(index, size))
        element = self._element(node.args[0], indices)
        if node.op in ("max", "min"):
            way = self.syntax.dialect.ways[f"{node.op}imum"]
            self.lines.append(f"{name} = {way.template.format(name, element)};")
        else:
            self.lines.append(f"{name} += {element};")
        self.lines += ["}"] * len(shape)
        if node.op == "mean":
            self.lines.append(f"{name} /= {self.syntax.length(shape[0])};")
        self._write_scalar(node, name)

    def _write_scalar(self, node: Apply, text: str) -> None:
        place = self.places.get(node)
        is_read_once = self.stages.uses[node] < 2 and node not in self.wanted
        if place is None and is_read_once and node.op not in REDUCTIONS:
            return
        if place is not None and place in self.targets.values():
            self.lines.append(f"{place}[0] = {text};")
            self.known[node] = f"{place}[0]"
        elif text.isidentifier():
            self.known[node] = text
        else:
            name = place or self.names.take(self.wanted.get(node, "part"))
            self.lines.append(self.syntax.local(name, text))
            self.known[node] = name

    def _write_loop(self, size: str, nodes: list[Apply]) -> None:
        body: list[str] = []
        for node in nodes:
            text = self._element(node, (UNIT,))
            if node in self.places:
                body.append(f"{self.places[node]}[{UNIT}] = {text};")
                self.known[node] = self.places[node]
            elif self.stages.uses[node] > 1 or node in self.wanted:
                name = self.names.take(self.wanted.get(node, "part"))
                body.append(self.syntax.local(name, text))
                self.known[node] = f"={name}"  # a number of this loop, not an array
        if body:
            self.lines += [self.syntax.loop(UNIT, size), *body, "}"]

    def _write_matrix(self, node: Apply) -> None:
        rows, columns = shape_of(node)
        target = self.places[node]
        place = f"{UNIT} * {self.syntax.count(columns)} + {COLUMN}"
        text = self._element(node, (UNIT, COLUMN))
        self.lines += [
            self.syntax.loop(UNIT, rows), self.syntax.loop(COLUMN, columns),
            f"{target}[{place}] = {text};", "}", "}",
        ]  # fmt: skip
        self.known[node] = target

    def _whole(self, node: Node) -> str:
        """A value as an array: a known value of one unit is a number, and becomes one."""
        if node in self.known:
            found = self.known[node]
            return self.syntax.array_of(found) if shape_of(node) == (ONE,) else found
        assert node in self.given, f"{describe(node)} is not in an array"
        return self.given[node]

    def _element(self, node: Node, indices: tuple[str, ...]) -> str:
        """One number of a value."""

        def leaf(below: Node) -> str | None:
            return self._leaf(below, indices)

        return Formulas(self.syntax.dialect, leaf).term(node)

    def _leaf(self, node: Node, indices: tuple[str, ...]) -> str | None:
        if isinstance(node, Constant):
            return self.constants(node)
        if isinstance(node, Length):
            return self.syntax.length(node.size)
        if isinstance(node, Eye):
            return f"({indices[0]} === {indices[1]} ? 1 : 0)"
        if is_condition(node):
            return None
        shape = shape_of(node)
        found = self.known.get(node)
        if found is not None and found.startswith("="):
            return found[1:]
        if found is None:
            found = self.given.get(node)
            if found is not None and shape == (ONE,):
                return f"{found}[0]"
        if found is not None:
            return self._at(found, shape, indices)
        if isinstance(node, Apply) and node.op == "spread":
            return self._element(node.args[0], ())
        if isinstance(node, Apply) and node.op == "transpose":
            return f"({self._element(node.args[0], indices[::-1])})"
        if isinstance(node, Apply) and node.op in ("part", "pad", "concat"):
            return self._rows(node, indices or ("0",))
        if isinstance(node, Apply) and node.op in ("block_diagonal", "diagonal_blocks"):
            return self._blocks(node, indices)
        if isinstance(node, Apply) and node.op == "outer":
            one, other = (self._element(a, (i,)) for a, i in zip(node.args, indices, strict=True))
            return f"({one} * {other})"
        return None

    def _rows(self, node: Apply, indices: tuple[str, ...]) -> str:
        """A number of some rows of a matrix or vector, of rows with zeros around them, or of two
        vectors one after the other."""
        row, *column = indices
        count = self.syntax.count(shape_of(node.args[0])[0])
        if node.op == "concat":
            one = self._element(node.args[0], (row,))
            other = self._element(node.args[1], (f"({row} - {count})",))
            return f"({row} < {count} ? {one} : {other})"
        place = node.args[1]
        start = self.syntax.count(place.size) if isinstance(place, Length) else "0"
        if node.op == "part":
            place_of = row if start == "0" else f"({row} + {start})"
            return self._element(node.args[0], (place_of, *column))
        end = f"{start} + {count}"
        inner = self._element(node.args[0], (f"({row} - {start})", *column))
        return f"({row} >= {start} && {row} < {end} ? {inner} : 0)"

    def _blocks(self, node: Apply, indices: tuple[str, ...]) -> str:
        """A number of a block-diagonal matrix, or of its blocks, in JavaScript: other exports have
        folded what weights alone decide."""
        (row, column), matrix = indices, node.args[0]
        is_whole = node.op == "block_diagonal"
        size = self.syntax.count(shape_of(matrix if is_whole else node)[1])
        begin = f"Math.floor({row} / {size}) * {size}"
        if not is_whole:
            return self._element(matrix, (row, f"({begin} + {column})"))
        inside = f"Math.floor({column} / {size}) * {size} === {begin}"
        return f"({inside} ? {self._element(matrix, (row, f'({column} - {begin})'))} : 0)"

    def _at(self, name: str, shape: tuple[str, ...], indices: tuple[str, ...]) -> str:
        if shape in ((), (ONE,)):
            return name
        if len(shape) == 1:
            return f"{name}[{indices[0]}]"
        return f"{name}[{indices[0]} * {self.syntax.count(shape[1])} + {indices[1]}]"
