"""A direction as operators of torch's library: for whatever looks at a call and does not only run
it (`torch.compile`, `torch.export`, `torch.func`, `torch.jit.trace`). In: a recurrence as text, a
padded batch. Out: outputs, final states, recorded values; next: the engine, and back to `stack`.

    unrolled::run              what a user's program contains; the one that autograd knows
    unrolled::run_keeping      the same, and what backward needs, in a tensor
    unrolled::backward         the derivatives with respect to input, states and weights

Compilers see shapes and nothing else, and no shape depends on how many threads there are. A
recurrence is its equation, written out, so that a program that was exported runs in any process.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from unrolled.engines.engine import BackwardResults, Sources
from unrolled.engines.plan.lower import Lowered
from unrolled.engines.plan.schedule import Schedule
from unrolled.equations.ops import shape_of
from unrolled.errors import UnrolledError
from unrolled.layers.batch import DenseBatch, RaggedBatch, ragged
from unrolled.layers.bptt import moved, recomputed
from unrolled.layers.operator import Direction, contiguous, jobs_for
from unrolled.layers.parameterized import KERNELS
from unrolled.layers.written import read

HEAD = 16  # numbers before what is kept: the first is the number of jobs, the rest keep a line

_DIRECTION = "str recurrence, Tensor x, Tensor[] initial, Tensor[] weights, Tensor? lengths, bool reverse, str record"  # fmt: skip # noqa: E501
_SCHEMAS = (
    f"run({_DIRECTION}, str bptt) -> Tensor[]",
    f"run_keeping({_DIRECTION}) -> Tensor[]",
    f"backward({_DIRECTION}, str bptt, Tensor[] saved, Tensor? d_outputs, Tensor?[] d_finals, "
    f"bool need_input, bool need_states) -> Tensor[]",
)
LIBRARY: Any = torch.library.Library("unrolled", "DEF")  # type: ignore[no-untyped-call]
for _schema in _SCHEMAS:
    LIBRARY.define(_schema, tags=(torch.Tag.pt2_compliant_tag,))


# ------------------------------------------------------------------------------ what the text says


@dataclass(eq=False)
class Opened:
    """A recurrence, read from its text; the kernels are compiled when it first runs."""

    lowered: Lowered
    sizes: dict[str, int]
    sources: Sources
    order: int
    kept: str

    def __post_init__(self) -> None:
        units = [self.sizes[shape[0]] for shape in self.lowered.step.states.values()]
        self.states = units * 2**self.order  # a tangent has the derivative of each before them
        self.moving = len(self.states) - len(units)
        self._recurrences: dict[torch.dtype, Any] = {}

    def recurrence(self, dtype: torch.dtype) -> Any:
        found = self._recurrences.get(dtype)
        if found is None:
            name = str(dtype).removeprefix("torch.")
            if not KERNELS.runs("cpu", name):
                raise UnrolledError(
                    f"this program was made for the kernels, which run float32, float64, bfloat16 "
                    f"and float16, and is given {dtype}"
                )
            found = KERNELS.recurrence(self.lowered, self.sizes, self.sources, name, self.kept)
            for _ in range(self.order):
                found = found.tangent
            self._recurrences[dtype] = found
        return found

    def widths(self, record: Sequence[str]) -> list[int]:
        """Of values that are recorded."""
        values = self.lowered.step.locals
        return [self.sizes[(*shape_of(values[name]), "1")[0]] for name in record]


def names_of(record: str) -> tuple[str, ...]:
    """Names of values, which an operator takes as one string."""
    return tuple(record.split(",")) if record else ()


_opened: dict[str, Opened] = {}


def opened(text: str) -> Opened:
    """What a text says."""
    found = _opened.get(text)
    if found is None:
        found = _opened[text] = Opened(*read(text))
    return found


# ------------------------------------------------------------------------------------- the kernels


@dataclass(eq=False)
class _Laid:
    """A padded batch as the engine takes it."""

    batch: DenseBatch | RaggedBatch
    schedule: Schedule
    tokens: Tensor
    initial: list[Tensor | None]
    reverse: bool

    def padded(self, tokens: Tensor) -> Tensor:
        return self.batch.scatter(self.batch.turned(tokens, self.reverse))

    def gathered(self, padded: Tensor) -> Tensor:
        return self.batch.turned(self.batch.gather(padded), self.reverse)


def _lay(
    found: Opened, x: Tensor, initial: Sequence[Tensor], lengths: Tensor | None, reverse: bool,
    jobs: int | None = None,
) -> _Laid:  # fmt: skip
    steps, rows = x.shape[:2]
    jobs = jobs_for(x, found.sizes) if jobs is None else jobs
    batch = DenseBatch(steps, rows) if lengths is None else ragged(lengths, steps, rows, jobs)
    starts: list[Tensor | None] = [*initial] or [None] * len(found.states)
    tokens = batch.turned(batch.gather(x), reverse).contiguous()
    return _Laid(
        batch, batch.schedule(jobs, reverse), tokens, [*map(batch.ordered, starts)], reverse
    )


def _forward(
    text: str, x: Tensor, initial: Sequence[Tensor], weights: list[Tensor], lengths: Tensor | None,
    reverse: bool, record: str, bptt: str, room: Tensor | None = None,
) -> list[Tensor]:  # fmt: skip
    found = opened(text)
    recurrence = found.recurrence(x.dtype)
    _check(recurrence, weights)
    laid = _lay(found, x, initial, lengths, reverse)
    if found.moving and bptt.isdigit():  # elsewhere the cut shows on the way back alone
        direction = Direction(recurrence, False, laid.schedule, len(found.states))
        outputs, *finals = moved(direction, int(bptt), laid.tokens.flatten(0, -2), laid.initial,
                                 weights, found.moving)  # fmt: skip
        outputs = laid.padded(outputs.reshape(*laid.tokens.shape[:-1], outputs.shape[-1]))
        return [outputs, *map(laid.batch.restored, finals)]
    if room is not None:
        room[0] = laid.schedule.jobs
    results = recurrence.forward(
        laid.schedule, contiguous(weights), laid.tokens, laid.initial, names_of(record),
        keep=room is not None, room=None if room is None else room[HEAD:],
    )  # fmt: skip
    finals = [laid.batch.restored(final) for final in results.finals]
    return [*map(laid.padded, (results.outputs,)), *finals, *map(laid.padded, results.records)]


def _check(recurrence: Any, weights: Sequence[Tensor]) -> None:
    """Kernels believe addresses."""
    wanted = recurrence.sizes.numbers
    if [w.numel() >= n for w, n in zip(weights, wanted, strict=True)] != [True] * len(wanted):
        raise UnrolledError(
            f"this recurrence takes weights of {wanted} numbers, and is given "
            f"{[weight.numel() for weight in weights]}"
        )


def run(
    text: str, x: Tensor, initial: Sequence[Tensor], weights: list[Tensor], lengths: Tensor | None,
    reverse: bool, record: str, bptt: str,
) -> list[Tensor]:  # fmt: skip
    """Outputs, final states, recorded values."""
    # AOTInductor gives None for a list that is empty
    return _forward(text, x, initial or [], weights, lengths, reverse, record, bptt)


def run_keeping(
    text: str, x: Tensor, initial: Sequence[Tensor], weights: list[Tensor], lengths: Tensor | None,
    reverse: bool, record: str,
) -> list[Tensor]:  # fmt: skip
    """The same, and what is kept for backward."""
    room = _room(text, x, record)
    return [*_forward(text, x, initial, weights, lengths, reverse, record, "whole", room), room]


def _room(text: str, x: Tensor, record: str) -> Tensor:
    """What is kept, as a tensor whose size follows from T and B."""
    dtype = x.dtype
    by_token, by_row, once = opened(text).recurrence(dtype).kept(names_of(record))
    steps, rows = x.shape[:2]
    return x.new_empty(steps * rows * by_token + rows * by_row + once + HEAD)


def backward(
    text: str, x: Tensor, initial: Sequence[Tensor], weights: list[Tensor], lengths: Tensor | None,
    reverse: bool, record: str, bptt: str, saved: Sequence[Tensor],
    d_outputs: Tensor | None, d_finals: Sequence[Tensor | None], need_input: bool,
    need_states: bool,
) -> list[Tensor]:  # fmt: skip
    """Derivatives with respect to the input and the states, where they are needed; and weights."""
    found = opened(text)
    recurrence, weights = found.recurrence(x.dtype), contiguous(weights)
    _check(recurrence, weights)
    jobs = int(saved[1][0]) if saved else None
    laid = _lay(found, x, initial, lengths, reverse, jobs)
    ends = [*map(laid.batch.ordered, d_finals)]
    arrived = None if d_outputs is None else laid.gathered(d_outputs)
    if saved:
        outputs = laid.gathered(saved[0]).contiguous()
        left = recurrence.left(laid.schedule, names_of(record), saved[1][HEAD:], x.shape[2])
        arrived = torch.zeros_like(outputs) if arrived is None else arrived
        gradients: BackwardResults = recurrence.backward(
            laid.schedule, weights, laid.tokens, outputs, left, arrived, ends,
            need_input=need_input, need_states=need_states,
        )  # fmt: skip
    else:
        direction = Direction(recurrence, False, laid.schedule, len(found.states))
        arrived = None if arrived is None else arrived.flatten(0, -2)
        gradients = recomputed(
            direction, bptt, laid.tokens.flatten(0, -2), laid.initial, weights,
            (arrived, *ends), moving=found.moving, need_input=need_input,
        )  # fmt: skip
    result: list[Tensor] = []
    if need_input:
        assert gradients.inputs is not None
        d_tokens = gradients.inputs.reshape(laid.tokens.shape)
        result.append(laid.padded(d_tokens).contiguous())
    if need_states:
        result += [laid.batch.restored(state) for state in gradients.states]
    sums = zip(gradients.arrays, weights, strict=True)  # which may be wider than the weights
    return result + [total.to(weight.dtype) for total, weight in sums]


LIBRARY.impl("run", run, "CPU")
LIBRARY.impl("run_keeping", run_keeping, "CPU")
LIBRARY.impl("backward", backward, "CPU")


# ---------------------------------------------------------------------------------- the shapes only


def _run_shapes(
    text: str, x: Tensor, initial: Sequence[Tensor], weights: list[Tensor], lengths: Tensor | None,
    reverse: bool, record: str, bptt: str = "whole",
) -> list[Tensor]:  # fmt: skip
    found = opened(text)
    steps, rows = x.shape[:2]
    widths = [found.states[0], *found.widths(names_of(record))]
    outputs, *records = [x.new_empty(steps, rows, width) for width in widths]
    return [outputs, *(x.new_empty(1, rows, units) for units in found.states), *records]


def _run_keeping_shapes(
    text: str, x: Tensor, initial: Sequence[Tensor], weights: list[Tensor], lengths: Tensor | None,
    reverse: bool, record: str,
) -> list[Tensor]:  # fmt: skip
    results = _run_shapes(text, x, initial, weights, lengths, reverse, record)
    return [*results, _room(text, x, record)]


def _backward_shapes(
    text: str, x: Tensor, initial: Sequence[Tensor], weights: list[Tensor], lengths: Tensor | None,
    reverse: bool, record: str, bptt: str, saved: Sequence[Tensor],
    d_outputs: Tensor | None, d_finals: Sequence[Tensor | None], need_input: bool,
    need_states: bool,
) -> list[Tensor]:  # fmt: skip
    result = [x.new_empty(x.shape)] if need_input else []
    if need_states:
        result += [x.new_empty(1, x.shape[1], units) for units in opened(text).states]
    return result + [weight.new_empty(weight.shape) for weight in weights]


torch.library.register_fake("unrolled::run", _run_shapes, lib=LIBRARY)
torch.library.register_fake("unrolled::run_keeping", _run_keeping_shapes, lib=LIBRARY)
torch.library.register_fake("unrolled::backward", _backward_shapes, lib=LIBRARY)
