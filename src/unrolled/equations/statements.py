"""An equation as data: named values, one after another, and which of them are the results.

In: `trace` (a user's step), a pass (`derive`, `simplify`, ...) or `plain` (stored data). Out:
`Statements`, which passes and printers take; next: `equation`, the facade that users see.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

from unrolled.equations.lengths import is_plain, known_length, terms_of
from unrolled.equations.nodes import (
    Apply,
    ConstantArray,
    Length,
    Node,
    Shape,
    Variable,
    topological,
)
from unrolled.equations.ops import shape_of
from unrolled.errors import ShapeError


@dataclass(frozen=True, eq=False)
class Statements:
    """One time step.

    `given` are the values from outside, in order: the input, the old states, the named inputs, the
    weights, and for a backward step also the values stored by the forward step and the incoming
    derivatives. `defaults` are the values of optional named inputs. `fixed` names weights that are
    not trained. `output` is set if the output is not a state of the cell; it is nevertheless the
    first of the states, so that every engine stores it at each step, but nothing reads its old
    value. `noise` says which inputs are random in training, and how. `statements` name the computed
    values; `results` are the names of those that the step returns: the new states of a forward step
    (the first is the output), or the derivatives of a backward step.
    """

    name: str
    given: tuple[Variable, ...]
    statements: tuple[tuple[str, Node], ...]
    results: tuple[str, ...]
    initial_state: Mapping[str, float] = field(default_factory=dict)
    initial: Mapping[str, Any] = field(default_factory=dict)
    defaults: Mapping[str, float] = field(default_factory=dict)
    noise: Mapping[str, tuple[str, float]] = field(default_factory=dict)
    fixed: tuple[str, ...] = ()
    output: str | None = None

    @cached_property
    def values(self) -> dict[str, Node]:
        """Every named value, given (old states by their own name) or computed."""
        return {v.name: v for v in self.given} | dict(self.statements)

    @cached_property
    def locals(self) -> dict[str, Node]:
        """The named values that the step computes, in order."""
        return dict(self.statements)

    def _shapes(self, role: str) -> dict[str, Shape]:
        return {v.name: shape_of(v) for v in self.given if v.role == role}

    @cached_property
    def inputs(self) -> dict[str, Shape]:
        """Input name -> shape; the first is what a layer is called with."""
        return self._shapes("input")

    @cached_property
    def named_inputs(self) -> dict[str, Shape]:
        """The inputs after the first, which are given by name."""
        return dict([*self.inputs.items()][1:])

    @cached_property
    def states(self) -> dict[str, Shape]:
        """State name -> shape; the first is the output."""
        return self._shapes("state")

    @cached_property
    def carried(self) -> dict[str, Shape]:
        """The states that are passed from step to step: all, except an output that is no state."""
        return {name: shape for name, shape in self.states.items() if name != self.output}

    @cached_property
    def weights(self) -> dict[str, Shape]:
        """Weight name -> shape, in the order in which the step first uses them."""
        return self._shapes("weight")

    @cached_property
    def without_derivative(self) -> frozenset[str]:
        """The given values that get no derivative: fixed weights and random masks."""
        return frozenset(self.fixed).union(name for name in self.noise if name in self.named_inputs)

    @cached_property
    def constants(self) -> dict[str, ConstantArray]:
        """The hyperparameters that are arrays, by name."""
        nodes = topological(node for _, node in self.statements)
        return {node.name: node for node in nodes if isinstance(node, ConstantArray)}

    @cached_property
    def lengths(self) -> dict[str, int]:
        """The sizes that are already known because a constant array has them."""
        return {size: length for array in self.constants.values()
                for size, length in zip(array.shape or (), array.lengths, strict=True)
                if size != "1"}  # fmt: skip

    @cached_property
    def sizes(self) -> tuple[str, ...]:
        """The names of the sizes, `input_size` and `hidden_size` first."""
        given = (*self.given, *self.constants.values())
        used = {base for node in given for size in shape_of(node) for base, _ in terms_of(size)}
        used.discard("1")
        first = [size for size in ("input_size", "hidden_size") if size in used]
        return (*first, *sorted(used - set(first)))

    @cached_property
    def derived_sizes(self) -> tuple[str, ...]:
        """The sizes that follow from others: hidden_size/4, input_size + hidden_size."""
        nodes = topological([*self.given, *(node for _, node in self.statements)])
        found: dict[str, None] = {}
        for node in nodes:
            sizes = (node.size,) if isinstance(node, Length) else shape_of(node)
            found |= {size: None for size in sizes if not is_plain(size)}
        return tuple(found)

    @cached_property
    def blocks(self) -> dict[str, tuple[str, int]]:
        """The sizes of weights that are blocks of others, hidden_size/4, and of what."""
        given = (size for v in self.given for size in shape_of(v))
        terms = {size: terms_of(size) for size in given if "/" in size}
        return {size: found[0] for size, found in terms.items() if len(found) == 1}

    @cached_property
    def cuts(self) -> tuple[tuple[str, int], ...]:
        """The sizes that are split, and into how many parts, of which they must be multiples."""
        found = (term for size in self.derived_sizes for term in terms_of(size))
        return tuple(dict.fromkeys(term for term in found if term[1] > 1))

    @property
    def input_is_hidden(self) -> bool:
        """Whether x is combined with a state unit by unit, so that both need the same size."""
        return (
            "input_size" not in self.sizes
            and next(iter(self.inputs.values()), None) == ("hidden_size",)
        )  # fmt: skip

    def resolve(self, **sizes: int) -> dict[str, int]:
        """Check the given sizes; returns every size of this equation, and "1"."""
        if self.input_is_hidden and sizes.get("input_size") not in (None, sizes.get("hidden_size")):
            raise ShapeError(
                f"{self.name} combines its input with a state unit by unit, so input_size must be "
                f"hidden_size: {sizes['input_size']} is not {sizes.get('hidden_size')}"
            )
        known = self.lengths | {size: n for size, n in sizes.items() if n is not None}
        for size in self.sizes:
            if size not in known:
                raise ShapeError(f"{self.name} needs {size}: give it as {size}=..., 1 or more")
        self.check_sizes(**known)
        resolved = {"1": 1} | {size: int(known[size]) for size in self.sizes}
        return resolved | {
            size: known_length(size, resolved, self.name) for size in self.derived_sizes
        }

    def check_sizes(self, **sizes: Any) -> None:
        """Refuse an invalid size, or one that differs from that of a constant array."""
        for size, number in sizes.items():
            if isinstance(number, bool) or not isinstance(number, int) or number < 1:
                raise ShapeError(f"{size} must be a positive integer, not {number!r}")
            if number != self.lengths.get(size, number):
                array = next(a for a in self.constants.values() if size in (a.shape or ()))
                form = " x ".join(map(str, array.lengths))
                raise ShapeError(
                    f"the constant {array.name} of {self.name} has the form {form}, so {size} is "
                    f"{self.lengths[size]}, not {number}: give another array, or omit {size}"
                )

    def weight_count(self, **sizes: int) -> int:
        """The number of trained weights."""
        known = self.resolve(**sizes)
        return sum(_volume(s, known) for name, s in self.weights.items() if name not in self.fixed)

    def operation_count(self, **sizes: int) -> int:
        """Operations on numbers in one step of one sequence; a multiply and an add are two."""
        known, count = self.resolve(**sizes), 0
        for node in topological(dict(self.statements).values()):
            if isinstance(node, Apply) and len(shape_of(node)) < 2:
                factor = 2 * _columns(node.args[0], known) if node.op == "matmul" else 1
                count += factor * _volume(shape_of(node), known)
        return count


# A pass gives what it takes: statements, or an equation.
S = TypeVar("S", bound=Statements)


def _columns(matrix: Node, sizes: Mapping[str, int]) -> int:
    """How many numbers of each row are multiplied."""
    while isinstance(matrix, Apply) and matrix.op in ("transpose", "block_diagonal"):
        if matrix.op == "block_diagonal":
            return sizes[shape_of(matrix.args[0])[1]]
        (matrix,) = matrix.args
    return sizes[shape_of(matrix)[1]]


def _volume(shape: Shape, sizes: Mapping[str, int]) -> int:
    count = 1
    for size in shape:
        count *= sizes[size]
    return count
