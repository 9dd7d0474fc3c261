"""Every call of the library is sound; and each sort of unsound call is named."""

from dataclasses import replace
from typing import Any

import pytest

import unrolled
from tests.unit.engines.cpu.call.calls import Calls
from unrolled.cells import LSTM
from unrolled.cells.library import variants
from unrolled.engines.cpu.call.call import (
    Buffer,
    Call,
    CopyRows,
    Owner,
    Per,
    RunKernel,
    View,
)
from unrolled.engines.cpu.call.verify import CallError, verify
from unrolled.engines.plan.directions import Inputs
from unrolled.engines.plan.plan import Kind

CELLS = dict(variants())
INPUTS, HIDDEN = 3, 11


@pytest.mark.parametrize("name", CELLS)
def test_the_librarys_calls_are_sound(name: str) -> None:
    cell: Any = CELLS[name]
    inputs = HIDDEN if unrolled.equation(cell).input_is_hidden else INPUTS
    verify(Calls(cell, inputs, HIDDEN, keep=False).forward.call)
    for inside in (True, False):
        calls = Calls(cell, inputs, HIDDEN, inside=inside)
        verify(calls.forward.call)
        for how in Inputs:
            verify(calls.backward(how).call)
    halved = Calls(cell, inputs, HIDDEN, half=True)
    verify(halved.forward.call)
    verify(halved.backward().call)
    for inside in (True, False):
        small = Calls(cell, inputs, HIDDEN, inside=inside, weights=True)
        verify(small.forward.call)
        verify(small.backward().call)


@pytest.fixture
def call() -> Call:
    return Calls(LSTM, 3, 11).backward().call


def with_kernel(call: Call, **changes: Any) -> Call:
    """The same call with another kernel step."""
    steps = tuple(replace(s, **changes) if isinstance(s, RunKernel) else s for s in call.each_chunk)
    return replace(call, each_chunk=steps)


def test_a_place_that_is_not_bound_is_named(call: Call) -> None:
    bind = {p: v for p, v in call.kernel.bind.items() if p.name != "d output"}
    with pytest.raises(CallError, match="bound and needed places differ: d output"):
        verify(with_kernel(call, bind=bind))


def test_a_place_that_is_bound_to_the_wrong_kind_of_buffer_is_named(call: Call) -> None:
    token = next(p for p in call.kernel.bind if p.kind is Kind.TOKEN)
    row = next(views for p, views in call.kernel.bind.items() if p.kind is Kind.NOW)
    wrong = dict(call.kernel.bind) | {token: row[:1]}
    with pytest.raises(CallError, match=f"the place {token.name} .token. cannot lie in turn"):
        verify(with_kernel(call, bind=wrong))


def test_a_state_needs_two_buffers(call: Call) -> None:
    before = next(p for p in call.kernel.bind if p.kind is Kind.BEFORE)
    wrong = dict(call.kernel.bind) | {before: call.kernel.bind[before][:1]}
    with pytest.raises(CallError, match=f"the place {before.name} .before. cannot lie in"):
        verify(with_kernel(call, bind=wrong))


def test_what_nobody_has_written_is_not_read(call: Call) -> None:
    with pytest.raises(CallError, match="RunKernel reads turn h 0"):
        verify(replace(call, before=tuple(
            step for step in call.before if step.writes[0].buffer.name != "turn h 0"
        )))  # fmt: skip


def test_steps_in_the_wrong_order_are_noticed(call: Call) -> None:
    with pytest.raises(CallError, match="Multiply to d x reads lefts hidden_size"):
        verify(replace(call, each_chunk=call.each_chunk[::-1]))


def test_sums_must_begin_somewhere(call: Call) -> None:
    with pytest.raises(CallError, match="RunKernel reads added"):
        verify(replace(call, before=tuple(
            step for step in call.before if step.writes[0].buffer.name != "added"
        )))  # fmt: skip


def test_packing_is_noticed_when_it_is_missing(call: Call) -> None:
    with pytest.raises(CallError, match="RunKernel reads pack 0"):
        verify(replace(call, once=()))


def test_a_step_that_leaves_its_buffer_is_named(call: Call) -> None:
    first = next(s for s in call.after if isinstance(s, CopyRows))
    wrong = tuple(replace(s, fill=s.fill + 1) if s is first else s for s in call.after)
    with pytest.raises(CallError, match="CopyRows to first h goes beyond first h: 12 numbers"):
        verify(replace(call, after=wrong))


def test_a_buffer_that_the_call_lacks_is_named(call: Call) -> None:
    stray = Buffer("stray", Owner.PASSING, Per.ROW, 16)
    first = next(s for s in call.after if isinstance(s, CopyRows))
    wrong = tuple(replace(s, sources=(View(stray),)) if s is first else s for s in call.after)
    with pytest.raises(CallError, match="uses stray, which the call does not have"):
        verify(replace(call, after=wrong))


def test_a_result_that_nobody_writes_is_named(call: Call) -> None:
    after = tuple(step for step in call.after if step.writes[0].buffer.name != "first h")
    with pytest.raises(CallError, match="nothing writes the result first h"):
        verify(replace(call, after=after))


def test_packed_weights_fit_their_block(call: Call) -> None:
    lengths = (call.kernel.lengths[0] + 1, *call.kernel.lengths[1:])
    with pytest.raises(CallError, match="pack 0 does not fit its block"):
        verify(with_kernel(call, lengths=lengths))


def test_bfloat16_where_the_plan_expects_whole_numbers_is_named() -> None:
    call = Calls(LSTM, 3, 11, half=True).forward.call
    place, views = next((p, v) for p, v in call.kernel.bind.items() if v[0].buffer.half)
    whole = replace(views[0], buffer=replace(views[0].buffer, half=False))
    wrong = dict(call.kernel.bind) | {place: (whole,)}
    with pytest.raises(CallError, match=f"the place {place.name} lies in whole numbers"):
        verify(with_kernel(call, bind=wrong))


def test_bfloat16_outside_of_a_kernel_is_named() -> None:
    call = Calls(LSTM, 3, 11, half=True).forward.call
    first = next(s for s in call.before if isinstance(s, CopyRows))
    to = replace(first.to, buffer=replace(first.to.buffer, half=True))
    wrong = tuple(replace(s, to=to) if s is first else s for s in call.before)
    buffers = (*call.buffers, to.buffer)
    with pytest.raises(
        CallError, match="CopyRows to initial h does not take initial h, of bfloat16"
    ):
        verify(replace(call, before=wrong, buffers=buffers))
