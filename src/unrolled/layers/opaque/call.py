"""Calls of the operators as data, with the tensors in one row, as autograd wants them. In: what an
operator was given. Out: `Run`, `Backward`, which call the operators; next: `autograd`, `tangents`.

The row: the input, the initial states, the weights, the lengths if there are any.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from unrolled.layers import written

OPERATORS: Any = torch.ops.unrolled


@dataclass(eq=False)
class OperatorRun:
    """A call of `run`, or with `keeps` of `run_keeping`."""

    text: str
    states: int  # initial ones that are given
    weights: int
    has_lengths: bool
    reverse: bool
    record: str
    bptt: str
    keeps: bool = False

    def __call__(self, row: Sequence[Tensor]) -> list[Tensor]:
        arguments = self.arguments(row)
        found: list[Tensor] = (
            OPERATORS.run_keeping(*arguments)
            if self.keeps
            else OPERATORS.run(*arguments, self.bptt)
        )
        return found

    def arguments(self, row: Sequence[Tensor]) -> tuple[Any, ...]:
        """What both operators take."""
        x, *rest = row
        end = self.states + self.weights
        lengths = rest[end] if self.has_lengths else None
        return (self.text, x, rest[: self.states], rest[self.states : end], lengths, self.reverse,
                self.record)  # fmt: skip

    @property
    def tangent(self) -> OperatorRun:
        """The same sequence and how it moves, together."""
        return replace(self, text=written.tangent(self.text), states=2 * self.states,
                       weights=2 * self.weights, record="", keeps=False)  # fmt: skip


@dataclass(eq=False)
class OperatorBackward:
    """A call of `backward`."""

    run: OperatorRun
    need_input: bool
    need_states: bool

    def __call__(
        self, row: Sequence[Any], saved: Sequence[Tensor], arrived: Sequence[Tensor | None]
    ) -> list[Tensor]:
        d_outputs, *d_finals = arrived
        found: list[Tensor] = OPERATORS.backward(
            *self.run.arguments(row), self.run.bptt, [*saved], d_outputs, d_finals,
            self.need_input, self.need_states,
        )  # fmt: skip
        return found

    def by_argument(self, found: Sequence[Tensor | None]) -> list[Tensor | None]:
        """Results in the order of the row."""
        given = list(found)
        first = [given.pop(0)] if self.need_input else [None]
        weights = given[len(given) - self.run.weights :]
        states = given[: len(given) - self.run.weights] if self.run.states else []
        states = states or [None] * self.run.states
        return [*first, *states, *weights, *([None] if self.run.has_lengths else [])]
