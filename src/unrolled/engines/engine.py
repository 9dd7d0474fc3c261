"""The protocol between layers and engines. In: a step, its sizes, and the layout of its weights.
Out: a `Recurrence`, which runs the step over a batch, forward and backward, or a `Traced` one, or a
`Stepper`, which runs one time step at a time; next: `cpu` and `torch`, which implement it, and
`layers` and `textbook`, which use it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from unrolled.engines.plan.lower import Lowered
from unrolled.engines.plan.schedule import Schedule

Array = Any  # what the engine's arrays are: torch's tensors, or NumPy's


@dataclass(frozen=True)
class Source:
    """Where a weight begins: in row `row` of the caller's array `array`."""

    array: int
    row: int = 0


# Each weight's sources; a vector may have two, whose sum it is.
Sources = Mapping[str, tuple[Source, ...]]
Packs = dict[Any, Any]  # weights as an engine has packed them, to serve for several calls


@dataclass
class ForwardResults:
    """Outputs, (tokens, n); final states, (1, rows, n) each; values that were asked for, by token;
    and what backward needs beside them: the engine alone knows what it is."""

    outputs: Array
    finals: Sequence[Array]
    records: Sequence[Array]
    left: Any = None


@dataclass
class BackwardResults:
    """With respect to the input, the initial states and the caller's arrays of weights, in their
    forms. `norms`: how long the derivative with respect to a state was at each token, (tokens, 1).
    """

    inputs: Array | None
    states: Sequence[Array]
    arrays: list[Array]
    norms: dict[str, Array]


class Recurrence(Protocol):
    """One step with all its sizes. `weights` are the caller's arrays, contiguous. `packs` serves
    several calls for which they stay the same."""

    def forward(
        self,
        schedule: Schedule,
        weights: Sequence[Array],
        xs: Array,
        initial: Sequence[Array | None],
        record: tuple[str, ...] = (),
        *,
        keep: bool = False,
        packs: Packs | None = None,
        into: Array | None = None,
        room: Array | None = None,
        reset: Array | None = None,
    ) -> ForwardResults:
        """xs: (tokens, I), or dense (T, B, I), contiguous; initial: (1, rows, n) each, None for
        zeros. `keep`: backward follows. `into`: where the outputs go, contiguous. `room`: where
        what backward needs goes, flat, as large as `kept` says. `reset`: a boolean for each
        token, contiguous: true where states are reset before it."""

    def kept(self, record: tuple[str, ...]) -> tuple[int, int, int]:
        """The maximal count of numbers that backward needs: per token, per row, and once."""

    def left(self, schedule: Schedule, record: tuple[str, ...], room: Array, width: int) -> Any:
        """What `forward` stored in this memory, for inputs of this width."""

    def backward(
        self,
        schedule: Schedule,
        weights: Sequence[Array],
        xs: Array,
        outputs: Array,
        left: Any,
        d_outputs: Array,
        d_finals: Sequence[Array | None],
        norms: tuple[str, ...] = (),
        *,
        packs: Packs | None = None,
        need_input: bool = True,
        need_states: bool = True,
        reuse: Sequence[Array] = (),
        reset: Array | None = None,
    ) -> BackwardResults:
        """`left`: what forward has left. d_finals: None for zeros. `norms` names states to be
        measured. `reuse`: arrays of an earlier result, which may be overwritten."""

    @property
    def states(self) -> tuple[str, ...]:
        """The names of the states; the first is the output."""

    def state(self, name: str, outputs: Array, left: Any) -> Array:
        """A state of every token, (tokens, n), while what forward has left is there."""

    @property
    def tangent(self) -> Recurrence:
        """The step together with its derivative in a direction, which runs the same way."""

    @property
    def origin(self) -> tuple[Lowered, Mapping[str, int], Sources]:
        """What it was made of."""


class Traced(Protocol):
    """One step with all its sizes, whose forward pass runs under autograd."""

    def forward(
        self,
        schedule: Schedule,
        weights: Sequence[Array],
        xs: Array,
        initial: Sequence[Array | None],
        record: tuple[str, ...] = (),
        probes: Mapping[str, Array] | None = None,
    ) -> ForwardResults:
        """As `Recurrence.forward`. `probes`, by state: (tokens, 1), whose gradient will be how long
        the derivative with respect to the state is."""


R = TypeVar("R", bound=Recurrence | Traced, covariant=True)


class Engine(Protocol[R]):
    """Runs a step on some kind of machine."""

    name: str

    def runs(self, device: str, dtype: str) -> bool:
        """Whether it has code for this device and dtype."""

    def recurrence(
        self, lowered: Lowered, sizes: Mapping[str, int], sources: Sources, dtype: str,
        kept: str = "",
    ) -> R:  # fmt: skip
        """A step with all its sizes, on arrays that hold its weights so; `kept`: the dtype of what
        forward leaves for backward, where it is not that of the numbers."""


class Stepper(Protocol):
    """Layers one above the other, one time step at a time, for a number of sequences B. Its arrays
    hold the numbers that are computed with, in rows that may be longer than is used of them."""

    x: Array  # (B, I): where a step's input may be written
    y: Array  # (B, n): the output of the last step
    is_widened: bool  # whether rows of x are longer than the input, which must be written there
    states: Sequence[Mapping[str, Array]]  # of each layer by name, (2, B, n): a row for either turn
    named: Mapping[str, Array]  # inputs beside the first, (2, B, n): the same for either turn
    turn: int  # which row of the states the next step writes
    packed: int  # bytes of weights that a step reads
    run: Callable[[int, int], None]  # a step: run(address, own), or with the address of an input
    address: int
    own: int  # where x lies

    def prepare(self, weights: Sequence[Sequence[Array]]) -> None:
        """Take over the weights of every layer, in the caller's arrays. The turn is 0 again, and
        `address` another."""


class StreamingEngine(Engine[Recurrence], Protocol):
    """An engine that also runs one time step at a time."""

    def stepper(self, recurrences: Sequence[Any], inputs: int, batch: int) -> Stepper:
        """For layers of this engine's own recurrences, and inputs of so many numbers."""
